// How the host tools use the card id, the kind of host and the state ERROR of the card on the line.

import * as assert from "uvu/assert";
import { Kind, Level } from "../../../firmware/wire.js";
import { CardClient } from "../../../host-tools/card/cardclient.js";
import { Link } from "../../../host-tools/card/link.js";
import { testKeys } from "../../../host-tools/card/transportkeys.js";
import { type Exit, exitCodeOf } from "../../../host-tools/cli/exit.js";
import type { Request } from "../../../host-tools/desk/request.js";
import { CardInError, FileError, WrongCard } from "../../../host-tools/files/errors.js";
import { Card } from "../../../sim/core/card.js";
import { Flash } from "../../../sim/core/flash.js";
import { currentBytes, Offset } from "../../../sim/core/image.js";
import { openChannel } from "../../../sim/session/cardcommands.js";
import { DEMO } from "../../../sim/session/demo.js";
import { compile } from "../../mutants/apply.js";
import { FORMER_FAULTS } from "../../mutants/firstrelease.js";
import { WITHOUT_ID_AND_HOST } from "../../mutants/single.js";
import { blankCard, cardOf, login, MODULE } from "../../support/cards.js";
import { attempt, failureOf, KeptRegister, Line, statusOf } from "../../support/seeding.js";
import { send, WIPE } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const test = suite("which card");

const REQUEST: Request = {
  serial: "IB3000123",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  pin: "8352",
};

async function refused(
  work: Promise<unknown>,
  code: Exit,
  kind: abstract new (...args: never[]) => Error,
): Promise<string> {
  const error = await failureOf(work);
  assert.instance(error, kind);
  assert.is(exitCodeOf(error), code);
  return (error as Error).message;
}

/** The first frame to cut the line at: about where the keys are in the register and not yet in the card. */
const BEFORE_STORE = 20;

/** Begins a personalization that is interrupted while its record is pending. */
async function begin(card: Card, register: KeptRegister): Promise<void> {
  for (let frame = BEFORE_STORE; register.newest(REQUEST.serial) === undefined; frame++) {
    assert.ok(await failureOf(attempt(card, REQUEST, register, { frame, spoil: undefined })));
  }
  assert.is(register.newest(REQUEST.serial)?.state, "pending");
}

// ---- the card id ----

test("a status has the card id, which a seeding does not change", async () => {
  const card = blankCard({ seed: 5 });
  const { id } = await statusOf(card);
  assert.match(id ?? "", /^[0-9a-f]{16}$/);
  const register = new KeptRegister();
  await attempt(card, REQUEST, register);
  assert.is((await statusOf(card)).id, id);
  assert.is(register.newest(REQUEST.serial)?.cardId, id, "the record says on which card it was begun");
});

test("a pending record is resumed on the card that it was begun on, and on no other blank one", async () => {
  const card = blankCard({ seed: 5 });
  const register = new KeptRegister();
  await begin(card, register);
  const other = blankCard({ seed: 6 });
  const said = await refused(attempt(other, REQUEST, register), 6, FileError);
  assert.match(said, new RegExp(`${(await statusOf(card)).id}.*${(await statusOf(other)).id}`));
  assert.is((await statusOf(other)).life, "blank");
  await attempt(card, REQUEST, register);
  assert.is(login(card, "8352") !== undefined, true);
  assert.is(register.newest(REQUEST.serial)?.state, "done");
});

test("a pending record is not resumed on the card after a wipe", async () => {
  const card = blankCard({ seed: 5 });
  const register = new KeptRegister();
  await begin(card, register);
  send(card, openChannel(card, Level.FULL, testKeys()), WIPE);
  await refused(attempt(card, REQUEST, register), 6, FileError);
});

test("keys that are bound to no card, such as imported ones, go into none", async () => {
  const register = new KeptRegister();
  const begun = new KeptRegister();
  await begin(blankCard({ seed: 5 }), begun);
  const record = begun.newest(REQUEST.serial);
  assert.ok(record);
  await register.bind({ ...record, cardId: undefined });
  const message = await refused(attempt(blankCard({ seed: 6 }), REQUEST, register), 6, FileError);
  assert.match(message, /bound to no card.*--reseed/);
});

/** A card as the first release made it: no card id, no kind of host. */
async function firstRelease(): Promise<Card> {
  const module = await compile(WITHOUT_ID_AND_HOST);
  return new Card(module, { seed: 5 });
}

test("a card of the first release can be read and wiped, and is not personalized", async () => {
  const card = await firstRelease();
  const { id, kind, life } = await statusOf(card);
  assert.equal([id, kind, life], [undefined, undefined, "blank"]);
  const register = new KeptRegister();
  assert.match(await refused(attempt(card, REQUEST, register), 5, WrongCard), /no card id/);
  assert.is(register.newest(REQUEST.serial), undefined);
});

// ---- the kind of host ----

test("a status has the kind of host", async () => {
  for (const [kind, name] of [
    [Kind.PRODUCTION, "production"],
    [Kind.DEVELOPMENT, "development"],
    [Kind.SIMULATOR, "simulator"],
  ] as const) {
    assert.is((await statusOf(new Card(MODULE, { seed: 5, kind }))).kind, name);
  }
});

test("a development image is personalized only with --allow-development", async () => {
  const card = new Card(MODULE, { seed: 5, kind: Kind.DEVELOPMENT });
  const register = new KeptRegister();
  assert.match(await refused(attempt(card, REQUEST, register), 5, WrongCard), /--allow-development/);
  assert.is(register.newest(REQUEST.serial), undefined);
  assert.is((await statusOf(card)).life, "blank");
  await attempt(card, { ...REQUEST, allowDevelopment: true }, register);
  assert.is((await statusOf(card)).life, "personalized");
  await attempt(new Card(MODULE, { seed: 6, kind: Kind.PRODUCTION }), REQUEST, new KeptRegister());
});

// ---- a card in ERROR ----

/** A card whose root secret lost a bit: ERROR 02. */
function unreadable(): Card {
  const flash = new Flash(cardOf().flash.bytes);
  const page = currentBytes(flash.bytes);
  page[Offset.ROOT] = (page[Offset.ROOT] as number) ^ 1;
  return new Card(MODULE, { flash });
}

function clientOf(card: Card): CardClient {
  return new CardClient(new Link(new Line(card)));
}

test("every request to a card in ERROR fails with the error's number and what to do", async () => {
  const keys = testKeys();
  const asks: Record<string, (client: CardClient) => Promise<unknown>> = {
    status: (client) => client.readStatus(),
    channel: (client) => client.openChannel(0x33, keys),
    "self-test": (client) => client.selfTest("screen"),
  };
  const failing = blankCard();
  failing.randomFails = true;
  for (const [number, card] of [
    [2, unreadable()],
    [3, failing],
  ] as const) {
    for (const [what, ask] of Object.entries(asks)) {
      const said = await refused(ask(clientOf(card)), 5, CardInError);
      assert.match(said, new RegExp(`^the card is in ERROR 0${number}: .*replace`), what);
    }
    await clientOf(card).closeChannel();
    await refused(attempt(card, REQUEST, new KeptRegister()), 5, CardInError);
  }
});

test("a card of the first release in ERROR, whose status has no life, is recognised", async () => {
  const module = await compile(FORMER_FAULTS["error-not-told"]);
  const card = new Card(module, { flash: new Flash(new Uint8Array(4096)) });
  assert.match(await refused(clientOf(card).readStatus(), 5, CardInError), /in ERROR: .*first release/);
});

test("the demo card has a serial number and is a personalized simulator", async () => {
  const { serial, kind, life } = await statusOf(cardOf());
  assert.equal([serial, kind, life], [DEMO.serial, "simulator", "personalized"]);
});

test.run();
