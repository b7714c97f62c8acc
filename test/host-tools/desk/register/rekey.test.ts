// New keys for a register: everything is changed or nothing, and nobody can continue with the old keys.

import * as assert from "uvu/assert";
import { change } from "../../../../host-tools/desk/register/change.js";
import { checkRegister } from "../../../../host-tools/desk/register/check.js";
import { entryOf, isHeadOf, signHead, verifyJournal } from "../../../../host-tools/desk/register/journal.js";
import { JournalKey, SEGMENT_ACTION } from "../../../../host-tools/desk/register/journalchain.js";
import { bindKeys, currentKeys } from "../../../../host-tools/desk/register/keys.js";
import { addOrder, openPin, orderOf } from "../../../../host-tools/desk/register/orders.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { type NewKeys, rekey } from "../../../../host-tools/desk/register/rekey.js";
import { ACTOR, KEYS, keysFor, NOON, onEachEngine, type Rig, SUITE } from "../../../support/openregister.js";
import { pattern } from "../../../support/pattern.js";
import { rejectsFor } from "../../../support/refusals.js";
import { suite } from "../../../support/suite.js";

const test = suite("other keys for a register");

const SERIAL = "IB3000001";
const CARD_ID = "0011223344556677";
const PIN = Buffer.from("4071");
const NEW = { site: pattern(32, 201), desk: pattern(32, 202), journal: pattern(32, 203) } as const;

const CASES: readonly (readonly [string, NewKeys])[] = [
  ["the site key", { site: NEW.site }],
  ["the desk key", { desk: NEW.desk }],
  ["the journal key", { journal: NEW.journal }],
  ["all of them", NEW],
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
  onEachEngine(test, `after rekeying everything is under ${what}, and the old key is refused`, async (rig) => {
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
    for (const kind of ["site", "desk", "journal"] as const)
      if (next[kind]) await rejectsFor(rig.again({ ...now, [kind]: KEYS[kind] }), "wrong-key");
    // The cards' keys are found by their new fingerprints too.
    const [token = ""] = before.split(" ");
    const given = Buffer.from(token, "hex");
    await rig.again(now).then((other) =>
      rejectsFor(
        change(other, (one) => bindKeys(one, { serial: SERIAL, cardId: "8899aabbccddeeff", ...keysFor(given) })),
        "duplicate",
      ),
    );
  });

onEachEngine(test, "a register that is open with the old keys can no longer be changed", async (rig) => {
  await fill(rig);
  const other = await rig.again();
  await rekey(rig.register, NEW);
  await rejectsFor(
    change(other, (one) => bindKeys(one, { serial: SERIAL, cardId: CARD_ID, ...keysFor() })),
    "wrong-key",
  );
});

onEachEngine(test, "a key that does not open leaves everything under the old keys", async (rig) => {
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

onEachEngine(test, "the desk key cannot change while a batch is open", async (rig) => {
  await fill(rig);
  const batch = { name: pattern(32, 1), state: "open", opened: 0, changed: 0 } as const;
  await rig.register.engine.write((db) => db.insertInto("batches").values(batch).execute());
  await rejectsFor(rekey(rig.register, { desk: NEW.desk }), "state");
  await rekey(rig.register, { site: NEW.site });
});

/** The faults of the journal, and the last entry that cannot be verified with these keys. */
async function verified(register: Register, ...earlier: Buffer[]): Promise<[string[], number]> {
  const keys = earlier.map((key) => new JournalKey(key, register.id));
  const report = await register.engine.read((db) => verifyJournal(db, register.journal, undefined, keys));
  return [report.findings.map(({ number, what }) => `${number} ${what}`), report.unchecked];
}

const noteTimes = (register: Register, count: number) =>
  change(register, async ({ note }) => {
    for (let time = 0; time < count; time++) await note({ action: "test", detail: { time } });
  });

onEachEngine(
  test,
  "with another journal key the chain continues, and earlier entries need the earlier key",
  async (rig) => {
    await noteTimes(rig.register, 3);
    const early = await rig.register.engine.read((db) => signHead(db, rig.register.journal, NOON));
    await rekey(rig.register, { journal: NEW.journal });
    await rejectsFor(rig.again(), "wrong-key");
    const register = await rig.again({ ...KEYS, journal: NEW.journal });
    await noteTimes(register, 2);
    // Entry of init, three entries, the last one under the old key, the first one under the new key, two entries.
    assert.equal(await verified(register), [[], 5]);
    assert.equal(await verified(register, KEYS.journal), [[], 0]);
    assert.equal(await verified(register, pattern(32, 99)), [[], 5]);
    const { findings } = await checkRegister(register, early, [new JournalKey(KEYS.journal, register.id)]);
    assert.equal(findings, []);
    const late = await register.engine.read((db) => signHead(db, register.journal, NOON));
    for (const [head, expected] of [
      [early, true],
      [late, true],
      // The holder of the old key cannot sign a head of later entries.
      [new JournalKey(KEYS.journal, register.id).signHead(late, NOON), false],
      [new JournalKey(NEW.journal, register.id).signHead(early, NOON), false],
    ] as const)
      assert.is(await register.engine.read((db) => isHeadOf(db, register.journal.publicKey, head)), expected);
  },
);

onEachEngine(test, "after a change of the journal key, changes made with the earlier one are noticed", async (rig) => {
  await noteTimes(rig.register, 3);
  await rekey(rig.register, { journal: NEW.journal });
  const register = await rig.again({ ...KEYS, journal: NEW.journal });
  await noteTimes(register, 1);
  const old = new JournalKey(KEYS.journal, register.id);
  const rows = () => register.engine.read((db) => db.selectFrom("journal").selectAll().orderBy("number").execute());
  const kept = await rows();
  const rewrite = async (from: number, change: Partial<(typeof kept)[number]>) => {
    let mac: Uint8Array = kept[from - 2]?.mac ?? Buffer.alloc(0);
    for (const row of kept.filter(({ number }) => number >= from && number <= 5)) {
      const changed = { ...row, ...(row.number === from ? change : {}) };
      const next = old.macOf(mac, entryOf(changed));
      await register.engine.write((db) =>
        db
          .updateTable("journal")
          .set({ ...changed, mac: next })
          .where("number", "=", row.number)
          .execute(),
      );
      mac = next;
    }
  };
  // With the leaked key its whole segment can be rewritten, but the next segment continues another MAC.
  await rewrite(3, { actor: "mallory" });
  assert.equal(await verified(register), [["6 changed"], 5]);
  assert.equal(await verified(register, KEYS.journal), [["6 changed"], 0]);
  for (const row of kept)
    await register.engine.write((db) => db.updateTable("journal").set(row).where("number", "=", row.number).execute());
  assert.equal(await verified(register, KEYS.journal), [[], 0]);
  // A change made without the leaked key is found with both keys.
  await register.engine.write((db) =>
    db.updateTable("journal").set({ actor: "mallory" }).where("number", "=", 3).execute(),
  );
  assert.equal(await verified(register, KEYS.journal), [["3 changed"], 0]);
  await register.engine.write((db) =>
    db.updateTable("journal").set({ actor: ACTOR }).where("number", "=", 3).execute(),
  );
  // An entry cannot be passed off as the first one of a segment under another key.
  const fake = { before: "00".repeat(32), head: "00".repeat(64), key: register.journal.publicKey.toString("hex") };
  await register.engine.write((db) =>
    db
      .updateTable("journal")
      .set({ action: SEGMENT_ACTION, detail: JSON.stringify(fake) })
      .where("number", "=", 7)
      .execute(),
  );
  const [found] = await verified(register, KEYS.journal);
  assert.ok(found.includes("7 changed"), found.join());
});

onEachEngine(test, "the journal key changes twice, with all other keys, and everything can be checked", async (rig) => {
  await fill(rig);
  await rekey(rig.register, NEW);
  const second = await rig.again(NEW);
  await noteTimes(second, 2);
  await rekey(second, { journal: pattern(32, 204) });
  const third = await rig.again({ ...NEW, journal: pattern(32, 204) });
  assert.equal(await verified(third, KEYS.journal, NEW.journal), [[], 0]);
  const [findings, unchecked] = await verified(third, KEYS.journal);
  assert.equal([findings, unchecked > 5], [[], true]);
  await rejectsFor(rekey(third, { journal: pattern(32, 204) }), "wrong-key");
});

test.run();
