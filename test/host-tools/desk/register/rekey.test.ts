// Other keys for a register: all of it changes or nothing does, and nobody goes on with the old ones.

import * as assert from "uvu/assert";
import { change } from "../../../../host-tools/desk/register/change.js";
import { checkRegister } from "../../../../host-tools/desk/register/check.js";
import { bindKeys, currentKeys } from "../../../../host-tools/desk/register/keys.js";
import { addOrder, openPin, orderOf } from "../../../../host-tools/desk/register/orders.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { type NewKeys, rekey } from "../../../../host-tools/desk/register/rekey.js";
import { KEYS, keysFor, onEachEngine, type Rig, SUITE } from "../../../support/openregister.js";
import { pattern } from "../../../support/pattern.js";
import { rejectsFor } from "../../../support/refusals.js";
import { suite } from "../../../support/suite.js";

const test = suite("other keys for a register");

const SERIAL = "IB3000001";
const CARD_ID = "0011223344556677";
const PIN = Buffer.from("4071");
const NEW = { site: pattern(32, 201), desk: pattern(32, 202) } as const;

const CASES: readonly (readonly [string, NewKeys])[] = [
  ["the site key", { site: NEW.site }],
  ["the desk key", { desk: NEW.desk }],
  ["both keys", NEW],
];

async function fill({ register, card }: Rig): Promise<void> {
  await card(SERIAL, "active", { card_id: CARD_ID });
  await change(register, async (one) => {
    for (let version = 0; version < 3; version++)
      await bindKeys(one, { serial: SERIAL, cardId: CARD_ID, ...keysFor() });
    await addOrder(one, { userName: "anna", suite: SUITE, pinCheck: "card", tries: 5, pin: PIN });
  });
}

async function keysOf(register: Register): Promise<string> {
  const keys = await register.engine.read((db) => currentKeys(db, register, SERIAL));
  return `${keys?.token.toString("hex")} ${keys?.unlock.toString("hex")}`;
}

for (const [what, next] of CASES)
  onEachEngine(test, `all of it is under ${what} afterwards, and the old one is refused`, async (rig) => {
    await fill(rig);
    const before = await keysOf(rig.register);
    await rekey(rig.register, next);
    const now = { ...KEYS, ...next };
    const register = await rig.again(now);
    const { findings, opened } = await checkRegister(register);
    assert.equal([findings, opened], [[], 12]);
    assert.is(await keysOf(register), before);
    const order = await register.engine.read((db) => orderOf(db, 1));
    assert.equal(openPin(register, order), PIN);
    for (const kind of ["site", "desk"] as const)
      if (next[kind]) await rejectsFor(rig.again({ ...now, [kind]: KEYS[kind] }), "wrong-key");
    // The keys are known by their new fingerprints too.
    const [token = ""] = before.split(" ");
    const given = Buffer.from(token, "hex");
    await rig.again(now).then((other) =>
      rejectsFor(
        change(other, (one) => bindKeys(one, { serial: SERIAL, cardId: "8899aabbccddeeff", ...keysFor(given) })),
        "duplicate",
      ),
    );
  });

onEachEngine(test, "whoever has the register open with the old keys changes nothing any more", async (rig) => {
  await fill(rig);
  const other = await rig.again();
  await rekey(rig.register, NEW);
  await rejectsFor(
    change(other, (one) => bindKeys(one, { serial: SERIAL, cardId: CARD_ID, ...keysFor() })),
    "wrong-key",
  );
});

onEachEngine(test, "a key that does not open leaves all of it under the old keys", async (rig) => {
  await fill(rig);
  const sealed = pattern(64, 7);
  const last = await rig.register.engine.write(async (db) => {
    const row = await db.selectFrom("keys").selectAll().orderBy("number", "desc").executeTakeFirstOrThrow();
    await db.updateTable("keys").set({ sealed }).where("number", "=", row.number).execute();
    return row;
  });
  await rejectsFor(rekey(rig.register, NEW), "damaged");
  const { findings } = await checkRegister(await rig.again());
  assert.is(findings.length, 1, findings.join("\n"));
  assert.match(findings[0] ?? "", `its ${last.field} key (version ${last.version}) does not open`);
});

onEachEngine(test, "the desk key does not change while a batch is open", async (rig) => {
  await fill(rig);
  const batch = { name: pattern(32, 1), state: "open", opened: 0, changed: 0 } as const;
  await rig.register.engine.write((db) => db.insertInto("batches").values(batch).execute());
  await rejectsFor(rekey(rig.register, { desk: NEW.desk }), "state");
  await rekey(rig.register, { site: NEW.site });
});

test.run();
