// Backs up a register while it is in use, and makes a register from a backup, on either engine. A backup is therefore
// also the way to move a register from a file to a server and back.
//
// Everything done after a backup is lost with the register. So an operator who restores one has to state the next
// serial number, the orders that were done since then, and the cards whose keys were forgotten. Open challenges,
// claims and approvals end.

import { type Kysely, sql, type Transaction } from "kysely";
import { createFromPieces } from "../../files/files.js";
import { type BackupHead, type BackupRow, readBackupHead, readBackupRows, writeBackup } from "./backupfile.js";
import type { Engine } from "./engine.js";
import { RegisterError } from "./errors.js";
import { append, isHeadOf, verifyJournal } from "./journal.js";
import { type Finding, type Head, JournalKey, type SignedHead } from "./journalchain.js";
import { applyMigrations, MIGRATIONS, OPERATORS_SINCE, versionOf } from "./migrations.js";
import { openEngine } from "./open.js";
import { type Actor, refuseStranger } from "./operators.js";
import { type CustodyKeys, type Register, tagRow } from "./register.js";
import { timeOf } from "./registerclock.js";
import type { CardState, OrderState, TableName, Tables } from "./schema.js";
import type { Row } from "./values.js";

/**
 * The tables with the columns that order their rows; a table comes before those that refer to it. Claims are left out:
 * they last only minutes.
 */
const TABLES: readonly (readonly [TableName, string])[] = [
  ["meta", "name"],
  ["settings", "name"],
  ["batches", "number"],
  ["orders", "number"],
  ["batch_rows", "number"],
  ["batch_attempts", "number"],
  ["cards", "serial"],
  ["keys", "number"],
  ["challenges", "number"],
  ["attempts", "number"],
  ["operators", "name"],
  ["approvals", "hash"],
  ["journal", "number"],
];

/** Tables whose rows the engine numbers, and the version of the register that introduced each. */
const NUMBERED: readonly (readonly [TableName, number])[] = [
  ["batches", 1],
  ["orders", 1],
  ["batch_rows", 2],
  ["batch_attempts", 2],
  ["keys", 1],
  ["challenges", 1],
  ["attempts", 1],
];
/** Tables whose numbers people use: numbers that were assigned after the backup must not be assigned again. */
const KNOWN_NUMBERS: readonly TableName[] = ["batches", "orders"];
const GAP = 10_000;

/** Rows of these tables in a version without operators are ignored, since no dsc wrote them. */
const OF_OPERATORS: readonly string[] = ["operators", "approvals"];

/** Rows that are read or written at once. */
const PIECE = 500;

/** What a backup file contains. */
export interface BackupReport {
  /** ms since 1970. */
  readonly at: number;
  readonly rows: Readonly<Partial<Record<TableName, number>>>;
}

/**
 * Writes a backup into a new file that only its owner can read; never overwrites. The register needs its journal key.
 */
export async function backUp(register: Register, path: string): Promise<BackupReport> {
  const { engine, journal } = register;
  const at = await engine.now();
  const counts: Partial<Record<TableName, number>> = {};
  await engine.read(async (db) => {
    const schema = (await versionOf(db, engine.kind, engine.where)) ?? 0;
    const journalTag = await journalTagIn(db);
    const head = { schema, register: register.id, at, journalTag };
    await createFromPieces(path, writeBackup(head, rowsOf(db, counts), journal));
  });
  return { at, rows: counts };
}

async function journalTagIn(db: Kysely<Tables>): Promise<Buffer> {
  const row = await db.selectFrom("meta").select("value").where("name", "=", tagRow("journal")).executeTakeFirst();
  if (!row) throw new RegisterError("the register has lost the tag of its journal key; restore a backup", "damaged");
  return row.value;
}

async function* rowsOf(db: Kysely<Tables>, counts: Partial<Record<TableName, number>>): AsyncGenerator<BackupRow> {
  for (const [table, key] of TABLES) {
    counts[table] = 0;
    for await (const row of rowsIn(db, table, key)) {
      counts[table]++;
      yield { table, row };
    }
  }
}

/** All rows of a table, read in pieces. */
async function* rowsIn(db: Kysely<Tables>, table: TableName, key: string): AsyncGenerator<Row> {
  let after: Row[string] | undefined;
  for (;;) {
    const rest = after === undefined ? sql`` : sql`where ${sql.ref(key)} > ${after}`;
    const query = sql<Row>`select * from ${sql.table(table)} ${rest} order by ${sql.ref(key)} limit ${sql.lit(PIECE)}`;
    const { rows } = await query.execute(db);
    yield* rows;
    const last = rows.at(-1);
    if (!last) return;
    after = last[key] ?? null;
  }
}

/** The operator's statement of the changes after the backup. */
export interface Since {
  /** The first serial number to assign from now on; undefined if nothing was done after the backup. */
  readonly nextSerial?: string | undefined;
  /** Orders that are done. */
  readonly done: readonly number[];
  /** Serial numbers whose token keys were forgotten; with the suffix -U, their unlock keys. */
  readonly forgotten: readonly string[];
  /** The most recent saved head of the journal. */
  readonly head?: SignedHead | undefined;
}

/** The result of a restore, and the work that has to be repeated. */
export interface RestoreReport {
  /** When the backup was made, ms since 1970. */
  readonly at: number;
  readonly rows: Readonly<Partial<Record<TableName, number>>>;
  /** Journal entries that the saved head covers and the backup lacks; undefined without a saved head. */
  readonly lostEntries: number | undefined;
  readonly findings: readonly Finding[];
  readonly challengesEnded: number;
  readonly pending: readonly string[];
  readonly openOrders: readonly number[];
}

const OPEN_ORDERS: readonly OrderState[] = ["placed", "claimed"];
const PENDING: CardState = "pending";

/** Makes a register from the backup in an empty place. `keys`: includes its journal key; the caller wipes them. */
export async function restore(
  path: string,
  where: string,
  keys: CustodyKeys,
  actor: Actor,
  since: Since,
): Promise<RestoreReport> {
  const head = await readBackupHead(path);
  const newest = MIGRATIONS.at(-1)?.number ?? 0;
  if (head.schema > newest)
    throw new RegisterError(
      `${path}: comes from a register of a newer version (${head.schema}); use a newer dsc`,
      "newer",
    );
  const journal = journalOf(path, head, keys);
  try {
    if (since.head && !head.register.equals(since.head.register)) throw otherHead();
    // A damaged backup is found before anything is made.
    for await (const _ of readBackupRows(path, journal));
    return await restoreInto(where, head, (db, engine) =>
      new Restoring(db, engine, path, journal, since).run(head, actor),
    );
  } finally {
    journal.wipe();
  }
}

/** Makes the register, or nothing: a file of a restore that failed is deleted. */
async function restoreInto<T>(
  where: string,
  { schema }: BackupHead,
  run: (db: Transaction<Tables>, engine: Engine) => Promise<T>,
): Promise<T> {
  const migrations = MIGRATIONS.filter(({ number }) => number <= schema);
  const engine = await openEngine(where, { create: true, migrations });
  try {
    const report = await engine.write((db) => run(db, engine));
    await applyMigrations(engine, MIGRATIONS);
    await engine.close();
    return report;
  } catch (error) {
    await engine.discard();
    throw error;
  }
}

function journalOf(path: string, { register, journalTag }: BackupHead, { journal }: CustodyKeys): JournalKey {
  if (!journal) throw new RegisterError("the journal key is needed; name its file with --journal-key", "no-key");
  const key = new JournalKey(journal, register);
  if (key.isTaggedBy(journalTag)) return key;
  key.wipe();
  throw new RegisterError(`${path}: the journal key belongs to another register; give the right one`, "wrong-key");
}

function otherHead(): RegisterError {
  return new RegisterError(
    "the saved head of the journal belongs to another register or a later journal key; give the right one",
    "wrong-key",
  );
}

/** One restore, in its transaction. */
class Restoring {
  readonly #db: Transaction<Tables>;
  readonly #engine: Engine;
  readonly #path: string;
  readonly #journal: JournalKey;
  readonly #since: Since;
  readonly #done: Set<number>;
  readonly #forgotten: Set<string>;
  readonly #counts: Partial<Record<TableName, number>> = {};
  #challengesEnded = 0;

  constructor(db: Transaction<Tables>, engine: Engine, path: string, journal: JournalKey, since: Since) {
    this.#db = db;
    this.#engine = engine;
    this.#path = path;
    this.#journal = journal;
    this.#since = since;
    this.#done = new Set(since.done);
    this.#forgotten = new Set(since.forgotten);
  }

  async run(head: BackupHead, actor: Actor): Promise<RestoreReport> {
    await this.#takeRows(head);
    await refuseStranger(this.#db, actor);
    this.#refuseUnknown();
    const { head: saved } = this.#since;
    if (saved && !(await isHeadOf(this.#db, this.#journal.publicKey, saved))) throw otherHead();
    await this.#goOnNumbering(head.schema);
    const { findings } = await verifyJournal(this.#db, this.#journal, this.#headInside(await this.#lastEntry()));
    const lostEntries = await this.#lostEntries();
    await this.#note(head, actor);
    return {
      at: head.at,
      rows: this.#counts,
      lostEntries,
      findings,
      challengesEnded: this.#challengesEnded,
      pending: await this.#pending(),
      openOrders: await this.#openOrders(),
    };
  }

  async #takeRows({ schema }: BackupHead): Promise<void> {
    // The new place already records its migrations, and the backup contains the same rows.
    await this.#db.deleteFrom("meta").execute();
    let table: TableName | undefined;
    let rows: Row[] = [];
    const put = async () => {
      if (table && rows.length > 0) await this.#insert(table, rows);
      rows = [];
    };
    for await (const next of readBackupRows(this.#path, this.#journal)) {
      if (schema < OPERATORS_SINCE && OF_OPERATORS.includes(next.table)) continue;
      if (next.table !== table || rows.length >= PIECE) await put();
      table = next.table;
      rows.push(this.#changed(next));
    }
    await put();
  }

  async #insert(table: TableName, rows: readonly Row[]): Promise<void> {
    if (!TABLES.some(([known]) => known === table)) throw this.#damaged();
    this.#counts[table] = (this.#counts[table] ?? 0) + rows.length;
    try {
      for (const piece of piecesOf(rows))
        await this.#db
          .insertInto(table)
          .values(piece as never)
          .execute();
    } catch (error) {
      // Rows that do not fit the tables count as damage, since the file's MAC has not been checked yet.
      const ofEngine = error instanceof RegisterError && error.reason !== "duplicate";
      throw ofEngine ? error : this.#damaged();
    }
  }

  /** The row to restore, without the parts that must not return. */
  #changed({ table, row }: BackupRow): Row {
    if (table === "orders" && this.#done.delete(Number(row.number))) return { ...row, state: "done", pin: null };
    if (table === "batch_rows") return this.#changedRow(row);
    if (table === "keys" && this.#isForgotten(row)) return { ...row, state: "forgotten", sealed: Buffer.alloc(0) };
    if (table === "challenges" && row.used === 0) {
      this.#challengesEnded++;
      return { ...row, used: 1 };
    }
    // An approval that was used since would otherwise be valid a second time. The time of expiry shows that it ended with
    // the restore, since a request that is used has an earlier time.
    if (table === "approvals" && row.spent === null) return { ...row, spent: row.expires ?? null };
    return row;
  }

  /** A pending row may have been done after the backup, so no card is seeded for it until an operator requests that. */
  #changedRow(row: Row): Row {
    if (this.#since.done.includes(Number(row.order_number))) return { ...row, state: "done", pin: null };
    if (row.state !== "pending" || this.#since.nextSerial === undefined) return row;
    return { ...row, state: "failed", why: "restored from a backup, and may have been done since then" };
  }

  #isForgotten({ serial, field }: Row): boolean {
    return (
      this.#since.forgotten.includes(`${serial}${field === "unlock" ? "-U" : ""}`) && this.#seen(`${serial}`, field)
    );
  }

  #seen(serial: string, field: Row[string] | undefined): boolean {
    this.#forgotten.delete(field === "unlock" ? `${serial}-U` : serial);
    return true;
  }

  /** An order or serial number that is not in the backup was mistyped, or was assigned after the backup. */
  #refuseUnknown(): void {
    const [order] = this.#done;
    if (order !== undefined)
      throw new RegisterError(`${this.#path}: has no order ${order}; leave out --done ${order}`, "unknown");
    const [serial] = this.#forgotten;
    if (serial !== undefined)
      throw new RegisterError(`${this.#path}: has no key of ${serial}; leave out --forgotten ${serial}`, "unknown");
  }

  async #goOnNumbering(version: number): Promise<void> {
    const { nextSerial } = this.#since;
    for (const [table, since] of NUMBERED) {
      if (since > version) continue;
      const gap = nextSerial !== undefined && KNOWN_NUMBERS.includes(table) ? GAP : 0;
      await numberFrom(this.#db, this.#engine, table, gap);
    }
    if (nextSerial === undefined) return;
    const row = { value: nextSerial, changed: await this.#engine.now(this.#db) };
    await this.#db
      .insertInto("settings")
      .values({ name: "serial.first", ...row })
      .onConflict((conflict) => conflict.column("name").doUpdateSet(row))
      .execute();
  }

  async #lastEntry(): Promise<number> {
    const last = await this.#db.selectFrom("journal").select("number").orderBy("number", "desc").executeTakeFirst();
    return last?.number ?? 0;
  }

  /** The saved head, if the backup contains its entry. */
  #headInside(last: number): Head | undefined {
    const { head } = this.#since;
    return head && head.number <= last ? head : undefined;
  }

  async #lostEntries(): Promise<number | undefined> {
    const { head } = this.#since;
    return head && Math.max(0, head.number - (await this.#lastEntry()));
  }

  async #note({ at }: BackupHead, actor: Actor): Promise<void> {
    const { nextSerial, done, forgotten } = this.#since;
    const detail = {
      backup: new Date(at).toISOString(),
      done: done.join(" ") || undefined,
      forgotten: forgotten.join(" ") || undefined,
      nextSerial,
    };
    const now = await timeOf(this.#db, await this.#engine.now(this.#db));
    await append(this.#db, this.#journal, { at: now, actor, action: "register restore", detail });
  }

  async #pending(): Promise<string[]> {
    const query = this.#db.selectFrom("cards").select("serial").where("state", "=", PENDING).orderBy("serial");
    return (await query.execute()).map(({ serial }) => serial);
  }

  async #openOrders(): Promise<number[]> {
    const query = this.#db.selectFrom("orders").select("number").where("state", "in", OPEN_ORDERS).orderBy("number");
    return (await query.execute()).map(({ number }) => number);
  }

  #damaged(): RegisterError {
    return new RegisterError(`${this.#path}: the backup is damaged: a row does not fit the register`, "damaged");
  }
}

/** Splits rows into pieces: SQLite takes 32,766 parameters in one statement. */
function* piecesOf(rows: readonly Row[]): Generator<readonly Row[]> {
  for (let at = 0; at < rows.length; at += PIECE) yield rows.slice(at, at + PIECE);
}

/** The engine continues above the highest number of the table. */
async function numberFrom(db: Transaction<Tables>, { kind }: Engine, table: TableName, gap: number): Promise<void> {
  const { rows } = await sql<{ last: number | null }>`select max(number) as last from ${sql.table(table)}`.execute(db);
  const last = (rows[0]?.last ?? 0) + gap;
  if (last === 0) return;
  if (kind === "postgres") {
    await sql`select setval(pg_get_serial_sequence(${table}, 'number'), ${last}::bigint)`.execute(db);
    return;
  }
  await sql`delete from sqlite_sequence where name = ${table}`.execute(db);
  await sql`insert into sqlite_sequence (name, seq) values (${table}, ${last})`.execute(db);
}
