// Cards that a seed file has as pending, imported and then personalized, on both engines: with the file's keys if the file
// names the card that was begun, otherwise with new ones. Two cards never have the same key.

import * as assert from "uvu/assert";
import type { CardStatus } from "../../../../host-tools/card/cardclient.js";
import { findCard } from "../../../../host-tools/desk/register/cards.js";
import { checkRegister } from "../../../../host-tools/desk/register/check.js";
import { importRecords } from "../../../../host-tools/desk/register/keyimport.js";
import { currentKeys } from "../../../../host-tools/desk/register/keys.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { SeedingDesk } from "../../../../host-tools/desk/register/seedingdesk.js";
import type { Request } from "../../../../host-tools/desk/request.js";
import { FileError } from "../../../../host-tools/files/errors.js";
import { ocra } from "../../../../host-tools/seeds/ocra.js";
import type { SeedRecord } from "../../../../host-tools/seeds/pskcrecords.js";
import type { Card } from "../../../../sim/core/card.js";
import { blankCard, login } from "../../../support/cards.js";
import { onEachEngine, refusalOf, SUITE } from "../../../support/openregister.js";
import { pattern } from "../../../support/pattern.js";
import { attempt, failureOf, KeptRegister, statusOf } from "../../../support/seeding.js";
import { suite } from "../../../support/suite.js";

const test = suite("imported pending cards");

const SERIAL = "IB3000123";
const KEY = pattern(32, 51);
const REQUEST: Request = {
  ...{ serial: SERIAL, suite: SUITE, pinCheck: "card", tries: 5, pin: "8352", transport: pattern(16) },
};
const RECORD: SeedRecord = {
  ...{ serial: SERIAL, suite: SUITE, pinCheck: "card", tries: 5, key: KEY, unlockKey: pattern(32, 52) },
  ...{ state: "pending", keyset: 1, rotation: { before: "public", putKey: "unsent" } },
};

const imported = (register: Register, record: SeedRecord) => importRecords(register, [record], "00".repeat(32));
const keysIn = (register: Register) => register.engine.read((db) => currentKeys(db, register, SERIAL));

function personalize(register: Register, card: Card, request = REQUEST) {
  const desk = new SeedingDesk(register, "one");
  return desk.holding(request.serial, () => attempt(card, request, desk));
}

async function assertWorks(register: Register, card: Card): Promise<void> {
  const keys = await keysIn(register);
  assert.is(login(card, "8352", "271828"), ocra(SUITE, keys?.token as Buffer, { challenge: "271828" }));
  const row = await register.engine.read((db) => findCard(db, SERIAL));
  assert.equal([row?.state, row?.card_id], ["seeded", (await statusOf(card)).id]);
  assert.equal((await checkRegister(register)).findings, []);
}

/** A card that an earlier program began to personalize with these keys, and its record. */
async function begun(until: CardStatus["life"]): Promise<{ card: Card; record: SeedRecord }> {
  const card = blankCard({ seed: 5 });
  const register = new KeptRegister();
  let frame = 1;
  const isThere = async () => (await statusOf(card)).life === until && register.newest(SERIAL) !== undefined;
  for (; !(await isThere()); frame++)
    await failureOf(attempt(card, { ...REQUEST, key: KEY }, register, { frame, spoil: undefined }));
  const kept = register.newest(SERIAL);
  assert.is(kept?.state, "pending");
  const { unlockKey, rotation, keyset, cardId } = kept ?? {};
  return { card, record: { ...RECORD, unlockKey, rotation, keyset, cardId } as SeedRecord };
}

for (const life of ["blank", "seeded"] as const)
  onEachEngine(
    test,
    `a pending record begun on a ${life} card is finished on that card with the file's keys`,
    async (rig) => {
      const { register } = rig;
      const { card, record } = await begun(life);
      assert.is((await imported(register, record)).taken.length, 1);
      const other = blankCard({ seed: 6 });
      assert.match(String(await failureOf(personalize(register, other))), /bound to the card with id .*--reseed/);
      await personalize(register, card);
      assert.equal((await keysIn(register))?.token, KEY);
      await assertWorks(register, card);
      // The key belongs to that card for ever.
      const given = { ...REQUEST, key: KEY, reseed: true };
      assert.is((await refusalOf(personalize(register, other, given))).reason, "duplicate");
      assert.is((await statusOf(other)).life, "blank");
      const elsewhere = { ...given, serial: "IB3000124" };
      assert.is((await refusalOf(personalize(register, other, elsewhere))).reason, "duplicate");
      // The same file again changes nothing.
      assert.is((await imported(register, record)).known, 1);
    },
  );

onEachEngine(test, "a pending record bound to no card is refused, and gets new keys with --reseed", async (rig) => {
  const { register } = rig;
  await imported(register, RECORD);
  const card = blankCard({ seed: 6 });
  const error = await failureOf(personalize(register, card));
  assert.instance(error, FileError);
  assert.match(String(error), /IB3000123 as pending, bound to no card.*--reseed/);
  assert.is((await statusOf(card)).life, "blank");
  await personalize(register, card, { ...REQUEST, reseed: true });
  assert.not.equal((await keysIn(register))?.token, KEY);
  await assertWorks(register, card);
});

onEachEngine(
  test,
  "a serial number that already has another card id keeps it, and the imported keys are bound to no card",
  async (rig) => {
    const { register } = rig;
    await rig.card(SERIAL, "pending", { card_id: "0011223344556677" });
    const { card, record } = await begun("blank");
    await imported(register, record);
    assert.match(String(await failureOf(personalize(register, card))), /bound to no card/);
    assert.is((await statusOf(card)).life, "blank");
  },
);

test.run();
