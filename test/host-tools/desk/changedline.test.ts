// An attacker on the line changes a card's answers before its channel is open, or passes off a card whose transport keys
// he has as another card. `dsc personalize` must not be deceived.

import * as assert from "uvu/assert";
import { Ins, Level, Tag } from "../../../firmware/wire.js";
import { AuthenticationFailed } from "../../../host-tools/card/errors.js";
import { derivedKeys } from "../../../host-tools/desk/expectedkeys.js";
import type { Request } from "../../../host-tools/desk/request.js";
import { WrongCard } from "../../../host-tools/files/errors.js";
import type { Card } from "../../../sim/core/card.js";
import { openChannel } from "../../../sim/session/cardcommands.js";
import { blankCard } from "../../support/cards.js";
import { Liar } from "../../support/liar.js";
import { Listener } from "../../support/listener.js";
import { pattern } from "../../support/pattern.js";
import { attempt, failureOf, KeptRegister, statusOf, type Tap } from "../../support/seeding.js";
import { send, WIPE } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const test = suite("changed line");

const MASTER = pattern(16);
const OLD_MASTER = pattern(16, 1);
const REQUEST: Request = {
  serial: "IB3000123",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  pin: "8352",
  transport: MASTER,
  transportOld: OLD_MASTER,
  reseed: true,
};

/** A personalized card with transport keys from the old master key. */
async function oldCard(serial: string, seed: number, tap?: Tap): Promise<Card> {
  const card = blankCard({ seed });
  const first = { ...REQUEST, serial, transport: OLD_MASTER, transportOld: undefined };
  await attempt(card, first, new KeptRegister(), undefined, tap);
  return card;
}

async function refusedInChannel(card: Card, request: Request, register: KeptRegister, liar: Liar): Promise<void> {
  const before = Buffer.from(card.flash.bytes);
  const error = await failureOf(attempt(card, request, register, undefined, liar));
  assert.instance(error, AuthenticationFailed, String(error));
  assert.ok(liar.instructions.includes(Ins.EXTERNAL_AUTHENTICATE));
  assert.not.ok(liar.instructions.includes(Ins.STORE_DATA));
  assert.equal(Buffer.from(card.flash.bytes), before, "the card is as it was");
}

test("a pending record does not go to another card that is given the first card's id on the line", async () => {
  const card = await oldCard(REQUEST.serial, 5);
  const register = new KeptRegister();
  let frame = 0;
  // Interrupted when the card has the keys: the record is still pending.
  for (; (await statusOf(card)).life !== "seeded"; frame++)
    assert.ok(await failureOf(attempt(card, REQUEST, register, { frame, spoil: undefined })));
  assert.is(register.newest(REQUEST.serial)?.state, "pending");
  const id = Buffer.from((await statusOf(card)).id ?? "", "hex");
  const other = await oldCard("IB3000124", 6);
  await refusedInChannel(other, REQUEST, register, new Liar([[Tag.CARD_ID, (data) => void id.copy(data)]]));
  await attempt(card, REQUEST, register);
  assert.is(register.newest(REQUEST.serial)?.state, "done");
});

test("a personalized card that the line reports as blank is not seeded again", async () => {
  const card = await oldCard(REQUEST.serial, 5);
  const register = new KeptRegister();
  const liar = new Liar([[Tag.STATUS, (data) => void data.fill(1, 0, 1)]]);
  await refusedInChannel(card, { ...REQUEST, reseed: false }, register, liar);
  assert.is(register.newest(REQUEST.serial), undefined, "no keys are kept for it");
});

test("a card whose id is changed on the line gets no record", async () => {
  const card = await oldCard(REQUEST.serial, 5);
  const register = new KeptRegister();
  await refusedInChannel(card, REQUEST, register, new Liar([[Tag.CARD_ID, (data) => void data.fill(7, 0, 8)]]));
  assert.is(register.newest(REQUEST.serial), undefined);
});

test("a card whose transport keys belong to another serial number gets no record without --reseed", async () => {
  const listener = new Listener();
  // He eavesdropped on its first seeding. Then it was wiped.
  const known = await oldCard("IB3000124", 6, listener);
  const keys = derivedKeys(OLD_MASTER, "IB3000124", 1);
  send(known, openChannel(known, Level.FULL, keys), WIPE);
  const register = new KeptRegister();
  const error = await failureOf(attempt(known, { ...REQUEST, reseed: false }, register, undefined, listener));
  const { key } = register.newest(REQUEST.serial) ?? {};
  assert.not.ok(key && listener.decrypt().includes(key), "the listener has the token key");
  assert.instance(error, WrongCard, String(error));
  assert.match((error as Error).message, /IB3000124, not IB3000123.*--reseed/);
  assert.is(register.newest(REQUEST.serial), undefined);
  await attempt(known, REQUEST, register);
});

test.run();
