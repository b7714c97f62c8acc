// The versions of the tables. A migration is never changed after its release; corrections come with the next one.

import { type ColumnDataType, type CreateTableBuilder, type Kysely, type RawBuilder, sql } from "kysely";
import type { Engine, EngineKind } from "./engine.js";
import { RegisterError } from "./errors.js";
import type { Tables } from "./schema.js";

export interface Migration {
  readonly number: number;
  /** Runs in one transaction together with the record that it was applied. */
  run(db: Kysely<Tables>, kind: EngineKind): Promise<void>;
}

/** The row of `meta` that distinguishes a register from other databases, and its value. */
export const FORMAT = { name: "format", value: Buffer.from("DSC+ register") } as const;

export const MIGRATIONS: readonly Migration[] = [
  { number: 1, run: firstTables },
  { number: 2, run: batchTables },
  { number: 3, run: signedEntries },
];

/** The first version with operators: no dsc wrote rows of operators in an earlier version. */
export const OPERATORS_SINCE = 3;

/** Applies the migrations of the list that were not applied yet, each in its own transaction. */
export async function applyMigrations(engine: Engine, migrations: readonly Migration[]): Promise<void> {
  for (const migration of migrations) {
    await engine.write(async (db) => {
      // If two processes migrate at once, the second waits here and then finds the migration applied.
      if (engine.kind === "postgres" && migration.number > 1) await sql`lock table migrations`.execute(db);
      const version = await versionOf(db, engine.kind, engine.where);
      if ((version ?? 0) >= migration.number) return;
      await migration.run(db, engine.kind);
      const applied = await engine.now(db);
      await db.insertInto("migrations").values({ number: migration.number, applied }).execute();
    });
  }
}

/** The version of the register in a database; undefined if it has no tables. Refuses a database that is no register. */
export async function versionOf(db: Kysely<Tables>, kind: EngineKind, where: string): Promise<number | undefined> {
  const tables = await tableNames(db, kind);
  if (tables.length === 0) return undefined;
  const other = new RegisterError(
    `${where}: is another program's database; nothing was changed; give another name`,
    "not-a-register",
  );
  if (!tables.includes("meta") || !tables.includes("migrations")) throw other;
  const format = await db.selectFrom("meta").select("value").where("name", "=", FORMAT.name).executeTakeFirst();
  if (!format || !FORMAT.value.equals(format.value)) throw other;
  const last = await db.selectFrom("migrations").select("number").orderBy("number", "desc").executeTakeFirst();
  return last?.number ?? 0;
}

async function tableNames(db: Kysely<Tables>, kind: EngineKind): Promise<string[]> {
  const query =
    kind === "sqlite"
      ? sql<{ name: string }>`select name from sqlite_master where type = 'table'`
      : sql<{ name: string }>`select tablename::text as name from pg_tables where schemaname = current_schema()`;
  return (await query.execute(db)).rows.map(({ name }) => name).filter((name) => !name.startsWith("sqlite_"));
}

type Column = [name: string, type: "text" | "integer" | "blob", ...constraints: Constraint[]];
type Constraint = "optional" | "primary" | "unique" | "numbered" | `to ${string}`;

async function firstTables(db: Kysely<Tables>, kind: EngineKind): Promise<void> {
  const table = (name: string, ...columns: Column[]) => createTable(db, kind, name, columns);
  const index = (name: string, columns: string[]) =>
    db.schema
      .createIndex(`${name}_by_${columns.join("_")}`)
      .on(name)
      .columns(columns)
      .execute();

  await table("meta", ["name", "text", "primary"], ["value", "blob"]);
  await table("migrations", ["number", "integer", "primary"], ["applied", "integer"]);
  await table("settings", ["name", "text", "primary"], ["value", "text"], ["changed", "integer"]);
  await table(
    "batches",
    ["number", "integer", "numbered"],
    ["name", "blob", "unique"],
    ["state", "text"],
    ["opened", "integer"],
    ["changed", "integer"],
  );
  await table(
    "orders",
    ["number", "integer", "numbered"],
    ["user_name", "text"],
    ["state", "text"],
    ["serial", "text", "optional"],
    ["suite", "text"],
    ["pin_check", "text"],
    ["tries", "integer"],
    ["pin", "blob", "optional"],
    ["batch_number", "integer", "optional", "to batches.number"],
    ["placed", "integer"],
    ["changed", "integer"],
  );
  await table(
    "cards",
    ["serial", "text", "primary"],
    ["card_id", "text", "optional"],
    ["state", "text"],
    ["suite", "text"],
    ["pin_check", "text"],
    ["tries", "integer"],
    ["keyset", "integer", "optional"],
    ["transport", "text", "optional"],
    ["store_data", "text"],
    ["put_key", "text"],
    ["life_before", "text", "optional"],
    ["keys_before", "text", "optional"],
    ["user_name", "text", "optional"],
    ["order_number", "integer", "optional", "to orders.number"],
    ["batch_number", "integer", "optional", "to batches.number"],
    ["arrives", "text", "optional"],
    ["created", "integer"],
    ["changed", "integer"],
  );
  await table(
    "keys",
    ["number", "integer", "numbered"],
    ["serial", "text", "to cards.serial"],
    ["card_id", "text"],
    ["field", "text"],
    ["version", "integer"],
    ["opener", "text"],
    ["origin", "text"],
    ["state", "text"],
    ["sealed", "blob"],
    ["fingerprint", "blob"],
  );
  // Two cards with the same token key would give the same responses.
  await db.schema
    .createIndex("keys_once")
    .on("keys")
    .unique()
    .columns(["opener", "fingerprint"])
    .where(sql.ref("field"), "=", "token")
    .where(sql.ref("state"), "in", ["active", "abandoned"])
    .execute();
  await table("claims", ["serial", "text", "primary"], ["bench", "text"], ["process", "text"], ["until", "integer"]);
  await table(
    "challenges",
    ["number", "integer", "numbered"],
    ["serial", "text", "to cards.serial"],
    ["challenge", "text"],
    ["issued", "integer"],
    ["expires", "integer"],
    ["used", "integer"],
    ["response_right", "integer", "optional"],
  );
  await table(
    "attempts",
    ["number", "integer", "numbered"],
    ["serial", "text", "to cards.serial"],
    ["at", "integer"],
    ["right", "integer"],
  );
  await table(
    "operators",
    ["name", "text", "primary"],
    ["public_key", "blob"],
    ["added", "integer"],
    ["removed", "integer", "optional"],
  );
  await table(
    "approvals",
    ["hash", "blob", "primary"],
    ["request", "text"],
    ["asked_by", "text"],
    ["approved_by", "text", "optional"],
    ["signature", "blob", "optional"],
    ["expires", "integer"],
    ["spent", "integer", "optional"],
  );
  await table(
    "journal",
    ["number", "integer", "primary"],
    ["at", "integer"],
    ["actor", "text"],
    ["action", "text"],
    ["serial", "text", "optional"],
    ["from_state", "text", "optional"],
    ["to_state", "text", "optional"],
    ["reason", "text", "optional"],
    ["detail", "text"],
    ["mac", "blob"],
  );
  await sql`insert into meta (name, value) values (${FORMAT.name}, ${FORMAT.value})`.execute(db);
  for (const name of ["keys", "attempts", "journal", "orders"]) await index(name, ["serial"]);
  await index("challenges", ["serial", "challenge"]);
  await index("keys", ["fingerprint"]);
  for (const name of ["cards", "orders"]) await index(name, ["state"]);
  await index("cards", ["card_id"]);
  await index("cards", ["user_name"]);
}

/** The tables of a batch: its rows, and the attempts at each port. */
async function batchTables(db: Kysely<Tables>, kind: EngineKind): Promise<void> {
  await db.schema
    .alterTable("batches")
    .addColumn("source", "text", (column) => column.notNull().defaultTo("file"))
    .execute();
  await db.schema.alterTable("batches").addColumn("finished", typeIn(kind, "integer")).execute();
  await createTable(db, kind, "batch_rows", [
    ["number", "integer", "numbered"],
    ["batch_number", "integer", "to batches.number"],
    ["line", "integer"],
    ["state", "text"],
    ["serial", "text", "optional"],
    ["serial_given", "integer"],
    ["user_name", "text", "optional"],
    ["order_number", "integer", "optional", "to orders.number"],
    ["suite", "text"],
    ["pin_check", "text"],
    ["tries", "integer"],
    ["pin", "blob", "optional"],
    ["card_id", "text", "optional"],
    ["why", "text", "optional"],
    ["lettered", "integer"],
  ]);
  await createTable(db, kind, "batch_attempts", [
    ["number", "integer", "numbered"],
    ["batch_number", "integer", "to batches.number"],
    ["row_number", "integer", "optional", "to batch_rows.number"],
    ["bench", "text"],
    ["card_id", "text", "optional"],
    ["began", "integer"],
    ["ended", "integer"],
    ["result", "text"],
    ["why", "text", "optional"],
  ]);
  const index = (name: string, columns: string[]) =>
    db.schema
      .createIndex(`${name}_by_${columns.join("_")}`)
      .on(name)
      .columns(columns)
      .execute();
  await index("batch_rows", ["batch_number", "state", "card_id", "line"]);
  await index("batch_rows", ["card_id"]);
  await index("batch_rows", ["serial"]);
  await index("batch_rows", ["order_number"]);
  await index("batch_attempts", ["batch_number"]);
}

/** Operators sign the entries that they make. Before this version no program enrolled any. */
async function signedEntries(db: Kysely<Tables>, kind: EngineKind): Promise<void> {
  await db.deleteFrom("approvals").execute();
  await db.deleteFrom("operators").execute();
  await db.schema.alterTable("journal").addColumn("signature", typeIn(kind, "blob")).execute();
}

/** SQLite's tables are strict: a column accepts only its declared type. */
async function createTable(
  db: Kysely<Tables>,
  kind: EngineKind,
  name: string,
  columns: readonly Column[],
): Promise<void> {
  let builder: CreateTableBuilder<string, string> = db.schema.createTable(name);
  for (const column of columns) builder = addColumn(builder, kind, column);
  await (kind === "sqlite" ? builder.modifyEnd(sql`strict`) : builder).execute();
}

function addColumn(
  builder: CreateTableBuilder<string, string>,
  kind: EngineKind,
  [name, type, ...constraints]: Column,
): CreateTableBuilder<string, string> {
  return builder.addColumn(name, typeIn(kind, type), (column) => {
    let made = constraints.includes("optional") ? column : column.notNull();
    for (const constraint of constraints) {
      if (constraint === "primary" || constraint === "numbered") made = made.primaryKey();
      if (constraint === "unique") made = made.unique();
      if (constraint === "numbered")
        made = kind === "sqlite" ? made.autoIncrement() : made.generatedByDefaultAsIdentity();
      if (constraint.startsWith("to ")) made = made.references(constraint.slice("to ".length));
    }
    return made;
  });
}

function typeIn(kind: EngineKind, type: Column[1]): ColumnDataType | RawBuilder<unknown> {
  if (kind === "sqlite") return type === "blob" ? sql`blob` : type;
  return { text: "text", integer: "bigint", blob: "bytea" }[type] as ColumnDataType;
}
