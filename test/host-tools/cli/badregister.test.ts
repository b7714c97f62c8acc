// Registers that cannot be used, on either engine: each gives exit code 6 and one line that says what is wrong and what
// to do, and stays unchanged.

import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { MIGRATIONS, type Migration } from "../../../host-tools/desk/register/migrations.js";
import { openEngine } from "../../../host-tools/desk/register/open.js";
import { dscHere } from "../../support/dschere.js";
import { KEYS, newRegister } from "../../support/openregister.js";
import { pattern } from "../../support/pattern.js";
import { NO_POSTGRES } from "../../support/postgres.js";
import { PLACES, type Place, postgres } from "../../support/registers.js";
import { scratchFolder } from "../../support/scratch.js";
import { dsc } from "../../support/simprocess.js";
import { packageTest } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";

const test = suite("dsc on a bad register");

const FOLDER = scratchFolder();
const KINDS = ["site", "desk", "journal"] as const;
const HOUR = 3_600_000;

function put(name: string, contents: string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, contents, { mode: 0o600 });
  return path;
}

const KEY_FILES = KINDS.flatMap((kind) => [`--${kind}-key`, put(`${kind}.key`, KEYS[kind].toString("hex"))]);
const OTHER_KEY = put("other.key", pattern(32, 99).toString("hex"));
/** A command that reads all of the register, and one that changes it. */
const CHECK = ["register", "check", ...KEY_FILES];
const CHANGE = ["settings", "serial.first", "IB3000500", ...KEY_FILES.slice(4)];

const NEXT: Migration = {
  number: (MIGRATIONS.at(-1)?.number ?? 0) + 1,
  run: async (db) => void (await db.schema.alterTable("settings").addColumn("note", "text").execute()),
};

const { DSC_REGISTER: _, DSC_SITE_KEY: __, DSC_DESK_KEY: ___, DSC_JOURNAL_KEY: ____, ...CLEAN } = process.env;

/** Runs dsc on the register. An error is one line on stderr, and one object in JSON with the same message and a hint. */
async function run(
  code: number,
  where: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = CLEAN,
): Promise<string> {
  const ended = await dscHere([...args, "--register", where], "", env);
  assert.is(ended.code, code, `${args.join(" ")}: ${ended.stdout}${ended.stderr}`);
  if (code <= 1) return ended.stdout;
  assert.match(ended.stderr, /^dsc: .+\n$/);
  assert.is(ended.stdout, "");
  const { error } = JSON.parse((await dscHere([...args, "--register", where, "--json"], "", env)).stdout);
  // A message may contain the time.
  const timeless = (text: string) => text.replace(/the clock says \S+,/, "");
  assert.equal([error.code, timeless(ended.stderr)], [code, timeless(`dsc: ${error.message}\n`)]);
  assert.ok(error.hint.length > 10, error.hint);
  return ended.stderr;
}

async function made(place: Place): Promise<string> {
  const where = await place.fresh();
  await (await newRegister(where)).close();
  return where;
}

async function settingsIn(where: string): Promise<number> {
  const engine = await openEngine(where);
  const rows = await engine.read((db) => db.selectFrom("settings").selectAll().execute());
  await engine.close();
  return rows.length;
}

const onEach = (name: string, body: (place: Place) => Promise<void>) => {
  for (const place of PLACES) packageTest(test, place.missing, `${name} (${place.kind})`, () => body(place));
};

onEach("a key of another register is refused", async (place) => {
  const where = await made(place);
  for (const kind of KINDS)
    assert.match(
      await run(6, where, [...CHECK, `--${kind}-key`, OTHER_KEY]),
      `the ${kind} key belongs to another register`,
    );
  assert.match(await run(6, where, [...CHANGE, "--journal-key", OTHER_KEY]), "journal key belongs to another register");
  assert.is(await settingsIn(where), 0);
});

onEach("a register that a newer version wrote is refused", async (place) => {
  const where = await made(place);
  await (await openEngine(where, { migrations: [...MIGRATIONS, NEXT], migrate: true })).close();
  for (const args of [CHECK, CHANGE, ["register", "migrate"], ["card", "list"]])
    assert.match(await run(6, where, args), /newer version \(\d+; this dsc knows \d+\); use a newer dsc/);
  await (await openEngine(where, { migrations: [...MIGRATIONS, NEXT] })).close();
});

onEach("a missing register is reported, and init makes it", async (place) => {
  const where = await place.fresh();
  for (const args of [CHECK, CHANGE, ["challenge", "--serial", "IB3000123"], ["register", "migrate"]])
    assert.match(await run(6, where, args), "dsc register init makes");
  await run(0, where, ["register", "init", ...KEY_FILES]);
  await run(0, where, CHECK);
});

onEach("another program's database is refused", async (place) => {
  const where = place.kind === "sqlite" ? await place.fresh() : await (await postgres()).database();
  await makeSongs(place, where);
  for (const args of [CHECK, CHANGE, ["register", "init", ...KEY_FILES]])
    assert.match(await run(6, where, args), "another program's database; nothing was changed");
});

async function makeSongs({ kind }: Place, where: string): Promise<void> {
  if (kind === "postgres") return void (await (await postgres()).run("CREATE TABLE songs (title text)", where));
  const database = new (createRequire(import.meta.url)("libsql"))(where);
  database.exec("CREATE TABLE songs (title TEXT)");
  database.close();
}

onEach("a clock that went back is reported", async (place) => {
  const where = await made(place);
  const engine = await openEngine(where);
  const future = Buffer.from(String(Date.now() + HOUR));
  await engine.write((db) =>
    db
      .insertInto("meta")
      .values({ name: "clock", value: future })
      .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: future }))
      .execute(),
  );
  await engine.close();
  assert.match(
    await run(6, where, CHANGE),
    /the clock says .*, but the register has seen .*dsc register clock --accept/,
  );
  await run(0, where, ["card", "list"]);
  await run(0, where, ["register", "clock", "--accept", ...KEY_FILES.slice(4)]);
  await run(0, where, CHANGE);
});

const onServer = (name: string, body: () => Promise<void>) => packageTest(test, NO_POSTGRES, name, body);

onServer("a database in another encoding is refused", async () => {
  const where = await (await postgres()).database("LATIN1");
  for (const args of [CHECK, ["register", "init", ...KEY_FILES]])
    assert.match(await run(6, where, args), /encoding is LATIN1; make one with createdb --encoding=UTF8/);
});

onServer("another time zone of the server or the computer changes nothing", async () => {
  const server = await postgres();
  const where = await server.schema();
  await run(0, where, ["register", "init", ...KEY_FILES]);
  await server.run("ALTER ROLE dsc SET timezone = 'Pacific/Kiritimati'");
  await run(0, where, CHANGE, { ...CLEAN, TZ: "America/Caracas" });
  await server.run("ALTER ROLE dsc RESET timezone");
  const { entries } = JSON.parse(await run(0, where, ["journal", "show", "--json"]));
  const [first, second] = entries.map(({ at }: { at: string }) => Date.parse(at));
  assert.ok(second >= first && second - first < HOUR, `${first} ${second}`);
  await run(0, where, CHECK);
});

onServer("a URL with a password is refused without repeating it", async () => {
  for (const where of ["postgres://desk:hunter2@localhost/desk", "postgres://desk@localhost/desk?password=hunter2"]) {
    const said = await run(2, where, CHECK);
    assert.match(said, "PGPASSFILE");
    assert.not.match(said, "hunter2");
  }
});

test("a URL of another kind, and an sslmode that is unknown or means something else to libpq, are refused", async () => {
  assert.match(
    await run(2, "mysql://desk:hunter2@localhost/desk", CHECK),
    /^dsc: this URL names no register; give a file or a postgres:/,
  );
  for (const mode of ["require", "verify-ca", "prefer", "no-verify", "verify_full", ""]) {
    const said = await run(2, `postgres://desk@localhost/desk?sslmode=${mode}`, CHECK);
    assert.match(said, /verify-full, which encrypts and checks/);
  }
});

onServer("an error of TLS set-up is explained", async () => {
  const where = `${await (await postgres()).schema()}&sslmode=verify-full`;
  assert.match(await run(6, where, CHECK), /no connection to the server: .*does not support SSL/);
  for (const name of ["sslrootcert", "sslcert", "sslkey"])
    assert.match(await run(6, `${where}&${name}=${join(FOLDER, "gone.pem")}`, CHECK), /gone.pem: cannot be read/);
});

onServer("with a password from PGPASSFILE dsc prints only its own messages", async () => {
  const server = await postgres();
  await server.run("CREATE ROLE bench LOGIN SUPERUSER PASSWORD 'hunter2'");
  writeFileSync(join(server.data, "pg_hba.conf"), "local all bench scram-sha-256\nlocal all all trust\n");
  await server.run("SELECT pg_reload_conf()");
  const where = (await server.database()).replace(/\/\/\w+@/, "//bench@");
  const ended = await dsc(["register", "init", "--register", where, ...KEY_FILES], {
    env: { ...CLEAN, PGPASSFILE: put("pgpass", "*:*:*:bench:hunter2\n") },
  });
  assert.equal([ended.code, ended.stderr], [0, ""]);
  assert.match(await run(6, where, CHECK, { ...CLEAN, PGPASSFILE: put("none", "\n") }), "PGPASSFILE");
});

onServer("a server that is away is reported, and used again when it is back", async () => {
  const server = await postgres();
  const where = await server.schema();
  await run(0, where, ["register", "init", ...KEY_FILES]);
  await server.stop();
  for (const args of [CHECK, CHANGE, ["register", "init", ...KEY_FILES]])
    assert.match(await run(6, where, args), "no connection to the server");
  await server.start();
  await run(0, where, CHANGE);
  await run(0, where, CHECK);
});

test.run();
