// Makes the files of test/frozen/register for the register's newest version: a register in a file, its backup, and the
// tables that the migrations make. Run it for a release: node build/js/test/frozen/makeregister.js. It never overwrites
// a file.

import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { acceptClock } from "../../host-tools/desk/register/acceptclock.js";
import { backUp } from "../../host-tools/desk/register/backup.js";
import { openFileBatch } from "../../host-tools/desk/register/batches.js";
import { pairCard } from "../../host-tools/desk/register/batchrows.js";
import { moveCard } from "../../host-tools/desk/register/cards.js";
import { issueChallenge, spendChallenge } from "../../host-tools/desk/register/challenges.js";
import { type Change, change } from "../../host-tools/desk/register/change.js";
import { changeSetting, enrolOperator } from "../../host-tools/desk/register/enrolment.js";
import { initRegister } from "../../host-tools/desk/register/initialize.js";
import { importRecords } from "../../host-tools/desk/register/keyimport.js";
import { bindKeys } from "../../host-tools/desk/register/keys.js";
import { MIGRATIONS } from "../../host-tools/desk/register/migrations.js";
import { openEngine } from "../../host-tools/desk/register/open.js";
import { addOrder, cancelOrder } from "../../host-tools/desk/register/orders.js";
import { Register } from "../../host-tools/desk/register/register.js";
import { rekey } from "../../host-tools/desk/register/rekey.js";
import { setSetting } from "../../host-tools/desk/register/settings.js";
import { createExclusive } from "../../host-tools/files/files.js";
import {
  CARDS,
  FROZEN_FOLDER,
  FROZEN_KEYS,
  FROZEN_OPERATOR,
  FROZEN_TIME,
  fileOf,
  JOURNAL_BEFORE,
  OPEN_BATCH,
  ORDER,
  SECOND_OPERATOR,
  SETTING,
} from "../support/frozenregister.js";
import { pattern } from "../support/pattern.js";
import { postgres } from "../support/registers.js";
import { tablesOf } from "../support/tablesof.js";

const ACTOR = "frozen";
const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";

const version = MIGRATIONS.at(-1)?.number ?? 0;
const clock = () => FROZEN_TIME;
const place = join(FROZEN_FOLDER, "making.db");

/** The journal key changes at some entry, so the register has entries under two journal keys. */
async function fill(): Promise<void> {
  const first = { ...FROZEN_KEYS, journal: JOURNAL_BEFORE };
  const engine = await openEngine(place, { create: true, clock });
  await initRegister(engine, first, ACTOR);
  await engine.close();
  await withRegister(first, async (register) => {
    await change(register, fillRows);
    const imported = { key: CARDS.imported.token, unlockKey: CARDS.imported.unlock, state: "done" } as const;
    const settings = { serial: CARDS.imported.serial, suite: SUITE, pinCheck: "card", tries: 5 } as const;
    await importRecords(register, [{ ...settings, ...imported, keyset: undefined }], "00".repeat(32));
    await rekey(register, { journal: FROZEN_KEYS.journal });
  });
  await withRegister(FROZEN_KEYS, async (register) => {
    await change(register, ({ note }) => note({ action: "test", reason: "under the second journal key" }));
    await enrol(register);
    await beginBatch(register);
    await backUp(register, fileOf(version, "backup"));
  });
}

async function withRegister(keys: typeof FROZEN_KEYS, use: (register: Register) => Promise<void>): Promise<void> {
  const register = await Register.open(await openEngine(place, { clock }), { ...keys }, FROZEN_OPERATOR);
  await use(register);
  await register.close();
}

/** Writes a row of every kind, including those that the register does not write yet. */
async function fillRows(one: Change): Promise<void> {
  const { db, at } = one;
  await setSetting(one, "serial.first", SETTING);
  const batch = { name: pattern(32, 11), state: "closed", opened: at, changed: at } as const;
  const { number } = await db.insertInto("batches").values(batch).returning("number").executeTakeFirstOrThrow();
  for (const [name, { serial, state, cardId, token, unlock, before }] of Object.entries(CARDS)) {
    if (name === "imported") continue;
    const settings = { suite: SUITE, pin_check: "card", tries: 5, store_data: "answered", put_key: "done" } as const;
    const transport = { keyset: 1, transport: "a1b2c3", life_before: "blank", keys_before: "public" } as const;
    const whose = { user_name: "jane", batch_number: number, created: at, changed: at };
    await db
      .insertInto("cards")
      .values({ serial, state, card_id: cardId, ...settings, ...transport, ...whose })
      .execute();
    const origin = name === "given" ? ("given" as const) : ("drawn" as const);
    for (const key of [before, token]) await bindKeys(one, { serial, cardId, key, unlockKey: unlock, origin });
  }
  await moveCard(one, {
    serial: CARDS.drawn.serial,
    to: "shipped",
    action: "card ship",
    detail: { arrives: "2020-01-04" },
  });
  await addOrder(one, ORDER);
  await addOrder(one, { ...ORDER, userName: "john" });
  await cancelOrder(one, 2, "a mistake");
  for (const right of [true, false])
    await spendChallenge(one, CARDS.given.serial, await issueChallenge(one, CARDS.given.serial), right);
  await issueChallenge(one, CARDS.given.serial);
}

/** Adds operators who act from here on, and an approval that is still open. */
async function enrol(register: Register): Promise<void> {
  await enrolOperator(register, FROZEN_OPERATOR);
  await enrolOperator(register, SECOND_OPERATOR);
  await changeSetting(register, "approval.clock", "yes");
  await acceptClock(register).catch(() => {});
}

/** A batch whose only card has its PIN and no keys yet. */
async function beginBatch(register: Register): Promise<void> {
  const { contents, line, cardId, pin } = OPEN_BATCH;
  const wanted = { line, suite: SUITE, pinCheck: "card", tries: 5 } as const;
  const { number } = await openFileBatch(register, { path: "cards.csv", contents, cards: [wanted], again: false });
  const present = { id: cardId, serial: undefined, life: "blank", testKeys: true } as const;
  const claimant = { bench: "frozen", process: "1" };
  await pairCard(register, present, { batch: number, claimant, pinOf: () => pin });
}

async function writeTables(): Promise<void> {
  const engines = [
    await openEngine(place, { clock }),
    await openEngine(await (await postgres()).schema(), { create: true }),
  ];
  for (const engine of engines) {
    createExclusive(fileOf(version, engine.kind), await tablesOf(engine));
    await engine.close();
  }
}

await fill();
await writeTables();
createExclusive(fileOf(version, "db.gz"), gzipSync(readFileSync(place)));
for (const suffix of ["", "-wal", "-shm"]) rmSync(`${place}${suffix}`, { force: true });
process.exit();
