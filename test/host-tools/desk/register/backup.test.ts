// Backups of a register in use, and restores: what a restore brings back, what it must not, and which files are
// refused.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import * as assert from "uvu/assert";
import { approve, requestToApprove } from "../../../../host-tools/desk/register/approvals.js";
import { backUp, type RestoreReport, restore, type Since } from "../../../../host-tools/desk/register/backup.js";
import { change } from "../../../../host-tools/desk/register/change.js";
import { checkRegister } from "../../../../host-tools/desk/register/check.js";
import type { Engine } from "../../../../host-tools/desk/register/engine.js";
import { signHead, verifyJournal } from "../../../../host-tools/desk/register/journal.js";
import { bindKeys, currentKeys } from "../../../../host-tools/desk/register/keys.js";
import { MIGRATIONS } from "../../../../host-tools/desk/register/migrations.js";
import { openEngine } from "../../../../host-tools/desk/register/open.js";
import { addOrder, openPin, orderOf } from "../../../../host-tools/desk/register/orders.js";
import { type CustodyKeys, Register } from "../../../../host-tools/desk/register/register.js";
import type { TableName } from "../../../../host-tools/desk/register/schema.js";
import { FileError } from "../../../../host-tools/files/errors.js";
import { openBatch } from "../../../support/openbatch.js";
import { KEYS, keysFor, onEachEngine, type Rig, refusalOf, SUITE } from "../../../support/openregister.js";
import { ANNA, approvedWork, askedBy, withTwo } from "../../../support/operators.js";
import { pattern } from "../../../support/pattern.js";
import { NO_POSTGRES } from "../../../support/postgres.js";
import { rejects, rejectsFor } from "../../../support/refusals.js";
import { PLACES } from "../../../support/registers.js";
import { scratchFolder } from "../../../support/scratch.js";
import { ON_WINDOWS } from "../../../support/skipping.js";
import { note, suite } from "../../../support/suite.js";

const test = suite("backups of a register");
const FOLDER = scratchFolder();
let files = 0;

const SERIAL = "IB3000001";
const OTHER = "IB3000002";
const CARD_ID = "0011223344556677";
const PIN = Buffer.from("4071");
const NOTHING: Since = { done: [], forgotten: [] };
/** The tables that a test fills, in the order of the comparison. */
const COMPARED: readonly TableName[] = [
  "batch_rows",
  "batch_attempts",
  "settings",
  "batches",
  "orders",
  "cards",
  "keys",
  "attempts",
  "operators",
  "approvals",
];

/** A restored register has the computer's time. */
const NOW = { now: Date.now() };

function freshFile(): string {
  return join(FOLDER, `backup${++files}`);
}

/** A register with something in every table. */
async function fill({ register, card }: Rig): Promise<void> {
  await card(SERIAL, "active", { user_name: "Zoë \u2028 Müller", card_id: CARD_ID });
  await card(OTHER, "pending");
  await openBatch(register, ["00000000000000a1"]);
  await change(register, async (one) => {
    const { db, at } = one;
    await db.insertInto("settings").values({ name: "x", value: "line\r\nbreak", changed: at }).execute();
    const tried = { batch_number: 1, row_number: 1, bench: "a", card_id: CARD_ID, began: at, ended: at } as const;
    await db
      .insertInto("batch_attempts")
      .values({ ...tried, result: "failed", why: "pulled" })
      .execute();
    for (const serial of [SERIAL, OTHER]) await bindKeys(one, { serial, cardId: CARD_ID, ...keysFor() });
    for (const userName of ["anna", "boris"])
      await addOrder(one, { userName, suite: SUITE, pinCheck: "card", tries: 5, pin: PIN });
    const challenge = { serial: SERIAL, challenge: "123457", issued: at, expires: at + 300_000 };
    await db
      .insertInto("challenges")
      .values({ ...challenge, used: 1, response_right: 1 })
      .execute();
    await db
      .insertInto("challenges")
      .values({ ...challenge, challenge: "123458", used: 0, response_right: null })
      .execute();
    await db.insertInto("attempts").values({ serial: SERIAL, at, right: 0 }).execute();
    await db
      .insertInto("claims")
      .values({ serial: OTHER, bench: "1", process: "2", until: at + 1000 })
      .execute();
    await db
      .insertInto("operators")
      .values({ name: "anna", public_key: pattern(32, 2), added: at, removed: at })
      .execute();
    const approval = { hash: pattern(32, 3), request: "{}", asked_by: "anna", expires: at, spent: at };
    await db
      .insertInto("approvals")
      .values({ ...approval, signature: pattern(64, 4) })
      .execute();
  });
}

async function rowsOf(engine: Engine, table: TableName): Promise<string[]> {
  const { rows } = await engine.read((db) => sql<object>`select * from ${sql.table(table)}`.execute(db));
  const entries = (row: object) => Object.entries(row).sort(([one], [other]) => (one < other ? -1 : 1));
  return rows.map((row) => JSON.stringify(entries(row))).sort();
}

interface Restored {
  readonly register: Register;
  readonly report: RestoreReport;
}

/** Restores on each available engine, and calls `look` with the result. */
async function restored(path: string, since: Since, look: (restored: Restored) => Promise<void>): Promise<void> {
  for (const { fresh, missing } of PLACES) {
    if (missing !== undefined) continue;
    const where = await fresh();
    const report = await restore(path, where, { journal: KEYS.journal }, "boris", since);
    const register = await Register.open(await openEngine(where), KEYS, "boris");
    try {
      await look({ register, report });
    } finally {
      await register.close();
    }
  }
}

onEachEngine(test, "a backup restores all of a register, on either engine", async (rig) => {
  const { register } = rig;
  await fill(rig);
  const path = freshFile();
  const { rows } = await backUp(register, path);
  assert.is(rows.cards, 2);
  await restored(path, NOTHING, async (back) => {
    for (const table of COMPARED)
      assert.equal(await rowsOf(back.register.engine, table), await rowsOf(register.engine, table), table);
    assert.equal(back.report.rows, rows);
    const keys = await back.register.engine.read((db) => currentKeys(db, back.register, SERIAL));
    const before = await register.engine.read((db) => currentKeys(db, register, SERIAL));
    assert.ok(keys && before && keys.token.equals(before.token) && keys.unlock.equals(before.unlock));
    const order = await back.register.engine.read((db) => orderOf(db, 1));
    assert.equal(openPin(back.register, order), PIN);
    assert.equal((await checkRegister(back.register)).findings, []);
    const { count, findings } = await back.register.engine.read((db) => verifyJournal(db, back.register.journal));
    const own = await register.engine.read((db) => verifyJournal(db, register.journal));
    assert.equal([count, findings], [own.count + 1, []]);
  });
});

onEachEngine(test, "a restore ends challenges and claims", async (rig) => {
  await fill(rig);
  const path = freshFile();
  await backUp(rig.register, path);
  await restored(path, NOTHING, async ({ register: { engine }, report }) => {
    assert.is(report.challengesEnded, 1);
    assert.equal(report.pending, [OTHER]);
    assert.equal(report.openOrders, [1, 2]);
    const challenges = await engine.read((db) =>
      db.selectFrom("challenges").select(["used", "response_right"]).execute(),
    );
    assert.equal(challenges, [
      { used: 1, response_right: 1 },
      { used: 1, response_right: null },
    ]);
    assert.equal(await rowsOf(engine, "claims"), []);
  });
});

async function assertEnded(work: Promise<unknown>): Promise<void> {
  const { reason, message } = await refusalOf(work);
  assert.is(reason, "approval");
  assert.match(message, /ended when the register was restored/);
}

onEachEngine(
  test,
  "an approval is not valid a second time after a restore, and the refusal says that it ended with the restore",
  async (rig) => {
    const { anna, boris } = await withTwo(rig);
    const subject = { command: "pskc export", arguments: {}, cards: [], recipient: null };
    const hash = await askedBy(approvedWork(anna, subject));
    await change(boris, (one) => approve(one, hash));
    const path = freshFile();
    await backUp(anna, path);
    assert.is(await approvedWork(anna, subject), "done");
    assert.match((await refusalOf(approvedWork(anna, subject))).message, /was used already/);
    for (const { fresh, missing } of PLACES) {
      if (missing !== undefined) continue;
      const where = await fresh();
      await restore(path, where, { journal: KEYS.journal }, ANNA, NOTHING);
      const back = await Register.open(await openEngine(where), KEYS, ANNA);
      try {
        await assertEnded(approvedWork(back, subject));
        await assertEnded(change(back, (one) => requestToApprove(one, hash)));
        assert.is.not(await askedBy(approvedWork(back, subject)), hash);
        assert.match((await refusalOf(approvedWork(back, subject))).message, /was requested already/);
      } finally {
        await back.close();
      }
    }
  },
  NOW,
);

onEachEngine(test, "PINs of orders and keys of named serial numbers are not restored", async (rig) => {
  await fill(rig);
  const path = freshFile();
  await backUp(rig.register, path);
  const since = { ...NOTHING, nextSerial: "IB3000500", done: [1], forgotten: [SERIAL, `${OTHER}-U`] };
  await restored(path, since, async ({ register: { engine }, report }) => {
    assert.equal(report.openOrders, [2]);
    const orders = await engine.read((db) =>
      db.selectFrom("orders").select(["state", "pin"]).orderBy("number").execute(),
    );
    assert.equal([orders[0]?.state, orders[0]?.pin, orders[1]?.pin === null], ["done", null, false]);
    const keys = await engine.read((db) =>
      db.selectFrom("keys").select(["serial", "field", "state", "sealed"]).execute(),
    );
    for (const { serial, field, state, sealed } of keys) {
      const gone = (serial === SERIAL) === (field === "token");
      assert.equal([state === "forgotten", sealed.length === 0], [gone, gone], `${serial} ${field}`);
    }
  });
});

onEachEngine(test, "numbering continues above the numbers that may have been given out since", async (rig) => {
  await fill(rig);
  const path = freshFile();
  await backUp(rig.register, path);
  const next = ({ engine }: Register) =>
    engine.write(async (db) => {
      const row = { name: pattern(32, 9), state: "open", opened: 0, changed: 0 } as const;
      return (await db.insertInto("batches").values(row).returning("number").executeTakeFirstOrThrow()).number;
    });
  await restored(path, NOTHING, async ({ register }) => assert.is(await next(register), 2));
  await restored(path, { ...NOTHING, nextSerial: "IB3000500" }, async ({ register }) => {
    assert.ok((await next(register)) > 1000);
    const setting = register.engine.read((db) =>
      db.selectFrom("settings").select("value").where("name", "=", "serial.first").executeTakeFirst(),
    );
    assert.is((await setting)?.value, "IB3000500");
  });
});

onEachEngine(test, "a saved head tells how many entries came after the backup", async (rig) => {
  await fill(rig);
  const path = freshFile();
  await backUp(rig.register, path);
  await rig.card("IB3000003", "blank");
  await change(rig.register, (one) => one.note({ action: "test" }));
  const { engine, journal } = rig.register;
  const head = await engine.read((db) => signHead(db, journal, 0));
  await restored(path, { ...NOTHING, head }, async ({ report }) => {
    assert.equal([report.lostEntries, report.findings], [1, []]);
  });
  const foreign = { ...head, register: pattern(16, 5) };
  const [place] = PLACES;
  const other = restore(path, (await place?.fresh()) ?? "", KEYS, "boris", { ...NOTHING, head: foreign });
  await rejectsFor(other, "wrong-key");
});

onEachEngine(test, "a backup with any change restores nothing", async (rig) => {
  await fill(rig);
  const path = freshFile();
  await backUp(rig.register, path);
  const whole = readFileSync(path);
  const lines = whole.toString().split("\n");
  const damaged: [string, Buffer | string][] = [
    ["cut at the end", whole.subarray(0, whole.length - 1)],
    ["without its last line", lines.slice(0, -2).concat("").join("\n")],
    ["with a line more", `${whole}{}\n`],
    ["without a row", lines.filter((line) => !line.includes("boris")).join("\n")],
    ["with two rows exchanged", [...lines.slice(0, 2), lines[3], lines[2], ...lines.slice(4)].join("\n")],
    ["with another state", whole.toString().replace('"active"', '"shipped"')],
    ["with a column more", whole.toString().replace('"serial"', '"serial2"')],
    ["with a table more", whole.toString().replace('{"cards"', '{"sqlite_master"')],
  ];
  for (const [what, contents] of damaged) {
    const file = freshFile();
    writeFileSync(file, contents);
    for (const { fresh, missing } of PLACES) {
      if (missing !== undefined) continue;
      const where = await fresh();
      const error = await rejectsFor(restore(file, where, KEYS, "boris", NOTHING), "damaged");
      assert.match(error.message, file, what);
      nothingAt(where);
      await rejectsFor(openEngine(where), "missing");
      // Creates a register without rows.
      const engine = await openEngine(where, { create: true });
      assert.equal(await rowsOf(engine, "cards"), [], what);
      await engine.close();
    }
  }
});

/** Neither a file nor one of SQLite's files beside it; a server has no such files. */
function nothingAt(where: string): void {
  if (/^postgres/.test(where)) return;
  const left = readdirSync(dirname(where)).filter((name) => name.startsWith(basename(where)));
  assert.equal(left, []);
}

onEachEngine(test, "a restore that is refused leaves no file, and the right one is not hindered", async (rig) => {
  await fill(rig);
  const path = freshFile();
  await backUp(rig.register, path);
  const head = await rig.register.engine.read((db) => signHead(db, rig.register.journal, rig.clock.now));
  const foreign = { register: pattern(16, 5), at: 0, number: 1, mac: pattern(32, 5), signature: pattern(64, 5) };
  for (const { fresh, missing } of PLACES) {
    if (missing !== undefined) continue;
    const where = await fresh();
    const attempt = (since: Partial<Since>, keys: CustodyKeys = KEYS, file = path) =>
      rejects(restore(file, where, keys, "boris", { ...NOTHING, ...since }), Error);
    await attempt({ done: [7] });
    nothingAt(where);
    await attempt({ forgotten: ["IB3009999"] });
    nothingAt(where);
    await attempt({ head: foreign });
    nothingAt(where);
    await attempt({ head: { ...head, signature: pattern(64, 5) } });
    nothingAt(where);
    await attempt({}, { journal: pattern(32, 99) });
    await attempt({}, {});
    await attempt({}, KEYS, freshFile());
    nothingAt(where);
    await restore(path, where, KEYS, "boris", NOTHING);
    // A complete register is not deleted by a restore that is refused.
    await rejectsFor(restore(path, where, KEYS, "boris", NOTHING), "exists");
    await (await openEngine(where)).close();
  }
});

onEachEngine(test, "what a killed restore leaves says that it is to be run again, and that works", async (rig) => {
  await fill(rig);
  const path = freshFile();
  await backUp(rig.register, path);
  for (const { kind, fresh, missing } of PLACES) {
    if (missing !== undefined) continue;
    // As after a kill before the first migration, after it, and before the rows are committed.
    for (const migrations of [[], MIGRATIONS.slice(0, 1), MIGRATIONS]) {
      const where = await fresh();
      if (kind === "sqlite") writeFileSync(where, "");
      if (migrations.length > 0) await (await openEngine(where, { create: true, migrations })).close();
      const opened = openEngine(where, { migrate: true }).then((engine) => Register.open(engine, KEYS, "boris"));
      const error = await rejectsFor(opened, "missing");
      assert.match(error.message, /dsc register restore/);
      await restore(path, where, KEYS, "boris", NOTHING);
      await (await openEngine(where)).close();
    }
  }
});

onEachEngine(test, "other files and backups of other versions are refused, each with its reason", async (rig) => {
  await fill(rig);
  const path = freshFile();
  await backUp(rig.register, path);
  const [place] = PLACES;
  const where = (await place?.fresh()) ?? "";
  const attempt = (file: string, since = NOTHING, journal: Buffer = KEYS.journal) =>
    restore(file, where, { journal }, "boris", since);
  await rejectsFor(attempt(path, NOTHING, pattern(32, 99)), "wrong-key");
  await rejectsFor(attempt(path, { ...NOTHING, done: [7] }), "unknown");
  await rejectsFor(attempt(path, { ...NOTHING, forgotten: ["IB3009999"] }), "unknown");
  const newer = freshFile();
  writeFileSync(newer, readFileSync(path, "utf8").replace(/"schema":\d+/, '"schema":99'));
  await rejectsFor(attempt(newer), "newer");
  const text = freshFile();
  writeFileSync(text, '{"format":"shopping list"}\n');
  await rejectsFor(attempt(text), "not-a-register");
  await rejects(attempt(freshFile()), FileError);
  await rejectsFor(restore(path, rig.where, KEYS, "boris", NOTHING), "exists");
});

onEachEngine(
  test,
  "a backup has no secret in the clear, only its owner can read it, and it overwrites nothing",
  async (rig) => {
    const { register } = rig;
    await fill(rig);
    const path = freshFile();
    await backUp(register, path);
    const whole = readFileSync(path, "utf8");
    const keys = await register.engine.read((db) => currentKeys(db, register, SERIAL));
    assert.ok(keys);
    for (const secret of [keys.token, keys.unlock, ...Object.values(KEYS)])
      for (const form of ["hex", "base64", "latin1"] as const)
        assert.not.ok(whole.includes(secret.toString(form)), form);
    if (!ON_WINDOWS) assert.is(statSync(path).mode & 0o777, 0o600);
    const error = await rejects(backUp(register, path), FileError);
    assert.is(error.reason, "exists");
    assert.is(readFileSync(path, "utf8"), whole);
  },
);

onEachEngine(test, "a backup of a register in use is consistent", async (rig) => {
  await fill(rig);
  const other = await rig.again();
  let stop = false;
  let added = 0;
  const working = (async () => {
    while (!stop) {
      await change(other, (one) => one.note({ action: `test ${++added}` }));
      // SQLite works synchronously; without a pause the file of the backup would not be read.
      await sleep(1);
    }
  })();
  const paths = [freshFile(), freshFile(), freshFile()];
  for (const path of paths) await backUp(rig.register, path);
  stop = true;
  await working;
  assert.ok(added > 0);
  for (const path of paths)
    await restored(path, NOTHING, async ({ register, report }) => {
      assert.equal(report.findings, []);
      assert.equal((await checkRegister(register)).findings, []);
    });
});

if (NO_POSTGRES !== undefined) note(`backups are restored into files only: ${NO_POSTGRES}`);

test.run();
