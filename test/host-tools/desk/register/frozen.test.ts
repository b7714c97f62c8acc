// Registers written by earlier versions are opened, migrated, restored and checked by the current one. The tables change only
// by migrations. test/frozen/README.md says how the registers were made.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { restore } from "../../../../host-tools/desk/register/backup.js";
import { readBackupHead } from "../../../../host-tools/desk/register/backupfile.js";
import { rowsOf } from "../../../../host-tools/desk/register/batches.js";
import { openRowPin } from "../../../../host-tools/desk/register/batchrows.js";
import { findCard } from "../../../../host-tools/desk/register/cards.js";
import { change } from "../../../../host-tools/desk/register/change.js";
import { checkRegister } from "../../../../host-tools/desk/register/check.js";
import { JournalKey } from "../../../../host-tools/desk/register/journalchain.js";
import { currentKeys } from "../../../../host-tools/desk/register/keys.js";
import {
  MIGRATIONS,
  type Migration,
  OPERATORS_SINCE,
  versionOf,
} from "../../../../host-tools/desk/register/migrations.js";
import { openEngine } from "../../../../host-tools/desk/register/open.js";
import { listOperators } from "../../../../host-tools/desk/register/operators.js";
import { openPin, orderOf } from "../../../../host-tools/desk/register/orders.js";
import { Register } from "../../../../host-tools/desk/register/register.js";
import { settingOf } from "../../../../host-tools/desk/register/settings.js";
import {
  CARDS,
  FROZEN_FOLDER,
  FROZEN_KEYS,
  FROZEN_OPERATOR,
  fileOf,
  JOURNAL_BEFORE,
  OPEN_BATCH,
  ORDER,
  SECOND_OPERATOR,
  SETTING,
} from "../../../support/frozenregister.js";
import { rejectsFor } from "../../../support/refusals.js";
import { PLACES, type Place } from "../../../support/registers.js";
import { scratchFolder } from "../../../support/scratch.js";
import { packageTest } from "../../../support/skipping.js";
import { suite } from "../../../support/suite.js";
import { tablesOf } from "../../../support/tablesof.js";

const test = suite("frozen registers");

const FOLDER = scratchFolder();
const NEWEST = MIGRATIONS.at(-1)?.number ?? 0;
const VERSIONS = MIGRATIONS.map(({ number }) => number);
const WHATS = ["db.gz", "backup", "sqlite", "postgres"] as const;
/** A version that this program does not know. */
const NEXT: Migration = {
  number: NEWEST + 1,
  run: async (db) => void (await db.schema.alterTable("settings").addColumn("note", "text").execute()),
};

test("there is a register of every version of the migrations, and of no other", () => {
  const files = VERSIONS.flatMap((version) => WHATS.map((what) => fileOf(version, what)));
  for (const file of files) assert.ok(existsSync(file), `${file}: node build/js/test/frozen/makeregister.js makes it`);
  assert.is(readdirSync(FROZEN_FOLDER).length, files.length);
});

for (const version of VERSIONS) {
  for (const place of PLACES)
    packageTest(
      test,
      place.missing,
      `the migrations up to ${version} make that version's tables (${place.kind})`,
      async () => {
        const migrations = MIGRATIONS.filter(({ number }) => number <= version);
        const engine = await openEngine(await place.fresh(), { create: true, migrations });
        assert.is(await tablesOf(engine), readFileSync(fileOf(version, place.kind), "utf8"));
        await engine.close();
      },
    );

  test(`version ${version}: a file opens with its contents unchanged`, async () => {
    const path = join(FOLDER, `version-${version}.db`);
    writeFileSync(path, gunzipSync(readFileSync(fileOf(version, "db.gz"))), { mode: 0o600 });
    await assertWhole(path, version);
    assert.is(existsSync(`${path}.version-${version}`), version !== NEWEST);
  });

  for (const place of PLACES)
    packageTest(test, place.missing, `version ${version}: a backup is restored (${place.kind})`, () =>
      assertRestored(version, place),
    );
}

async function assertRestored(version: number, place: Place): Promise<void> {
  const path = fileOf(version, "backup");
  assert.is((await readBackupHead(path)).schema, version);
  const where = await place.fresh();
  const report = await restore(path, where, FROZEN_KEYS, FROZEN_OPERATOR, { done: [], forgotten: [] });
  assert.equal([report.findings, report.challengesEnded, report.openOrders], [[], 1, [1]]);
  await assertWhole(where, version);
}

/** Asserts that the register has its contents, and that it can be used. */
async function assertWhole(where: string, version: number): Promise<void> {
  const register = await Register.open(await openEngine(where), { ...FROZEN_KEYS }, FROZEN_OPERATOR);
  try {
    const { engine } = register;
    const earlier = [new JournalKey(JOURNAL_BEFORE, register.id)];
    await change(register, ({ note }) => note({ action: "test" }));
    const { findings, unchecked, cards } = await checkRegister(register, undefined, earlier);
    assert.equal([findings, unchecked, cards], [[], 0, Object.keys(CARDS).length]);
    assert.is(await engine.read((db) => versionOf(db, engine.kind, where)), NEWEST);
    for (const [name, { serial, token, unlock }] of Object.entries(CARDS)) {
      const keys = await engine.read((db) => currentKeys(db, register, serial));
      assert.equal([keys?.token, keys?.unlock, keys?.origin], [token, unlock, name === "pending" ? "drawn" : name]);
    }
    const states = await engine.read((db) =>
      Promise.all(Object.values(CARDS).map(({ serial }) => findCard(db, serial))),
    );
    assert.equal(
      states.map((card) => card?.state),
      ["shipped", "active", "pending", "seeded"],
    );
    const order = await engine.read((db) => orderOf(db, 1));
    assert.equal([order.state, order.user_name, openPin(register, order)], ["placed", ORDER.userName, ORDER.pin]);
    assert.is((await engine.read((db) => orderOf(db, 2))).state, "cancelled");
    assert.is(await engine.read((db) => settingOf(db, "serial.first")), SETTING);
    if (version >= OPERATORS_SINCE) await assertOfOperators(register);
  } finally {
    await register.close();
  }
}

/** Asserts the contents of a register of a version with operators. */
async function assertOfOperators(register: Register): Promise<void> {
  const { engine } = register;
  const operators = await engine.read(listOperators);
  const known = [FROZEN_OPERATOR, SECOND_OPERATOR].map(({ name, publicKey }) => [name, publicKey]);
  assert.equal(
    operators.map(({ name, public_key }) => [name, public_key]),
    known,
  );
  const [row, ...more] = await engine.read((db) => rowsOf(db, OPEN_BATCH.number));
  assert.equal([row?.state, row?.serial, row?.card_id, more], ["pending", SETTING, OPEN_BATCH.cardId, []]);
  assert.equal(row && openRowPin(register, row), OPEN_BATCH.pin);
}

for (const place of PLACES)
  packageTest(test, place.missing, `a register that a newer version wrote is refused (${place.kind})`, async () => {
    const where = await place.fresh();
    await restore(fileOf(NEWEST, "backup"), where, FROZEN_KEYS, FROZEN_OPERATOR, { done: [], forgotten: [] });
    await (await openEngine(where, { migrations: [...MIGRATIONS, NEXT], migrate: true })).close();
    const { message } = await rejectsFor(openEngine(where), "newer");
    assert.match(
      message,
      `is a register of a newer version (${NEWEST + 1}; this dsc knows ${NEWEST}); use a newer dsc`,
    );
  });

test.run();
