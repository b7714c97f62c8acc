// Cases of a register on a server: a server that stops and comes back, connections that run out, other encodings,
// missing standbys, and URLs.

import * as assert from "uvu/assert";
import type { Engine } from "../../../../host-tools/desk/register/engine.js";
import type { RegisterReason } from "../../../../host-tools/desk/register/errors.js";
import { openEngine } from "../../../../host-tools/desk/register/open.js";
import { UsageError } from "../../../../host-tools/files/errors.js";
import { until } from "../../../support/deadline.js";
import { NO_POSTGRES, type PostgresServer } from "../../../support/postgres.js";
import { rejects, rejectsFor } from "../../../support/refusals.js";
import { postgres } from "../../../support/registers.js";
import { packageTest } from "../../../support/skipping.js";
import { suite } from "../../../support/suite.js";

const test = suite("register on PostgreSQL");

/** A test with an engine on a new register of the file's server. */
function engineTest(name: string, body: (engine: Engine, server: PostgresServer) => Promise<void>): void {
  packageTest(test, NO_POSTGRES, name, async () => {
    const server = await postgres();
    const engine = await openEngine(await server.schema(), { create: true });
    try {
      await body(engine, server);
    } finally {
      await engine.close();
    }
  });
}

function add(engine: Engine, name: string): Promise<unknown> {
  return engine.write((db) => db.insertInto("settings").values({ name, value: "", changed: 0 }).execute());
}

async function names(engine: Engine): Promise<string[]> {
  const rows = await engine.read((db) => db.selectFrom("settings").select("name").orderBy("name").execute());
  return rows.map(({ name }) => name);
}

for (const [signal, what] of [
  ["SIGINT", "stopped"],
  ["SIGKILL", "killed"],
] as const)
  engineTest(`a server that is ${what} is reported at once, and used again when it is back`, async (engine, server) => {
    await add(engine, "before");
    await server.stop(signal);
    await rejectsFor(add(engine, "away"), "unreachable");
    await rejectsFor(names(engine), "unreachable");
    await rejectsFor(openEngine(engine.where), "unreachable");
    await server.start();
    await add(engine, "back");
    assert.equal(await names(engine), ["back", "before"]);
  });

engineTest("a connection cut in a transaction leaves nothing, and the next one works", async (engine, server) => {
  const run = engine.write(async (db) => {
    await db.insertInto("settings").values({ name: "x", value: "", changed: 0 }).execute();
    await server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dsc'");
    await db.insertInto("settings").values({ name: "y", value: "", changed: 0 }).execute();
  });
  await rejectsFor(run, "unreachable");
  assert.equal(await names(engine), []);
});

engineTest("a commit that did not wait for its standby is not taken as a success", async (engine, server) => {
  const cluster = async (setting: string) => {
    await server.run(`ALTER SYSTEM SET synchronous_standby_names = '${setting}'`);
    await server.run("SELECT pg_reload_conf()");
  };
  const waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
  await cluster("nowhere");
  try {
    const shown = async () => (await server.run("SHOW synchronous_standby_names"))[0]?.synchronous_standby_names !== "";
    await until(shown, "the server takes the setting");
    const run = add(engine, "x");
    const failed = rejectsFor(run, "uncertain");
    // The result is checked below, after the commit was told to stop waiting.
    failed.catch(() => {});
    await until(async () => (await server.run(`SELECT pid ${waiting}`)).length > 0, "the commit waits");
    await server.run(`SELECT pg_cancel_backend(pid) ${waiting}`);
    await failed;
  } finally {
    await cluster("");
  }
});

engineTest("commits wait for the disk, whatever the database's setting", async (engine, server) => {
  for (const [setting, expected] of [
    ["off", "on"],
    ["remote_apply", "remote_apply"],
  ]) {
    await server.run(`ALTER ROLE dsc SET synchronous_commit = '${setting}'`);
    const other = await openEngine(engine.where);
    const { sql } = await import("kysely");
    const { rows } = await other.read((db) =>
      sql<{ value: string }>`select current_setting('synchronous_commit') as value`.execute(db),
    );
    assert.is(rows[0]?.value, expected);
    await other.close();
  }
  await server.run("ALTER ROLE dsc RESET synchronous_commit");
});

engineTest("a server without free connections is waited for, and then reported", async (engine, server) => {
  await server.run("CREATE ROLE guest LOGIN CONNECTION LIMIT 0");
  const guest = engine.where.replace("dsc@", "guest@");
  await rejectsFor(openEngine(guest, { wait: 10 }), "busy");
  await server.run("ALTER ROLE guest CONNECTION LIMIT -1");
  await server.run(`GRANT USAGE ON SCHEMA ${/test\d+/.exec(engine.where)} TO guest`);
  await rejectsFor(openEngine(guest), "denied");
});

/** Errors that a test cannot easily bring about, raised by the server itself. */
const RAISED: readonly (readonly [string, RegisterReason])[] = [
  ["53100", "full"],
  ["25006", "read-only"],
  ["42501", "denied"],
  ["57P03", "unreachable"],
  ["57014", "busy"],
];

for (const [code, reason] of RAISED)
  engineTest(`the server's error ${code} is reported as ${reason}`, async (engine) => {
    const { sql } = await import("kysely");
    const raising = sql.raw(`DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${code}', MESSAGE = 'secret'; END; $$`);
    const error = await rejectsFor(
      engine.write((db) => raising.execute(db)),
      reason,
    );
    assert.not.match(error.message, "secret");
  });

packageTest(test, NO_POSTGRES, "a database in another encoding is refused", async () => {
  const server = await postgres();
  for (const encoding of ["LATIN1", "SQL_ASCII"]) {
    const error = await rejectsFor(openEngine(await server.database(encoding), { create: true }), "encoding");
    assert.match(error.message, encoding);
  }
});

packageTest(test, NO_POSTGRES, "the server's time zone changes nothing", async () => {
  const server = await postgres();
  await server.run("ALTER ROLE dsc SET timezone = 'Pacific/Kiritimati'");
  const engine = await openEngine(await server.database(), { create: true });
  const before = Date.now();
  const now = await engine.now();
  assert.ok(now >= before - 1 && now <= Date.now() + 1, `${now}`);
  await engine.close();
  await server.run("ALTER ROLE dsc RESET timezone");
});

packageTest(test, NO_POSTGRES, "another program's database and a missing one are refused", async () => {
  const server = await postgres();
  const url = await server.database();
  await server.run("CREATE TABLE songs (title text)", url);
  for (const create of [false, true]) await rejectsFor(openEngine(url, { create }), "not-a-register");
  assert.is((await server.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", url)).length, 1);
  await rejectsFor(openEngine(server.url("nowhere")), "missing");
});

for (const url of [
  "postgres://dsc:PASSWORD@localhost/register",
  "postgresql://dsc:PASSWORD@/register?host=/run",
  "postgres://dsc@localhost/register?password=PASSWORD",
])
  test(`a password in a URL is refused: ${url.replace("PASSWORD", "…")}`, async () => {
    const error = await rejects(openEngine(url), UsageError);
    assert.match(error.message, "PGPASSFILE");
    assert.not.match(error.message, "PASSWORD@");
    assert.not.match(error.message, "localhost");
  });

test("an unreachable server is reported", async () => {
  const error = await rejectsFor(openEngine("postgres://dsc@/register?host=/nowhere"), "unreachable");
  assert.match(error.message, "ENOENT");
});

test.run();
