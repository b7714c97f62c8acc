// The register in a file: SQLite by `libsql`. Nothing has to be installed, and one file system's locks hold the processes of
// one computer apart.

import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, realpathSync, statfsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { SqliteAdapter, SqliteQueryCompiler, sql } from "kysely";
import { DISK, explained, OWNER_ONLY } from "../../files/files.js";
import { type Connection, EngineBusy, RetryingEngine, retrying, type Source, type StatementResult } from "./adapter.js";
import { RegisterError, type RegisterReason } from "./errors.js";
import type { Value } from "./values.js";

/** What is used of a connection of `libsql`. */
interface Database {
  readonly inTransaction: boolean;
  prepare(statement: string): Statement;
  exec(statements: string): void;
  close(): void;
}

interface Statement {
  /** Whether it gives rows. */
  readonly reader: boolean;
  safeIntegers(on: boolean): Statement;
  all(parameters: readonly Value[]): Record<string, unknown>[];
  run(parameters: readonly Value[]): { changes: number };
}

export interface SqliteOptions {
  /** Makes the file where it is not there. */
  readonly create: boolean;
  /** For how long a register that others keep locked is asked for (ms). */
  readonly wait: number;
  /** The computer's time in ms since 1970. */
  readonly clock: () => number;
  /** The type of the file system that a folder is on, as statfs(2) gives it. */
  readonly fileSystemType: (folder: string) => number;
}

/** Types of statfs(2) whose locks do not hold between computers, or are what a program makes of them. */
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

/** Statements that are kept prepared, by their text. */
const MOST_STATEMENTS = 256;

/** What each connection begins with. Erased values are overwritten, and nothing is spilled to another file. */
const SETTINGS = `
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;
  PRAGMA temp_store = MEMORY;
  PRAGMA trusted_schema = OFF;
`;

/** The type of the file system that a folder is on; 0 where the operating system numbers them otherwise. */
export function fileSystemType(folder: string): number {
  return process.platform === "linux" ? statfsSync(folder).type >>> 0 : 0;
}

/** Opens the file. Whether a register is in it, is for the caller to see. */
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

/** Writers append to a log beside the file (-wal), so that those who read do not wait for them. The file keeps the setting. */
export async function keepLog(engine: RetryingEngine): Promise<void> {
  const query = sql<{ journal_mode: string }>`PRAGMA journal_mode = WAL`;
  const { rows } = await engine.outside((db) => query.execute(db));
  if (rows[0]?.journal_mode !== "wal") throw new RegisterError(`${engine.where}: SQLite cannot keep its log beside it`);
}

/** Writes all of the register into another file, whole or not at all. */
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

/** The file behind the name, made where it may be. */
function prepareFile(path: string, { create, fileSystemType }: SqliteOptions): string {
  if (!existsSync(path) && !create)
    throw new RegisterError(`${path}: there is no such file; dsc register init makes a register`, "missing");
  try {
    const system = NETWORK_FILE_SYSTEMS[fileSystemType(dirname(existsSync(path) ? realpathSync(path) : path))];
    if (system !== undefined)
      throw new RegisterError(
        `${path}: is on a network file system (${system}), whose locks SQLite cannot rely on; use a local disk, or PostgreSQL`,
        "network-file-system",
      );
    // SQLite would make it for all to read; its side files get the mode of the file.
    if (!existsSync(path)) closeSync(openSync(path, "wx", OWNER_ONLY));
    const file = realpathSync(path);
    refuseOtherNames(path, file);
    return file;
  } catch (error) {
    throw error instanceof RegisterError ? error : explained(path, create ? "write" : "read", error);
  }
}

/** The log beside the file is found by the file's name: by two names there would be two. */
function refuseOtherNames(path: string, file: string): void {
  const stats = statSync(file);
  if (!stats.isFile()) throw new RegisterError(`${path}: is no file`, "not-a-register");
  if (stats.nlink > 1)
    throw new RegisterError(`${path}: has more than one name (hard links), which SQLite cannot have; keep one name`);
}

function connect(path: string, file: string): Database {
  const Libsql = createRequire(import.meta.url)("libsql") as new (path: string) => Database;
  let database: Database | undefined;
  try {
    database = new Libsql(file);
    // It reads the head of the file: another program's is left as it is.
    database.prepare("SELECT count(*) FROM sqlite_master").all([]);
    database.exec(SETTINGS);
    if (pragma(database, "secure_delete = ON") !== 1n) throw new Error("SQLite does not overwrite what it deletes");
    return database;
  } catch (error) {
    database?.close();
    throw inWords(path, error);
  }
}

/** Sets or asks a setting. Returns the first value that it answers with. */
function pragma(database: Database, text: string): unknown {
  const [row = {}] = database.prepare(`PRAGMA ${text}`).safeIntegers(true).all([]);
  return Object.values(row)[0];
}

/** SQLite has one writer at a time anyway; a process has one connection, and whoever asks first gets it first. */
class OneConnection implements Source {
  readonly #connection: SqliteConnection;
  /** Settles when all who asked so far have given the connection back. */
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

class SqliteConnection implements Connection {
  readonly #path: string;
  readonly #file: string;
  readonly #statements = new Map<string, Statement>();
  #database: Database;

  constructor(path: string, file: string, database: Database) {
    this.#path = path;
    this.#file = file;
    this.#database = database;
  }

  async run(statement: string, parameters: readonly Value[]): Promise<StatementResult> {
    try {
      const prepared = this.#prepared(statement);
      if (prepared.reader) {
        const rows = prepared.all(parameters);
        return { rows, changed: rows.length };
      }
      return { rows: [], changed: prepared.run(parameters).changes };
    } catch (error) {
      const known = inWords(this.#path, error);
      if (known instanceof EngineBusy) this.#reconnect();
      throw known;
    }
  }

  /** A plain BEGIN that reads and then writes fails where another wrote between. */
  async begin(mode: "reading" | "writing"): Promise<void> {
    this.#execute(mode === "reading" ? "BEGIN" : "BEGIN IMMEDIATE");
  }

  async commit(): Promise<void> {
    this.#execute("COMMIT");
  }

  /** A full disk has rolled back already. */
  async rollback(): Promise<void> {
    if (!this.#database.inTransaction) return;
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // Whatever it is, the transaction ends with the connection at the latest.
    }
  }

  /** What was erased may still be in the log (-wal): it is emptied where nobody else uses it. */
  close(): void {
    try {
      pragma(this.#database, "wal_checkpoint(TRUNCATE)");
    } catch {
      // Others use it, or the disk is full: the log stays, and counts.
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

  /** libsql keeps a prepared statement begun that SQLite gave up as busy, and then no commit goes through. */
  #reconnect(): void {
    this.#statements.clear();
    this.#database.close();
    this.#database = connect(this.#path, this.#file);
  }

  #prepared(text: string): Statement {
    const known = this.#statements.get(text);
    if (known) return known;
    const statement = this.#database.prepare(text).safeIntegers(true);
    if (this.#statements.size >= MOST_STATEMENTS) this.#statements.clear();
    this.#statements.set(text, statement);
    return statement;
  }
}

/** By the beginning of SQLite's code: it may be longer, as SQLITE_BUSY_RECOVERY. */
const REFUSALS: readonly (readonly [string, RegisterReason, string])[] = [
  ["SQLITE_FULL", "full", "the disk is full"],
  // The memory beside the file that processes share cannot grow.
  ["SQLITE_IOERR_SHMSIZE", "full", "the disk is full"],
  ["SQLITE_NOTADB", "not-a-register", "is no register, but something else"],
  ["SQLITE_CORRUPT", "damaged", "is damaged; restore a backup with dsc register restore"],
  ["SQLITE_READONLY", "read-only", "cannot be written; check who owns it and its folder, and their modes"],
  ["SQLITE_CANTOPEN", "denied", "cannot be opened; check who owns it and its folder, and their modes"],
  ["SQLITE_PERM", "denied", "cannot be opened; check who owns it and its folder, and their modes"],
  ["SQLITE_CONSTRAINT_UNIQUE", "duplicate", "has such a row already"],
  ["SQLITE_CONSTRAINT_PRIMARYKEY", "duplicate", "has such a row already"],
];

/** An error of the engine as one of ours; a mistake in a statement stays what it is. */
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
