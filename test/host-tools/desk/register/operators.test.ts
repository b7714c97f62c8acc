// Operators on both engines: who may act when there are operators; each entry is signed, and the journal shows everything that
// was done in an operator's name without the operator.

import type { Transaction } from "kysely";
import * as assert from "uvu/assert";
import { change } from "../../../../host-tools/desk/register/change.js";
import { changeSetting, endOperator, enrolOperator } from "../../../../host-tools/desk/register/enrolment.js";
import { append, readEntries, verifyJournal } from "../../../../host-tools/desk/register/journal.js";
import { listOperators, Operator } from "../../../../host-tools/desk/register/operators.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import type { Tables } from "../../../../host-tools/desk/register/schema.js";
import { ACTOR, NOON, onEachEngine, refusalOf } from "../../../support/openregister.js";
import { ANNA, askedBy, BORIS, CLARA, SEEDS, withApproval, withTwo } from "../../../support/operators.js";
import { suite } from "../../../support/suite.js";

const test = suite("operators");

const work = (register: Register) => change(register, ({ note }) => note({ action: "test" }));

/** The faults of the journal, by the number of the entry; the journal key is not needed for that. */
const findings = async ({ engine, journal }: Register, key: typeof journal | undefined = journal) =>
  (await engine.read((db) => verifyJournal(db, key))).findings.map(({ number, what }) => `${number} ${what}`);

const lastEntry = async ({ engine }: Register) => {
  const [entry] = await engine.read((db) => readEntries(db, { last: 1 }));
  if (!entry) throw new Error("no entry");
  return entry;
};

/** Changes the database without the register. */
const tamper = ({ engine }: Register, run: (db: Transaction<Tables>) => Promise<unknown>) => engine.write(run);

onEachEngine(test, "without operators a name is enough, and nothing is signed", async ({ register, again }) => {
  await work(register);
  await work(await again(undefined, CLARA));
  const entries = await register.engine.read((db) => readEntries(db));
  assert.equal(
    entries.map(({ actor, signature }) => [actor, signature]),
    [
      [ACTOR, undefined],
      [ACTOR, undefined],
      ["clara", undefined],
    ],
  );
  assert.equal(await findings(register), []);
});

onEachEngine(test, "once there are operators, only they can act, and each entry is signed", async (rig) => {
  const { anna } = await withTwo(rig);
  await work(anna);
  assert.is((await lastEntry(anna)).signature?.length, 64);
  const stranger = await rig.again(undefined, CLARA);
  assert.match((await refusalOf(work(stranger))).message, "clara is not an operator");
  assert.match((await refusalOf(work(rig.register))).message, "the key of operator anna is needed");
  const liar = await rig.again(undefined, new Operator("anna", SEEDS.clara));
  assert.match((await refusalOf(work(liar))).message, "is not that of anna");
  for (const each of [stranger, rig.register, liar]) assert.is((await refusalOf(work(each))).reason, "operator");
  assert.equal(await findings(anna), []);
  assert.equal(await findings(anna, undefined), []);
});

onEachEngine(test, "challenges and responses need no operator: a site has no journal key", async (rig) => {
  await withTwo(rig);
  const site = await rig.again({});
  assert.is(await change(site, async () => "done"), "done");
});

onEachEngine(test, "the first operator enrols himself, so that nobody is locked out", async ({ register, again }) => {
  assert.is((await refusalOf(enrolOperator(register, ANNA))).reason, "operator");
  const boris = await again(undefined, BORIS);
  assert.is((await refusalOf(enrolOperator(boris, ANNA))).reason, "operator");
  const other = { name: "boris", publicKey: CLARA.publicKey };
  assert.is((await refusalOf(enrolOperator(boris, other))).reason, "operator");
  await enrolOperator(boris, BORIS);
  await work(boris);
});

onEachEngine(test, "a name and a key can be enrolled once, also after removal", async (rig) => {
  const { anna, boris } = await withTwo(rig);
  const again = (name: string, { publicKey }: Operator) => refusalOf(enrolOperator(anna, { name, publicKey }));
  assert.is((await again("boris", CLARA)).reason, "exists");
  assert.is((await again("boris-2", BORIS)).reason, "exists");
  for (const name of ["Boris", "BORIS", "Anna"])
    assert.match((await again(name, CLARA)).message, "is an operator already");
  await withApproval(anna, () => endOperator(boris, "anna"));
  assert.match((await refusalOf(enrolOperator(boris, { name: "anna", publicKey: CLARA.publicKey }))).message, "was");
  assert.match((await refusalOf(enrolOperator(boris, { name: "anna-2", publicKey: ANNA.publicKey }))).message, "was");
});

onEachEngine(test, "a removed operator can no longer act, and earlier signatures stay valid", async (rig) => {
  const { anna, boris } = await withTwo(rig);
  await work(anna);
  await withApproval(anna, () => endOperator(boris, "anna"));
  assert.match((await refusalOf(work(anna))).message, "anna is not an operator");
  await work(boris);
  assert.equal(await findings(boris), []);
  const [first] = await boris.engine.read(listOperators);
  assert.equal([first?.name, first?.removed], ["anna", NOON]);
});

onEachEngine(test, "the last operator may remove himself; then a name is enough again", async ({ register, again }) => {
  const anna = await again(undefined, ANNA);
  await enrolOperator(anna, ANNA);
  assert.is((await refusalOf(endOperator(anna, "clara"))).reason, "unknown");
  await endOperator(anna, "anna");
  await work(register);
  assert.equal(await findings(register), []);
});

onEachEngine(
  test,
  "from the second operator on, new operators and weaker settings need another one's approval",
  async (rig) => {
    const { anna, boris } = await withTwo(rig);
    await changeSetting(anna, "approval.export", "yes");
    await changeSetting(anna, "serial.first", "IB3000500");
    for (const weaken of [
      () => enrolOperator(anna, CLARA),
      () => endOperator(anna, "boris"),
      () => changeSetting(anna, "approval.export", "no"),
    ])
      await askedBy(weaken());
    await withApproval(boris, () => changeSetting(anna, "approval.export", "no"));
    await withApproval(boris, () => enrolOperator(anna, CLARA));
    await work(await rig.again(undefined, CLARA));
    assert.equal(await findings(anna), []);
  },
);

onEachEngine(test, "the journal key alone cannot write an entry in an operator's name", async (rig) => {
  const { anna } = await withTwo(rig);
  const { number } = await lastEntry(anna);
  const forge = (actor: string) =>
    tamper(anna, (db) => append(db, anna.journal, { at: NOON, actor, action: "card lost" }));
  await forge("anna");
  await forge("mallory");
  assert.equal(await findings(anna), [`${number + 1} operator`, `${number + 2} operator`]);
  await tamper(anna, async (db) => {
    const { signature } = await db
      .selectFrom("journal")
      .select("signature")
      .where("number", "=", number)
      .executeTakeFirstOrThrow();
    await db.updateTable("journal").set({ signature }).where("number", ">", number).execute();
  });
  assert.equal(await findings(anna), [`${number + 1} operator`, `${number + 2} operator`]);
});

onEachEngine(test, "the journal key alone cannot change the history before a signed entry", async (rig) => {
  const { register } = rig;
  const { anna } = await withTwo(rig);
  await work(anna);
  const { number } = await lastEntry(anna);
  await tamper(anna, async (db) => {
    const rows = await db.selectFrom("journal").selectAll().orderBy("number").execute();
    let mac: Uint8Array = register.journal.start().mac;
    for (const row of rows) {
      const actor = row.number === 1 ? "mallory" : row.actor;
      mac = register.journal.macOf(mac, { ...row, actor, from: row.from_state, to: row.to_state });
      await db.updateTable("journal").set({ actor, mac }).where("number", "=", row.number).execute();
    }
  });
  const found = await findings(anna);
  assert.ok(found.includes(`${number} operator`), found.join());
  assert.not.ok(found.includes(`${number} changed`), "every MAC was made anew");
});

onEachEngine(test, "operators that were added, replaced or removed outside the journal are found", async (rig) => {
  const { anna } = await withTwo(rig);
  const row = { name: "mallory", public_key: CLARA.publicKey, added: NOON, removed: null };
  await tamper(anna, (db) => db.insertInto("operators").values(row).execute());
  assert.is((await findings(anna)).length, 1);
  await tamper(anna, (db) => db.updateTable("operators").set({ removed: NOON }).where("name", "!=", "anna").execute());
  assert.is((await findings(anna)).length, 1, "boris is missing");
  await tamper(anna, (db) =>
    db.updateTable("operators").set({ public_key: BORIS.publicKey }).where("name", "=", "anna").execute(),
  );
  assert.is((await findings(anna)).length, 2);
});

onEachEngine(test, "an operator enrolled without approval is found, and all that he signed", async (rig) => {
  const { anna } = await withTwo(rig);
  const { number } = await lastEntry(anna);
  await change(anna, async ({ db, at, note }) => {
    await note({ action: "operator add", detail: { name: "clara", key: CLARA.publicKey.toString("hex") } });
    await db
      .insertInto("operators")
      .values({ name: "clara", public_key: CLARA.publicKey, added: at, removed: null })
      .execute();
  });
  await work(await rig.again(undefined, CLARA));
  await change(anna, ({ note }) =>
    note({ action: "settings", from: "yes", to: "no", detail: { name: "approval.export" } }),
  );
  assert.equal(await findings(anna), [
    `${number + 1} operator`,
    `${number + 2} operator`,
    `${number + 3} operator`,
    `${number + 3} operator`,
  ]);
});

test.run();
