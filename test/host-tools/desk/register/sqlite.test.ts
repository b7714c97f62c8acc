// Rules for a register in a file only: who can read it, on which file systems it is allowed, a full disk, and the copy
// before a migration.

import {
  chmodSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { sql } from "kysely";
import * as assert from "uvu/assert";
import type { RetryingEngine } from "../../../../host-tools/desk/register/adapter.js";
import { MIGRATIONS, type Migration } from "../../../../host-tools/desk/register/migrations.js";
import { openEngine } from "../../../../host-tools/desk/register/open.js";
import { rejectsFor } from "../../../support/refusals.js";
import { scratchFolder } from "../../../support/scratch.js";
import { ON_WINDOWS, testUnless, UNBOUND } from "../../../support/skipping.js";
import { suite } from "../../../support/suite.js";

const test = suite("register in a file");
const FOLDER = scratchFolder();
let files = 0;

/** Types of statfs(2), by linux/magic.h. */
const NETWORK = { NFS: 0x6969, SMB: 0xfe534d42, CIFS: 0xff534d42, FUSE: 0x65735546 };
const EXT4 = 0xef53;

function freshPath(): string {
  return join(FOLDER, `register${++files}.db`);
}

async function made(path = freshPath()): Promise<string> {
  await (await openEngine(path, { create: true })).close();
  return path;
}

/** A database of another program. */
function otherProgram(): string {
  const path = freshPath();
  const Database = createRequire(import.meta.url)("libsql");
  const database = new Database(path);
  database.exec("CREATE TABLE songs (title TEXT)");
  database.close();
  return path;
}

testUnless(test, ON_WINDOWS, "only the owner can read the file and SQLite's side files", async () => {
  const path = freshPath();
  const engine = await openEngine(path, { create: true });
  await engine.write((db) => db.insertInto("settings").values({ name: "x", value: "", changed: 0 }).execute());
  const names = readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)));
  assert.ok(names.length > 1, "SQLite keeps files beside it while it is open");
  for (const name of names) assert.is(statSync(join(FOLDER, name)).mode & 0o777, 0o600, name);
  await engine.close();
});

test("erased data is in no file of the register", async () => {
  const path = await made();
  const canary = "canary-of-a-setting";
  const engine = await openEngine(path);
  await engine.write((db) => db.insertInto("settings").values({ name: "x", value: canary, changed: 0 }).execute());
  await engine.write((db) => db.deleteFrom("settings").execute());
  await engine.close();
  for (const name of readdirSync(FOLDER).filter((file) => file.startsWith(basename(path))))
    assert.not.ok(readFileSync(join(FOLDER, name)).includes(canary), name);
});

for (const [name, type] of Object.entries(NETWORK))
  test(`a file on ${name} is refused and not made`, async () => {
    const path = freshPath();
    const error = await rejectsFor(
      openEngine(path, { create: true, fileSystemType: () => type }),
      "network-file-system",
    );
    assert.match(error.message, "PostgreSQL");
    assert.not.ok(existsSync(path));
    await rejectsFor(openEngine(await made(), { fileSystemType: () => type }), "network-file-system");
  });

test("a file on a local disk is accepted", async () => {
  await (await openEngine(await made(), { fileSystemType: () => EXT4 })).close();
});

test("a missing file is made only on request", async () => {
  const path = freshPath();
  await rejectsFor(openEngine(path), "missing");
  assert.not.ok(existsSync(path));
});

testUnless(test, ON_WINDOWS, "a symbolic link opens the register; a second hard link is refused", async () => {
  const path = await made();
  symlinkSync(path, `${path}.link`);
  await (await openEngine(`${path}.link`)).close();
  linkSync(path, `${path}.hard`);
  for (const name of [path, `${path}.hard`]) await rejectsFor(openEngine(name), "other");
});

test("another program's database and other files are refused and not changed", async () => {
  const text = freshPath();
  writeFileSync(text, "not a database, but long enough to be looked at as one".repeat(100));
  for (const path of [otherProgram(), text]) {
    const before = readFileSync(path);
    for (const create of [false, true]) await rejectsFor(openEngine(path, { create }), "not-a-register");
    assert.ok(readFileSync(path).equals(before));
  }
  await rejectsFor(openEngine(FOLDER), "not-a-register");
});

test("a full disk is reported as full, and earlier data stays", async () => {
  const engine = (await openEngine(await made())) as RetryingEngine;
  const add = (name: string, size: number) =>
    engine.write((db) =>
      db
        .insertInto("meta")
        .values({ name, value: Buffer.alloc(size) })
        .execute(),
    );
  await add("small", 10);
  const pages = await engine.outside((db) => sql<{ page_count: number }>`PRAGMA page_count`.execute(db));
  await engine.outside((db) => sql`PRAGMA max_page_count = ${sql.lit(pages.rows[0]?.page_count)}`.execute(db));
  await rejectsFor(add("large", 1_000_000), "full");
  await engine.outside((db) => sql`PRAGMA max_page_count = 1000000`.execute(db));
  await add("after", 10);
  const names = await engine.read((db) => db.selectFrom("meta").select("name").orderBy("name").execute());
  assert.equal(
    names.map(({ name }) => name),
    ["after", "format", "small"],
  );
  await engine.close();
});

test("a statement that failed because the register was busy does not block later ones", async () => {
  const path = await made();
  const engine = await openEngine(path);
  const other = (await openEngine(path, { wait: 0 })) as RetryingEngine;
  await engine.write(async (db) => {
    await db.insertInto("settings").values({ name: "x", value: "", changed: 0 }).execute();
    await rejectsFor(
      other.outside((own) => sql`insert into settings values ('y', '', 0)`.execute(own)),
      "busy",
    );
  });
  await other.write((db) => db.insertInto("settings").values({ name: "z", value: "", changed: 0 }).execute());
  const names = await engine.read((db) => db.selectFrom("settings").select("name").orderBy("name").execute());
  assert.equal(
    names.map(({ name }) => name),
    ["x", "z"],
  );
  for (const one of [engine, other]) await one.close();
});

testUnless(test, UNBOUND, "a file without write permission is reported", async () => {
  const path = await made();
  chmodSync(path, 0o400);
  const engine = await openEngine(path).catch((error: unknown) => error);
  assert.match(`${engine}`, /cannot be (written|opened)|you have no permission/);
});

test("a migration first makes a copy of the earlier version", async () => {
  const path = await made();
  const next: Migration = {
    number: MIGRATIONS.length + 1,
    run: async (db) => void (await db.schema.alterTable("settings").addColumn("note", "text").execute()),
  };
  const newer = await openEngine(path, { migrations: [...MIGRATIONS, next] });
  await newer.close();
  const copy = `${path}.version-${MIGRATIONS.length}`;
  assert.is(statSync(copy).mode & 0o777, ON_WINDOWS ? statSync(copy).mode & 0o777 : 0o600);
  const old = await openEngine(copy);
  const applied = await old.read((db) => db.selectFrom("migrations").select("number").execute());
  assert.equal(
    applied,
    MIGRATIONS.map(({ number }) => ({ number })),
  );
  await old.close();
});

test.run();
