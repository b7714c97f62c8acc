// The promises of both engines, by the same tests: values, transactions, concurrent writers, killed processes,
// versions.

import { executionAsyncResource } from "node:async_hooks";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { sql } from "kysely";
import * as assert from "uvu/assert";
import type { Engine } from "../../../../host-tools/desk/register/engine.js";
import { MIGRATIONS, type Migration } from "../../../../host-tools/desk/register/migrations.js";
import { type OpenOptions, openEngine, REGISTER_ID } from "../../../../host-tools/desk/register/open.js";
import { endingWith } from "../../../support/leftovers.js";
import { rejects, rejectsFor } from "../../../support/refusals.js";
import { PLACES, type Place } from "../../../support/registers.js";
import { packageTest } from "../../../support/skipping.js";
import { suite, type Test } from "../../../support/suite.js";

const OPEN = new URL("../../../../host-tools/desk/register/open.js", import.meta.url).href;

/** Values that must be refused before they reach the engine: the kind, and the value. */
const NOT_STORED: readonly (readonly [string, unknown])[] = [
  ["a boolean", true],
  ["no number", Number.NaN],
  ["infinity", Number.POSITIVE_INFINITY],
  ["a fraction", 0.5],
  ["an integer beyond 2^53", 2 ** 53],
  ["a bigint", 1n],
  ["undefined", undefined],
  ["a date", new Date(0)],
  ["an object", {}],
  ["a list", ["x"]],
];

/** Text that an engine would cut or change. */
const NOT_TEXT: readonly (readonly [string, string])[] = [
  ["a NUL", "a\0b"],
  ["half of a surrogate pair", "\ud83d"],
];

const NUMBERS = MIGRATIONS.map(({ number }) => number);
const NEXT = NUMBERS.length + 1;

for (const place of PLACES) {
  const suiteOf = suite(`engine ${place.kind}`);
  defineValues(suiteOf, place);
  defineTransactions(suiteOf, place);
  defineProcesses(suiteOf, place);
  defineVersions(suiteOf, place);
  suiteOf.run();
}

/** A test with an engine on a new register; `packageTest` skips it if the server is not installed. */
function engineTest(test: Test, place: Place, name: string, body: (engine: Engine) => Promise<void>): void {
  packageTest(test, place.missing, name, () => withEngine(place, body));
}

async function withEngine(place: Place, body: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = await openEngine(await place.fresh(), { create: true });
  try {
    await body(engine);
  } finally {
    await engine.close();
  }
}

function defineValues(test: Test, place: Place): void {
  engineTest(test, place, "values are read as they were written", async (engine) => {
    const blob = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const text = "ü 漢字 😀 ' \" ? $1 \\ \n";
    await engine.write(async (db) => {
      await db.insertInto("meta").values({ name: text, value: blob }).execute();
      await db
        .insertInto("meta")
        .values({ name: "", value: Buffer.alloc(0) })
        .execute();
      await db
        .insertInto("settings")
        .values({ name: "largest", value: "", changed: Number.MAX_SAFE_INTEGER })
        .execute();
      await db.insertInto("settings").values({ name: "least", value: "", changed: Number.MIN_SAFE_INTEGER }).execute();
    });
    await engine.read(async (db) => {
      const meta = await db.selectFrom("meta").selectAll().where("name", "in", [text, ""]).orderBy("name").execute();
      assert.equal(meta, [
        { name: "", value: Buffer.alloc(0) },
        { name: text, value: blob },
      ]);
      assert.ok(meta.every(({ value }) => Buffer.isBuffer(value)));
      const numbers = await db.selectFrom("settings").select("changed").orderBy("changed").execute();
      assert.equal(
        numbers.map(({ changed }) => changed),
        [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
      );
    });
  });

  engineTest(test, place, "counts, sums, NULL and numbers of rows are plain values", async (engine) => {
    const numbers = await engine.write(async (db) => {
      const row = { name: Buffer.from("a"), state: "open", opened: 1, changed: 2 } as const;
      const one = await db.insertInto("batches").values(row).returning("number").executeTakeFirstOrThrow();
      const other = { ...row, name: Buffer.from("b") };
      const two = await db.insertInto("batches").values(other).returning("number").executeTakeFirstOrThrow();
      const { numUpdatedRows } = await db.updateTable("batches").set({ changed: 3 }).executeTakeFirstOrThrow();
      assert.is(numUpdatedRows, 2n);
      return [one.number, two.number];
    });
    assert.equal(numbers, [1, 2]);
    const found = await engine.read((db) =>
      db
        .selectFrom("batches")
        .select(({ fn }) => [fn.countAll<number>().as("count"), fn.sum<number>("changed").as("sum")])
        .select(sql<null>`null`.as("nothing"))
        .executeTakeFirstOrThrow(),
    );
    assert.equal(found, { count: 2, sum: 6, nothing: null });
  });

  for (const [what, value] of NOT_STORED)
    engineTest(test, place, `${what} is refused before the engine sees it`, async (engine) => {
      await rejects(
        engine.write((db) => sql`insert into settings (name, value, changed) values ('x', '', ${value})`.execute(db)),
        TypeError,
      );
      assert.is(await countSettings(engine), 0);
    });

  for (const [what, text] of NOT_TEXT)
    engineTest(test, place, `text with ${what} is refused`, async (engine) => {
      await rejectsFor(
        engine.write((db) => db.insertInto("settings").values({ name: text, value: "", changed: 0 }).execute()),
        "other",
      );
      assert.is(await countSettings(engine), 0);
    });

  engineTest(test, place, "a statement with too few or too many parameters is refused", async (engine) => {
    for (const parameters of [[], ["a"], ["a", "b", "c"]]) {
      const placeholders = place.kind === "sqlite" ? "?, ?" : "$1, $2";
      const raw = { sql: `select ${placeholders}`, parameters, query: { kind: "RawNode" }, queryId: { queryId: "1" } };
      await rejects(
        engine.read((db) => db.executeQuery(raw as never)),
        TypeError,
      );
    }
  });

  engineTest(test, place, "an integer beyond 2^53 that another program stored is refused", async (engine) => {
    await engine.write((db) => sql`insert into settings values ('x', '', 9007199254740993)`.execute(db));
    await rejectsFor(
      engine.read((db) => db.selectFrom("settings").selectAll().execute()),
      "damaged",
    );
  });
}

function defineTransactions(test: Test, place: Place): void {
  engineTest(test, place, "a transaction that throws leaves nothing", async (engine) => {
    const own = new Error("changed my mind");
    const run = engine.write(async (db) => {
      await addSetting(db, "x");
      throw own;
    });
    assert.is(await run.catch((error: unknown) => error), own);
    assert.is(await countSettings(engine), 0);
  });

  engineTest(
    test,
    place,
    "a failed statement rolls back its transaction, even if the error is caught",
    async (engine) => {
      await engine.write((db) => addSetting(db, "x"));
      const run = engine.write(async (db) => {
        await addSetting(db, "y");
        await addSetting(db, "x").catch(() => {});
      });
      await rejectsFor(run, "duplicate");
      assert.is(await countSettings(engine), 1);
    },
  );

  engineTest(test, place, "a duplicate row is refused, and the message contains none of its values", async (engine) => {
    await engine.write((db) => addSetting(db, "secret-name"));
    const error = await rejectsFor(
      engine.write((db) => addSetting(db, "secret-name")),
      "duplicate",
    );
    assert.not.match(error.message, "secret-name");
  });

  engineTest(
    test,
    place,
    "two cards cannot have the same token key, but may have the same unlock key",
    async (engine) => {
      const key = { version: 1, opener: "desk", origin: "drawn", state: "active", card_id: "00".repeat(8) } as const;
      const secret = { sealed: Buffer.from("s"), fingerprint: Buffer.from("f") };
      await engine.write(async (db) => {
        for (const serial of ["IB3000001", "IB3000002"]) await addCard(db, serial);
        await db
          .insertInto("keys")
          .values({ ...key, ...secret, serial: "IB3000001", field: "token" })
          .execute();
        for (const serial of ["IB3000001", "IB3000002"])
          await db
            .insertInto("keys")
            .values({ ...key, ...secret, serial, field: "unlock" })
            .execute();
      });
      for (const state of ["active", "abandoned"] as const)
        await rejectsFor(
          engine.write((db) =>
            db
              .insertInto("keys")
              .values({ ...key, ...secret, state, serial: "IB3000002", field: "token" })
              .execute(),
          ),
          "duplicate",
        );
    },
  );

  engineTest(test, place, "a reading transaction sees one snapshot and writes nothing", async (engine) => {
    const other = await openEngine(engine.where);
    await engine.read(async (db) => {
      assert.is(await count(db), 0);
      await other.write((trx) => addSetting(trx, "x"));
      assert.is(await count(db), 0);
    });
    assert.is(await countSettings(engine), 1);
    await rejects(
      engine.read((db) => addSetting(db, "y")),
      Error,
    );
    assert.is(await countSettings(other), 1);
    await other.close();
  });

  engineTest(test, place, "a transaction inside another is refused at once", async (engine) => {
    await rejects(
      engine.write(() => engine.write((db) => addSetting(db, "x"))),
      Error,
    );
    await rejects(
      engine.read(() => engine.read(count)),
      Error,
    );
  });

  engineTest(test, place, "opening further engines adds nothing to a promise", async (engine) => {
    const carried = () => engine.read(async () => Object.getOwnPropertySymbols(executionAsyncResource()).length);
    const before = await carried();
    const other = await openEngine(engine.where);
    await other.read(count);
    await other.close();
    assert.is(await carried(), before);
  });

  engineTest(test, place, "parallel writers lose no change", async (engine) => {
    const others = await Promise.all([openEngine(engine.where), openEngine(engine.where)]);
    const engines = [engine, ...others];
    await engine.write((db) => addSetting(db, "x", "0"));
    const rounds = 10;
    let calls = 0;
    const increment = (one: Engine) =>
      one.write(async (db) => {
        calls++;
        const row = await db.selectFrom("settings").select("value").where("name", "=", "x").executeTakeFirstOrThrow();
        const value = String(Number(row.value) + 1);
        await db.updateTable("settings").set({ value }).where("name", "=", "x").execute();
      });
    const worker = async (one: Engine) => {
      for (let round = 0; round < rounds; round++) await increment(one);
    };
    await Promise.all([...engines, engine].map(worker));
    const row = await engine.read((db) => db.selectFrom("settings").select("value").executeTakeFirst());
    assert.is(row?.value, String(4 * rounds));
    // SQLite has one writer at a time, so its work is never repeated.
    if (place.kind === "sqlite") assert.is(calls, 4 * rounds);
    for (const other of others) await other.close();
  });

  engineTest(test, place, "parallel writes in one process are queued, so that no work runs twice", async (engine) => {
    await engine.write((db) => addSetting(db, "x", "0"));
    const writers = 8;
    let calls = 0;
    const increment = () =>
      engine.write(async (db) => {
        calls++;
        const row = await db.selectFrom("settings").select("value").where("name", "=", "x").executeTakeFirstOrThrow();
        const value = String(Number(row.value) + 1);
        await db.updateTable("settings").set({ value }).where("name", "=", "x").execute();
      });
    await Promise.all(Array.from({ length: writers }, increment));
    const row = await engine.read((db) => db.selectFrom("settings").select("value").where("name", "=", "x").execute());
    assert.equal([row[0]?.value, calls], [String(writers), writers]);
    await rejects(
      engine.write(() => Promise.reject(new Error("by itself"))),
      Error,
    );
    await increment();
    assert.is(calls, writers + 1, "one that fails keeps nobody out");
  });

  engineTest(test, place, "a conditional update succeeds once", async (engine) => {
    await engine.write((db) => addSetting(db, "x", "free"));
    const engines = await Promise.all(Array.from({ length: 4 }, () => openEngine(engine.where)));
    const take = (one: Engine) =>
      one.write(async (db) => {
        const update = db.updateTable("settings").set({ value: "taken" }).where("name", "=", "x");
        const { numUpdatedRows } = await update.where("value", "=", "free").executeTakeFirstOrThrow();
        return numUpdatedRows;
      });
    const won = await Promise.all([...engines, ...engines].map(take));
    assert.equal(won.filter((rows) => rows === 1n).length, 1);
    for (const one of engines) await one.close();
  });

  engineTest(test, place, "a writer that waits too long gets an error that says so", async (engine) => {
    const impatient = await openEngine(engine.where, { wait: 50 });
    await engine.write(async (db) => {
      await addSetting(db, "x", "1");
      if (place.kind === "sqlite")
        await rejectsFor(
          impatient.write((other) => addSetting(other, "y")),
          "busy",
        );
    });
    assert.is(await countSettings(impatient), 1);
    await impatient.close();
  });

  engineTest(test, place, "the engine's time is in milliseconds", async (engine) => {
    const before = Date.now();
    const times = [await engine.now(), await engine.read((db) => engine.now(db))];
    const after = Date.now();
    for (const time of times) assert.ok(time >= before - 1 && time <= after + 1, `${time}`);
  });

  engineTest(test, place, "a closed register cannot be used", async (engine) => {
    await engine.close();
    await engine.close();
    await rejects(
      engine.write((db) => addSetting(db, "x")),
      Error,
    );
  });
}

function defineProcesses(test: Test, place: Place): void {
  const started = endingWith(test);

  /** A process that opens the register and runs `code`, in which `say` writes a line. */
  const running = (
    where: string,
    code: string,
  ): { child: ChildProcessWithoutNullStreams; lines: AsyncIterator<string> } => {
    const script = `const { openEngine } = await import(${JSON.stringify(OPEN)});
      const say = (line) => process.stdout.write(line + "\\n");
      const engine = await openEngine(${JSON.stringify(where)});
      ${code}`;
    const child = started(spawn(process.execPath, ["--input-type=module", "-e", script]));
    child.stderr.pipe(process.stderr);
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  };

  engineTest(test, place, "a committed write survives kill -9", async (engine) => {
    const { child, lines } = running(
      engine.where,
      `for (let n = 0; ; n++) {
         await engine.write((db) => db.insertInto("settings").values({ name: "n" + n, value: "", changed: n }).execute());
         say(n);
       }`,
    );
    let last = -1;
    while (last < 20) last = Number((await lines.next()).value);
    child.kill("SIGKILL");
    await once(child, "exit");
    for (let line = await lines.next(); !line.done; line = await lines.next()) last = Number(line.value);
    const rows = await engine.read((db) => db.selectFrom("settings").select("changed").orderBy("changed").execute());
    const numbers = rows.map(({ changed }) => changed);
    // The last value may have been written but not reported.
    assert.ok(numbers.length === last + 1 || numbers.length === last + 2, `${numbers.length} rows, ${last} told`);
    assert.equal(numbers, [...numbers.keys()]);
  });

  engineTest(
    test,
    place,
    "a transaction interrupted by kill -9 leaves nothing, and locks nobody out",
    async (engine) => {
      const { child, lines } = running(
        engine.where,
        `await engine.write(async (db) => {
         await db.insertInto("settings").values({ name: "x", value: "", changed: 0 }).execute();
         say("written");
         await new Promise((resolve) => setTimeout(resolve, 2 ** 30));
       });`,
      );
      await lines.next();
      child.kill("SIGKILL");
      await once(child, "exit");
      await engine.write((db) => addSetting(db, "y"));
      const rows = await engine.read((db) => db.selectFrom("settings").select("name").execute());
      assert.equal(rows, [{ name: "y" }]);
    },
  );
}

function defineVersions(test: Test, place: Place): void {
  const next: Migration = {
    number: NEXT,
    run: async (db) => {
      await db.schema.alterTable("settings").addColumn("note", "text").execute();
    },
  };
  const failing: Migration = {
    number: NEXT,
    run: async (db, kind) => {
      await next.run(db, kind);
      await sql`insert into nowhere values (1)`.execute(db);
    },
  };

  const versions = (where: string, options: OpenOptions) => openEngine(where, options);

  engineTest(test, place, "a place with a register and a place without one are distinguished", async (engine) => {
    await rejectsFor(openEngine(await place.fresh()), "missing");
    await engine.write((db) =>
      db
        .insertInto("meta")
        .values({ name: REGISTER_ID, value: Buffer.alloc(16) })
        .execute(),
    );
    await rejectsFor(openEngine(engine.where, { create: true }), "exists");
  });

  engineTest(test, place, "the next process finishes making a register that was interrupted", async (engine) => {
    const again = await openEngine(engine.where, { create: true });
    assert.is(await countSettings(again), 0);
    await again.close();
  });

  engineTest(test, place, "a newer register is refused and not changed", async (engine) => {
    const newer = await versions(engine.where, { migrations: [...MIGRATIONS, next], migrate: true });
    await newer.close();
    await rejectsFor(openEngine(engine.where), "newer");
    await rejectsFor(openEngine(engine.where, { migrate: true }), "newer");
    const still = await versions(engine.where, { migrations: [...MIGRATIONS, next] });
    assert.equal(await applied(still), [...NUMBERS, NEXT]);
    await still.close();
  });

  engineTest(test, place, "a failed migration leaves nothing", async (engine) => {
    await engine.write((db) => addSetting(db, "x"));
    const error = await versions(engine.where, { migrations: [...MIGRATIONS, failing], migrate: true }).catch(
      (thrown: unknown) => thrown,
    );
    assert.instance(error, Error);
    const again = await openEngine(engine.where);
    assert.equal(await applied(again), NUMBERS);
    assert.is(await countSettings(again), 1);
    await again.close();
    const newer = await versions(engine.where, { migrations: [...MIGRATIONS, next], migrate: true });
    assert.equal(await applied(newer), [...NUMBERS, NEXT]);
    await newer.close();
  });

  engineTest(test, place, "parallel migrations apply each migration once", async (engine) => {
    const options = { migrations: [...MIGRATIONS, next], migrate: true };
    const opened = await Promise.all(Array.from({ length: 3 }, () => versions(engine.where, options)));
    for (const one of opened) {
      assert.equal(await applied(one), [...NUMBERS, NEXT]);
      await one.close();
    }
  });
}

function applied(engine: Engine): Promise<number[]> {
  return engine.read(async (db) => {
    const rows = await db.selectFrom("migrations").select("number").orderBy("number").execute();
    return rows.map(({ number }) => number);
  });
}

type Db = Parameters<Parameters<Engine["write"]>[0]>[0];
type Reading = Parameters<Parameters<Engine["read"]>[0]>[0];

async function addSetting(db: Reading, name: string, value = ""): Promise<void> {
  await db.insertInto("settings").values({ name, value, changed: 0 }).execute();
}

async function addCard(db: Db, serial: string): Promise<void> {
  const commands = { store_data: "unsent", put_key: "unsent" } as const;
  const row = { serial, state: "pending", suite: "S", pin_check: "card", tries: 5, created: 0, changed: 0 } as const;
  await db
    .insertInto("cards")
    .values({
      ...row,
      ...commands,
      ...{ card_id: null, keyset: null, transport: null, user_name: null, order_number: null, batch_number: null },
    })
    .execute();
}

async function count(db: Reading): Promise<number> {
  const rows = await db.selectFrom("settings").select("name").execute();
  return rows.length;
}

function countSettings(engine: Engine): Promise<number> {
  return engine.read(count);
}
