// The register in a file: SQLite by `libsql`. It needs no server, and file locks separate the processes of one
// computer.

import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, realpathSync, statfsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { SqliteAdapter, SqliteQueryCompiler, sql } from "kysely";
import { DISK, explained, OWNER_ONLY } from "../../files/files.js";
import { type Connection, EngineBusy, RetryingEngine, retrying, type Source, type StatementResult } from "./adapter.js";
import { RegisterError, type RegisterReason } from "./errors.js";
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

export interface SqliteOptions {
  /** Makes the file if it does not exist. */
  readonly create: boolean;
  /** How long a locked register is retried (ms). */
  readonly wait: number;
  /** The computer's time in ms since 1970. */
  readonly clock: () => number;
  /** The type of the file system that a folder is on, as statfs(2) reports it. */
  readonly fileSystemType: (folder: string) => number;
}

/** File systems, by their statfs(2) type, whose locks do not work between computers, or depend on a user program. */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  26985: "NFS",
  20859: "SMB",
  4283649346: "SMB",
  4266872130: "SMB",
  1702057286: "FUSE",
  16914839: "9P",
  12805120: "Ceph",
  1397113167: "AFS",
  1799439955: "AFS",
  1937076805: "Coda",
};

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
  const database = await retrying(async () => connect(path, file), options.wait);
  return new RetryingEngine({
    kind: "sqlite",
    where: path,
    source: new OneConnection(new SqliteConnection(path, file, database)),
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

/** The file behind the name; makes it if allowed. */
function prepareFile(path: string, { create, fileSystemType }: SqliteOptions): string {
  if (!existsSync(path) && !create)
    throw new RegisterError(`${path}: no such file; dsc register init makes a register`, "missing");
  try {
    const system = NETWORK_FILE_SYSTEMS[fileSystemType(dirname(existsSync(path) ? realpathSync(path) : path))];
    if (system !== undefined)
      throw new RegisterError(
        `${path}: is on a network file system (${system}), whose locks are not reliable; use a local disk, or PostgreSQL`,
        "network-file-system",
      );
    // SQLite would create it readable for all; its side files get the mode of the file.
    if (!existsSync(path)) closeSync(openSync(path, "wx", OWNER_ONLY));
    const file = realpathSync(path);
    refuseOtherNames(path, file);
    return file;
  } catch (error) {
    throw error instanceof RegisterError ? error : explained(path, create ? "write" : "read", error);
  }
}

/** SQLite derives the name of the log from the name of the file, so two names for one file would give two logs. */
function refuseOtherNames(path: string, file: string): void {
  const stats = statSync(file);
  if (!stats.isFile()) throw new RegisterError(`${path}: is not a file`, "not-a-register");
  if (stats.nlink > 1)
    throw new RegisterError(
      `${path}: has more than one name (hard links), which SQLite does not support; keep one name`,
    );
}

function connect(path: string, file: string): Database {
  const Libsql = createRequire(import.meta.url)("libsql") as new (path: string) => Database;
  let database: Database | undefined;
  try {
    database = new Libsql(file);
    // Reads the header of the file, so that another program's file is left unchanged.
    database.prepare("SELECT count(*) FROM sqlite_master").all([]);
    database.exec(SETTINGS);
    if (pragma(database, "secure_delete = ON") !== 1n) throw new Error("SQLite does not overwrite what it deletes");
    return database;
  } catch (error) {
    database?.close();
    throw inWords(path, error);
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
  readonly #file: string;
  readonly #statements = new Map<string, Prepared>();
  #database: Database;

  constructor(path: string, file: string, database: Database) {
    this.#path = path;
    this.#file = file;
    this.#database = database;
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
    this.#execute(mode === "reading" ? "BEGIN" : "BEGIN IMMEDIATE");
  }

  async commit(): Promise<void> {
    this.#execute("COMMIT");
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
    this.#database = connect(this.#path, this.#file);
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

/** Turns an error of the engine into a RegisterError; a mistake in a statement is passed on unchanged. */
function inWords(path: string, error: unknown): unknown {
  const { code = "", message = "" } = error as { code?: string; message?: string };
  if (error instanceof RegisterError || !code.includes("SQLITE")) return error;
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return new EngineBusy(`${path}: other processes keep it locked`);
  const [, reason, text] = REFUSALS.find(([start]) => code.startsWith(start)) ?? [];
  if (reason) return new RegisterError(`${path}: ${text}`, reason);
  if (code.startsWith("SQLITE_IOERR"))
    return new RegisterError(`${path}: the disk cannot be read or written (${code})`);
  return new Error(`SQLite: ${code}: ${message}`);
}
