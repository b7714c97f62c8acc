// The journal in the register, on both engines: an entry and its change are made together or not at all, and every change in
// the database that did not come from the register is found.

import { sql } from "kysely";
import * as assert from "uvu/assert";
import { change } from "../../../../host-tools/desk/register/change.js";
import { readEntries, signHead, verifyJournal } from "../../../../host-tools/desk/register/journal.js";
import { FIRST_ACTION, isSignedBy } from "../../../../host-tools/desk/register/journalchain.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { acceptTime } from "../../../../host-tools/desk/register/registerclock.js";
import { ACTOR, KEYS, NOON, onEachEngine, refusalOf } from "../../../support/openregister.js";
import { suite } from "../../../support/suite.js";

const test = suite("journal");

const SERIAL = "IB3000123";

function noteTimes(register: Register, count: number): Promise<void> {
  return change(register, async ({ note }) => {
    for (let entry = 0; entry < count; entry++) await note({ action: "card ship", serial: SERIAL, detail: { entry } });
  });
}

const findings = async (register: Register, by: Register | undefined = register) =>
  (await register.engine.read((db) => verifyJournal(db, by?.journal))).findings.map(
    ({ number, what }) => `${number} ${what}`,
  );

onEachEngine(test, "an entry says who did what to which card, when and why", async ({ register, clock }) => {
  clock.now += 1000;
  const detail = { zebra: 1, apple: "a", left: undefined };
  await change(register, ({ note }) =>
    note({ action: "card lost", serial: SERIAL, from: "active", to: "lost", reason: "stolen", detail }),
  );
  const [first, second, ...more] = await register.engine.read((db) => readEntries(db));
  assert.is(first?.action, FIRST_ACTION);
  const { mac, ...content } = second ?? {};
  assert.is(mac?.length, 32);
  assert.equal(content, {
    number: 2,
    at: NOON + 1000,
    actor: ACTOR,
    action: "card lost",
    serial: SERIAL,
    from: "active",
    to: "lost",
    reason: "stolen",
    detail: '{"apple":"a","zebra":1}',
  });
  assert.is(more.length, 0);
  assert.equal(await findings(register), []);
});

onEachEngine(test, "a failed change leaves no entry, and the next one has its number", async ({ register }) => {
  const failed = await refusalOf(
    change(register, async ({ note }) => {
      await note({ action: "card ship" });
      throw new Error("the card fell down");
    }),
  );
  assert.is(failed.message, "the card fell down");
  await noteTimes(register, 1);
  const entries = await register.engine.read((db) => readEntries(db));
  assert.equal(
    entries.map(({ number }) => number),
    [1, 2],
  );
});

onEachEngine(test, "parallel processes write one chain", async ({ register, again }) => {
  const benches = [register, await again(), await again(), await again()];
  await Promise.all(
    benches.map(async (bench) => {
      for (let round = 0; round < 5; round++) await noteTimes(bench, 2);
    }),
  );
  const entries = await register.engine.read((db) => readEntries(db));
  assert.is(entries.length, 1 + 4 * 5 * 2);
  assert.equal(await findings(register), []);
});

onEachEngine(test, "a journal is read by card, or by its last entries", async ({ register }) => {
  await noteTimes(register, 3);
  await change(register, ({ note }) => note({ action: "settings", reason: "none" }));
  const numbers = async (filter: Parameters<typeof readEntries>[1]) =>
    (await register.engine.read((db) => readEntries(db, filter))).map(({ number }) => number);
  assert.equal(await numbers({ serial: SERIAL }), [2, 3, 4]);
  assert.equal(await numbers({ last: 2 }), [4, 5]);
  assert.equal(await numbers({ serial: SERIAL, last: 1 }), [4]);
  assert.equal(await numbers({ serial: "IB3000124" }), []);
});

onEachEngine(test, "an entry that was changed, removed or cut off in the database is found", async ({ register }) => {
  await noteTimes(register, 5);
  const cases = [
    [sql`update journal set actor = 'bert' where number = 3`, ["3 changed"]],
    [sql`update journal set reason = 'none' where number = 6`, ["6 changed"]],
    [sql`delete from journal where number = 3`, ["3 missing"]],
    [sql`delete from journal where number > 4`, ["5 end"]],
    [sql`delete from journal where number = 1`, ["1 missing"]],
    [sql`delete from meta where name = 'journal-position'`, ["6 end"]],
  ] as const;
  for (const [statement, expected] of cases) {
    const rows = await register.engine.read((db) => db.selectFrom("journal").selectAll().execute());
    const meta = await register.engine.read((db) => db.selectFrom("meta").selectAll().execute());
    await register.engine.write((db) => statement.execute(db));
    assert.equal(await findings(register), [...expected]);
    await register.engine.write(async (db) => {
      await db.deleteFrom("journal").execute();
      await db.insertInto("journal").values(rows).execute();
      await db.deleteFrom("meta").execute();
      await db.insertInto("meta").values(meta).execute();
    });
    assert.equal(await findings(register), []);
  }
});

onEachEngine(test, "nothing is added to a journal that was put back to an earlier end", async ({ register }) => {
  await noteTimes(register, 2);
  await register.engine.write(async (db) => {
    const { value } = await db
      .selectFrom("meta")
      .select("value")
      .where("name", "=", "journal-position")
      .executeTakeFirstOrThrow();
    value[7] = 2;
    await db.updateTable("meta").set({ value }).where("name", "=", "journal-position").execute();
  });
  assert.is((await refusalOf(noteTimes(register, 1))).reason, "damaged");
  assert.ok((await findings(register)).length > 0);
});

onEachEngine(test, "a saved head shows that the register was put back to an earlier state", async ({ register }) => {
  await noteTimes(register, 3);
  const early = await register.engine.read((db) =>
    db.selectFrom("meta").selectAll().where("name", "=", "journal-position").execute(),
  );
  await noteTimes(register, 3);
  const head = await register.engine.read((db) => signHead(db, register.journal, NOON));
  assert.is(head.number, 7);
  assert.ok(isSignedBy(register.journal.publicKey, head));
  await register.engine.write(async (db) => {
    await db.deleteFrom("journal").where("number", ">", 4).execute();
    for (const { name, value } of early) await db.updateTable("meta").set({ value }).where("name", "=", name).execute();
  });
  assert.equal(await findings(register), []);
  for (const key of [register.journal, undefined]) {
    const { findings } = await register.engine.read((db) => verifyJournal(db, key, head));
    assert.equal(
      findings.map(({ number, what }) => `${number} ${what}`),
      ["7 head"],
    );
  }
});

onEachEngine(test, "a journal whose last entry is missing gets no signed head", async ({ register }) => {
  await noteTimes(register, 1);
  await register.engine.write((db) => db.deleteFrom("journal").where("number", "=", 2).execute());
  assert.is((await refusalOf(register.engine.read((db) => signHead(db, register.journal, NOON)))).reason, "damaged");
});

onEachEngine(test, "without the journal key nothing that needs an entry is changed", async ({ register, again }) => {
  const blind = await again({ site: KEYS.site, desk: KEYS.desk });
  assert.is((await refusalOf(noteTimes(blind, 1))).reason, "no-key");
  assert.is((await register.engine.read((db) => readEntries(db))).length, 1);
});

onEachEngine(
  test,
  "a clock that went back is refused; a small step back keeps the latest time",
  async ({ register, clock }) => {
    clock.now += 10_000;
    await noteTimes(register, 1);
    clock.now -= 2000;
    await noteTimes(register, 1);
    clock.now -= 1;
    const { reason, message } = await refusalOf(noteTimes(register, 1));
    assert.is(reason, "clock");
    assert.match(message, /2026-11-28T12:00:07.999Z.*2026-11-28T12:00:10.000Z.*clock --accept/);
    const times = (await register.engine.read((db) => readEntries(db))).map(({ at }) => at - NOON);
    assert.equal(times, [0, 10_000, 10_000]);
    await register.engine.write((db) => acceptTime(db, clock.now));
    await noteTimes(register, 1);
    assert.is((await register.engine.read((db) => readEntries(db, { last: 1 })))[0]?.at, clock.now);
  },
);

test.run();
