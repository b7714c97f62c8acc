// The register in a file: SQLite by `libsql`. It needs no server, and file locks separate the processes of one
// computer.

import { randomBytes } from "node:crypto";
import { existsSync, openSync, statfsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { SqliteAdapter, SqliteQueryCompiler, sql } from "kysely";
import { DISK, explained } from "../../files/files.js";
import { type Connection, EngineBusy, RetryingEngine, retrying, type Source, type StatementResult } from "./adapter.js";
import { RegisterError, type RegisterReason } from "./errors.js";
import {
  discardMade,
  type FileOptions,
  nameToOpen,
  prepareFile,
  type RegisterFile,
  stampOf,
  unreadable,
} from "./sqlitefile.js";
import type { Value } from "./values.js";

/** The part of a `libsql` connection that is used here. */
interface Database {
  readonly inTransaction: boolean;
  prepare(statement: string): Statement;
  exec(statements: string): void;
  close(): void;
}

interface Statement {
  /** Whether the statement returns rows. */
  readonly reader: boolean;
  safeIntegers(on: boolean): Statement;
  all(parameters: readonly Value[]): Record<string, unknown>[];
  run(parameters: readonly Value[]): { changes: number };
}

export interface SqliteOptions extends FileOptions {
  /** How long a locked register is retried (ms). */
  readonly wait: number;
  /** The computer's time in ms since 1970. */
  readonly clock: () => number;
}

/** The most statements that stay prepared, by their text. */
const MOST_STATEMENTS = 256;

/** The first statements of each connection. Erased values are overwritten, and nothing is spilled into another file. */
const SETTINGS = `
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;
  PRAGMA temp_store = MEMORY;
  PRAGMA trusted_schema = OFF;
`;

/** The type of the file system that a folder is on; 0 if the operating system uses other numbers. */
export function fileSystemType(folder: string): number {
  return process.platform === "linux" ? statfsSync(folder).type >>> 0 : 0;
}

/** Opens the file. The caller checks whether it contains a register. */
export async function openSqlite(path: string, options: SqliteOptions): Promise<RetryingEngine> {
  const file = prepareFile(path, options);
  const opened = await retrying(async () => connect(file), options.wait).catch((error: unknown) => {
    discardMade(file);
    throw error;
  });
  return new RetryingEngine({
    kind: "sqlite",
    where: path,
    readOnly: !file.writable,
    discard: () => discardMade(file),
    source: new OneConnection(new SqliteConnection(file, opened)),
    compiler: new SqliteQueryCompiler(),
    dialectAdapter: new SqliteAdapter(),
    now: async () => options.clock(),
    wait: options.wait,
  });
}

/**
 * Makes writers append to a log beside the file (-wal), so that readers do not wait for them. The file stores this
 * setting.
 */
export async function keepLog(engine: RetryingEngine): Promise<void> {
  const query = sql<{ journal_mode: string }>`PRAGMA journal_mode = WAL`;
  const { rows } = await engine.outside((db) => query.execute(db));
  if (rows[0]?.journal_mode !== "wal")
    throw new RegisterError(
      `${engine.where}: SQLite cannot keep its log beside the file; check who may write to its folder`,
    );
}

/** Copies the whole register into another file, completely or not at all. */
export async function copyTo(engine: RetryingEngine, path: string): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.new`;
  try {
    DISK.close(DISK.create(temporary));
    await engine.outside((db) => sql`VACUUM INTO ${temporary}`.execute(db));
    const file = openSync(temporary, "r+");
    DISK.sync(file);
    DISK.close(file);
    DISK.rename(temporary, path);
    DISK.syncFolder(dirname(path));
  } catch (error) {
    if (existsSync(temporary)) DISK.remove(temporary);
    throw error instanceof RegisterError ? error : explained(path, "write", error);
  }
}

/** A connection, and the state that the file had before it was opened. */
interface Opened {
  readonly database: Database;
  readonly stamp: string;
}

function connect(file: RegisterFile): Opened {
  const Libsql = createRequire(import.meta.url)("libsql") as new (path: string) => Database;
  let database: Database | undefined;
  try {
    const stamp = stampOf(file);
    database = new Libsql(nameToOpen(file));
    // Reads the header of the file, so that another program's file is left unchanged.
    database.prepare("SELECT count(*) FROM sqlite_master").all([]);
    database.exec(SETTINGS);
    if (pragma(database, "secure_delete = ON") !== 1n) throw new Error("SQLite does not overwrite what it deletes");
    return { database, stamp };
  } catch (error) {
    database?.close();
    const known = inWords(file.path, error);
    const isDenied = known instanceof RegisterError && ["denied", "read-only"].includes(known.reason);
    throw isDenied && !file.writable ? unreadable(file) : known;
  }
}

/** Sets or reads a setting. Returns the first value of the answer. */
function pragma(database: Database, text: string): unknown {
  const [row = {}] = database.prepare(`PRAGMA ${text}`).safeIntegers(true).all([]);
  return Object.values(row)[0];
}

/** SQLite has only one writer at a time, so a process has one connection, which is handed out in order of request. */
class OneConnection implements Source {
  readonly #connection: SqliteConnection;
  /** Settles when all earlier users have returned the connection. */
  #last: Promise<void> = Promise.resolve();
  #release: () => void = () => {};

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  async acquire(): Promise<Connection> {
    const before = this.#last;
    let release = () => {};
    this.#last = new Promise((resolve) => {
      release = resolve;
    });
    await before;
    this.#release = release;
    return this.#connection;
  }

  release(): void {
    this.#release();
  }

  async close(): Promise<void> {
    await this.acquire();
    this.#connection.close();
    this.#release();
  }
}

/** A prepared statement. Whether it returns rows is read once, since reading it is a call into the engine. */
interface Prepared {
  readonly statement: Statement;
  readonly reader: boolean;
}

class SqliteConnection implements Connection {
  readonly #path: string;
  readonly #file: RegisterFile;
  readonly #statements = new Map<string, Prepared>();
  #opened: Opened;

  constructor(file: RegisterFile, opened: Opened) {
    this.#path = file.path;
    this.#file = file;
    this.#opened = opened;
  }

  get #database(): Database {
    return this.#opened.database;
  }

  async run(statement: string, parameters: readonly Value[]): Promise<StatementResult> {
    try {
      const prepared = this.#prepared(statement);
      if (!prepared.reader) return { rows: [], changed: prepared.statement.run(parameters).changes };
      const rows = prepared.statement.all(parameters);
      return { rows, changed: rows.length };
    } catch (error) {
      const known = inWords(this.#path, error);
      if (known instanceof EngineBusy) this.#reconnect();
      throw known;
    }
  }

  /** A plain BEGIN that reads and then writes fails if another process wrote in between. */
  async begin(mode: "reading" | "writing"): Promise<void> {
    if (mode === "writing" && !this.#file.writable) throw readOnly(this.#path);
    if (this.#hasChanged()) this.#reconnect();
    this.#execute(mode === "reading" ? "BEGIN" : "BEGIN IMMEDIATE");
  }

  /** If the file was changed meanwhile, what was read may not belong together, and is read again. */
  async commit(): Promise<void> {
    this.#execute("COMMIT");
    if (this.#hasChanged()) throw new EngineBusy(`${this.#path}: other processes change it`);
  }

  /** After "disk full" SQLite has already rolled back. */
  async rollback(): Promise<void> {
    if (!this.#database.inTransaction) return;
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // Ignore the error: the transaction ends with the connection at the latest.
    }
  }

  /** Erased values may still be in the log (-wal), so it is emptied if nobody else uses it. */
  close(): void {
    try {
      pragma(this.#database, "wal_checkpoint(TRUNCATE)");
    } catch {
      // Others use the file, or the disk is full: the log stays, and it is valid.
    }
    this.#statements.clear();
    this.#database.close();
  }

  #execute(statement: string): void {
    try {
      this.#database.exec(statement);
    } catch (error) {
      throw inWords(this.#path, error);
    }
  }

  /** After SQLite reported busy, libsql keeps the prepared statement open, and then no commit succeeds. */
  #reconnect(): void {
    this.#statements.clear();
    this.#database.close();
    this.#opened = connect(this.#file);
  }

  /** Whether a file that was opened as one that does not change has changed. */
  #hasChanged(): boolean {
    return stampOf(this.#file) !== this.#opened.stamp;
  }

  #prepared(text: string): Prepared {
    const known = this.#statements.get(text);
    if (known) return known;
    const statement = this.#database.prepare(text).safeIntegers(true);
    const prepared = { statement, reader: statement.reader };
    if (this.#statements.size >= MOST_STATEMENTS) this.#statements.clear();
    this.#statements.set(text, prepared);
    return prepared;
  }
}

/** Matched by the start of SQLite's code, since the code may be longer, such as SQLITE_BUSY_RECOVERY. */
const REFUSALS: readonly (readonly [string, RegisterReason, string])[] = [
  ["SQLITE_FULL", "full", "the disk is full"],
  // The shared memory beside the file cannot grow.
  ["SQLITE_IOERR_SHMSIZE", "full", "the disk is full"],
  ["SQLITE_NOTADB", "not-a-register", "is not a register"],
  ["SQLITE_CORRUPT", "damaged", "is damaged; restore a backup with dsc register restore"],
  ["SQLITE_READONLY", "read-only", "cannot be written; check who owns it and its folder, and their modes"],
  ["SQLITE_CANTOPEN", "denied", "cannot be opened; check who owns it and its folder, and their modes"],
  ["SQLITE_PERM", "denied", "cannot be opened; check who owns it and its folder, and their modes"],
  ["SQLITE_CONSTRAINT_UNIQUE", "duplicate", "already has such a row"],
  ["SQLITE_CONSTRAINT_PRIMARYKEY", "duplicate", "already has such a row"],
];

/** The codes that `libsql` reports as a number if they are longer ones that it does not know. */
const PRIMARY_CODES: Readonly<Record<number, string>> = {
  3: "SQLITE_PERM",
  5: "SQLITE_BUSY",
  6: "SQLITE_LOCKED",
  8: "SQLITE_READONLY",
  10: "SQLITE_IOERR",
  11: "SQLITE_CORRUPT",
  13: "SQLITE_FULL",
  14: "SQLITE_CANTOPEN",
  26: "SQLITE_NOTADB",
};

/** Turns an error of the engine into a RegisterError; a mistake in a statement is passed on unchanged. */
export function inWords(path: string, error: unknown): unknown {
  const code = codeOf(error);
  if (error instanceof RegisterError || !code.includes("SQLITE")) return error;
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return new EngineBusy(`${path}: other processes keep it locked`);
  const [, reason, text] = REFUSALS.find(([start]) => code.startsWith(start)) ?? [];
  if (reason) return new RegisterError(`${path}: ${text}`, reason);
  if (code.startsWith("SQLITE_IOERR"))
    return new RegisterError(`${path}: the disk cannot be read or written (${code})`);
  return new Error(`SQLite: ${code}: ${(error as Error).message}`);
}

/** The last byte of a longer code is the primary one. A failed open has only a message, which ends with the code. */
function codeOf(error: unknown): string {
  const { code = "", message = "" } = error as { code?: string; message?: string };
  const pattern = code === "" ? /^ConnectionFailed\(.*: (\d+)"\)$/s : /^UNKNOWN_SQLITE_ERROR_(\d+)$/;
  const [, number] = pattern.exec(code === "" ? message : code) ?? [];
  return number === undefined ? code : (PRIMARY_CODES[Number(number) & 0xff] ?? code);
}

function readOnly(path: string): RegisterError {
  return new RegisterError(
    `${path}: cannot be written; check who owns it and its folder, and their modes`,
    "read-only",
  );
}
