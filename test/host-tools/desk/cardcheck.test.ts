// `dsc check` on both engines: it recognises the register's card, names each difference, sends a false card no secrets,
// and writes nothing.

import * as assert from "uvu/assert";
import { Ins, Level, Tag } from "../../../firmware/wire.js";
import { CardClient } from "../../../host-tools/card/cardclient.js";
import { AuthenticationFailed } from "../../../host-tools/card/errors.js";
import { Link } from "../../../host-tools/card/link.js";
import { type CardCheck, checkCard } from "../../../host-tools/desk/cardcheck.js";
import { derivedKeys } from "../../../host-tools/desk/expectedkeys.js";
import type { Register } from "../../../host-tools/desk/register/register.js";
import type { CardsTable } from "../../../host-tools/desk/register/schema.js";
import { SeedingDesk } from "../../../host-tools/desk/register/seedingdesk.js";
import type { Request } from "../../../host-tools/desk/request.js";
import { UsageError } from "../../../host-tools/files/errors.js";
import type { Card } from "../../../sim/core/card.js";
import { openChannel } from "../../../sim/session/cardcommands.js";
import { blankCard, cardOf, enter, turnOff, turnOn, WRONG_PIN } from "../../support/cards.js";
import { Liar } from "../../support/liar.js";
import { Listener } from "../../support/listener.js";
import { KEYS, onEachEngine, type Rig } from "../../support/openregister.js";
import { pattern } from "../../support/pattern.js";
import { rejects, rejectsFor } from "../../support/refusals.js";
import { attempt, failureOf, KeptRegister, Line, type Tap } from "../../support/seeding.js";
import { send, WIPE } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const test = suite("card check");

const MASTER = pattern(16);
const SERIAL = "IB3000123";
const REQUEST: Request = {
  serial: SERIAL,
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  pin: "8352",
  transport: MASTER,
};
const { pin: _pin, ...WITHOUT_PIN } = REQUEST;
/** A card whose PIN the server checks. */
const BY_SERVER: Request = { ...WITHOUT_PIN, suite: "OCRA-1:HOTP-SHA256-8:QN06-PSHA256", pinCheck: "server" };
const { transport: _transport, ...PUBLIC_KEYS } = REQUEST;
/** The only commands that may reach a card which claims keys other than the expected ones. */
const HARMLESS = [Ins.SELECT, Ins.GET_DATA];

/** A card that was personalized on the register. */
async function seeded({ register }: Rig, request = REQUEST, card = blankCard()): Promise<Card> {
  const desk = new SeedingDesk(register, "one");
  await desk.holding(request.serial, () => attempt(card, request, desk));
  desk.wipe();
  return card;
}

async function check(register: Register, card: Card, master?: Uint8Array, tap?: Tap): Promise<CardCheck> {
  const client = new CardClient(new Link(new Line(card, undefined, tap)));
  await client.closeChannel();
  return checkCard(client, register, master);
}

const change = ({ register }: Rig, values: Partial<CardsTable>, serial = SERIAL) =>
  register.engine.write((db) => db.updateTable("cards").set(values).where("serial", "=", serial).execute());

const differing = ({ differences }: CardCheck) => differences.map(({ what }) => what);

onEachEngine(test, "the register's card passes, and nothing is written", async (rig) => {
  const card = await seeded(rig);
  const journal = () => rig.register.engine.read((db) => db.selectFrom("journal").selectAll().execute());
  const before = { flash: Buffer.from(card.flash.bytes), journal: await journal() };
  const found = await check(rig.register, card, MASTER);
  assert.equal([found.differences, found.warnings], [[], []]);
  assert.equal([found.transportKeys, found.tokenKey], ["own", "not checked"]);
  const { serial, suite: name, pinCheck, tries, triesLeft, kvn, life } = found.status;
  assert.equal(
    [serial, name, pinCheck, tries, triesLeft, kvn, life],
    [SERIAL, REQUEST.suite, "card", 5, 5, 1, "personalized"],
  );
  assert.ok(Buffer.from(card.flash.bytes).equals(before.flash), "the card's flash");
  assert.equal(await journal(), before.journal);
});

onEachEngine(
  test,
  "a card with the server's PIN check proves its token key, and its flash does not change",
  async (rig) => {
    const card = await seeded(rig, BY_SERVER);
    const before = Buffer.from(card.flash.bytes);
    for (const keys of [{ site: KEYS.site }, { desk: KEYS.desk }]) {
      const found = await check(await rig.again(keys), card, MASTER);
      assert.equal([found.tokenKey, found.differences], ["proved", []]);
    }
    assert.is((await check(await rig.again({}), card, MASTER)).tokenKey, "not checked");
    assert.ok(Buffer.from(card.flash.bytes).equals(before));
    // The same card, seeded without the register: all its public data is the same.
    const client = new CardClient(new Link(new Line(card)));
    const keys = derivedKeys(MASTER, SERIAL, 1);
    await client.openChannel(Level.FULL, keys);
    const { serial, suite: name, pinCheck, tries } = BY_SERVER;
    const record = {
      serial,
      suite: name,
      pinCheck,
      tries,
      pin: "0000",
      key: pattern(32, 9),
      unlockKey: pattern(32, 8),
    };
    await client.storeData(record, keys.dek);
    await client.setPersonalized();
    await client.closeChannel();
    const found = await check(rig.register, card, MASTER);
    assert.equal([found.tokenKey, differing(found)], ["wrong", ["token key"]]);
  },
);

/** Changed values in the register, and the difference that is reported. */
const OTHERWISE: readonly (readonly [Partial<CardsTable>, CardCheck["differences"][number]["what"]])[] = [
  [{ card_id: "0011223344556677" }, "card id"],
  [{ suite: "OCRA-1:HOTP-SHA1-8:QN06" }, "suite"],
  [{ pin_check: "server" }, "PIN check"],
  [{ tries: 4 }, "tries"],
];

onEachEngine(test, "each difference is named, with what to do", async (rig) => {
  const card = await seeded(rig);
  const kept = await rig.register.engine.read((db) => db.selectFrom("cards").selectAll().executeTakeFirstOrThrow());
  for (const [values, what] of OTHERWISE) {
    await change(rig, values);
    const found = await check(rig.register, card, MASTER);
    assert.equal(differing(found), [what]);
    for (const { register, card: said, remedy } of found.differences) {
      assert.is.not(register, said);
      assert.match(remedy, "--reseed");
    }
    await change(rig, kept);
  }
});

onEachEngine(test, "a wiped card differs by id, life and settings", async (rig) => {
  const card = await seeded(rig);
  send(card, openChannel(card, Level.FULL, derivedKeys(MASTER, SERIAL, 1)), WIPE);
  assert.equal(differing(await check(rig.register, card, MASTER)), ["card id", "life", "suite", "PIN check", "tries"]);
});

onEachEngine(test, "a card with the register's id and another serial number is reported", async (rig) => {
  const card = await seeded(rig, PUBLIC_KEYS);
  await rig.register.engine.write(async (db) => {
    const row = await db.selectFrom("cards").selectAll().executeTakeFirstOrThrow();
    await db
      .insertInto("cards")
      .values({ ...row, serial: "IB3000500" })
      .execute();
    await db.updateTable("cards").set({ card_id: null }).where("serial", "=", SERIAL).execute();
  });
  assert.equal(differing(await check(rig.register, card, MASTER)), ["serial number"]);
});

onEachEngine(test, "a card that the register does not know gets only SELECT and GET DATA", async (rig) => {
  await seeded(rig);
  for (const card of [blankCard({ seed: 9 }), cardOf({ serial: "IB3000777" }, { seed: 9 })]) {
    const listener = new Listener();
    const error = await rejectsFor(check(rig.register, card, MASTER, listener), "unknown");
    assert.match(error.message, "nothing was sent");
    assert.equal(
      listener.instructions.filter((instruction) => !HARMLESS.includes(instruction)),
      [],
    );
  }
});

/** The ways in which a card may have got its keys, by the register. */
const CAME_BY: readonly Partial<CardsTable>[] = [
  { put_key: "done" },
  { put_key: "sent" },
  { put_key: "resent" },
  { put_key: "unsent", keys_before: null },
];

onEachEngine(test, "a false card that claims the public test keys gets only SELECT and GET DATA", async (rig) => {
  await seeded(rig);
  for (const values of CAME_BY) {
    await change(rig, values);
    const listener = new Listener();
    const work = check(rig.register, cardOf({ serial: SERIAL }), MASTER, listener);
    const { message } = await rejects(work, AuthenticationFailed);
    assert.match(message, /public test keys; by .* it must have .* its own, version 1: nothing was sent/);
    assert.equal(
      listener.instructions.filter((instruction) => !HARMLESS.includes(instruction)),
      [],
    );
  }
});

onEachEngine(test, "a false card with its own keys cannot open the channel", async (rig) => {
  await seeded(rig);
  const other = blankCard({ seed: 4 });
  await attempt(other, { ...REQUEST, transport: pattern(16, 3) }, new KeptRegister());
  const listener = new Listener();
  await rejects(check(rig.register, other, MASTER, listener), AuthenticationFailed);
  assert.ok(listener.instructions.includes(Ins.INITIALIZE_UPDATE));
  for (const secret of [Ins.INTERNAL_AUTHENTICATE, Ins.STORE_DATA, Ins.PUT_KEY])
    assert.not.ok(listener.instructions.includes(secret));
});

onEachEngine(
  test,
  "a wrong master key is refused before the card is asked, and a missing one is a usage error",
  async (rig) => {
    const card = await seeded(rig);
    const listener = new Listener();
    const wrong = await rejects(check(rig.register, card, pattern(16, 2), listener), AuthenticationFailed);
    assert.match(wrong.message, /check value .*nothing was sent/);
    assert.not.ok(listener.instructions.includes(Ins.INITIALIZE_UPDATE));
    const none = await rejects(check(rig.register, card), UsageError);
    assert.match(none.message, "--transport");
  },
);

onEachEngine(test, "facts that matter but are no difference give a warning", async (rig) => {
  const card = await seeded(rig, PUBLIC_KEYS);
  const said = async () => (await check(rig.register, card)).warnings.join("\n");
  const found = await check(rig.register, card);
  assert.equal([found.transportKeys, found.differences], ["public", []]);
  assert.match(await said(), "everybody knows");
  for (const [state, words] of [
    ["lost", /dsc card found/],
    ["returned", /refused/],
    ["retired", /refused/],
  ] as const) {
    await change(rig, { state });
    assert.match(await said(), words);
  }
  await change(rig, { state: "active", card_id: null });
  assert.match(await said(), "does not know this card's id");
  for (let tries = 0; tries < 5; tries++) {
    turnOff(card);
    turnOn(card);
    enter(card, WRONG_PIN);
  }
  assert.match(await said(), /the card is locked: help its owner with dsc unlock/);
});

onEachEngine(
  test,
  "a card whose seeding was interrupted anywhere is recognised and reported as unfinished",
  async (rig) => {
    const { register } = rig;
    const desk = new SeedingDesk(register, "one");
    const { frames } = await attempt(blankCard({ seed: 99 }), { ...REQUEST, serial: "IB3000001" }, desk);
    let pending = 0;
    for (let frame = 1; frame < frames; frame += 7) {
      const serial = `IB3001${String(frame).padStart(3, "0")}`;
      const card = blankCard({ seed: frame });
      await failureOf(
        attempt(card, { ...REQUEST, serial }, new SeedingDesk(register, "one"), { frame, spoil: undefined }),
      );
      const row = await register.engine.read((db) =>
        db.selectFrom("cards").select("state").where("serial", "=", serial).executeTakeFirst(),
      );
      if (row?.state !== "pending") continue;
      pending++;
      const found = await check(register, card, MASTER);
      assert.equal(found.differences, [], `frame ${frame}`);
      assert.match(found.warnings.join("\n"), "run dsc personalize again", `frame ${frame}`);
    }
    assert.ok(pending > 2, `${pending}`);
  },
);

onEachEngine(
  test,
  "an attacker on the line who changes what the card says is noticed inside the channel",
  async (rig) => {
    const card = await seeded(rig, PUBLIC_KEYS);
    const liar = new Liar([[Tag.CARD_ID, (data) => void data.fill(7, 0, 8)]]);
    const error = await rejects(check(rig.register, card, undefined, liar), AuthenticationFailed);
    assert.match(error.message, "in the secure channel the card's report differs");
  },
);

test.run();
