// The register in PostgreSQL by `pg`: any number of computers share one database, which PostgreSQL can replicate.

import { PostgresAdapter, PostgresQueryCompiler, sql } from "kysely";
import pg from "pg";
import { UsageError } from "../../files/errors.js";
import { type Connection, EngineBusy, RetryingEngine, retrying, type Source, type StatementResult } from "./adapter.js";
import { RegisterError, type RegisterReason } from "./errors.js";
import type { Value } from "./values.js";

export interface PostgresOptions {
  /** How long a busy engine is retried (ms). */
  readonly wait: number;
}

/** The name shown in the server's list of connections. */
const APPLICATION = "dsc";
const MOST_CONNECTIONS = 8;
/** The time limits for connecting to a server, and for one statement (ms). */
const CONNECT_LIMIT = 5000;
const STATEMENT_LIMIT = 60_000;

/** The type numbers of bigint and of numeric, the type of sums of bigint. */
const WHOLE_NUMBERS: readonly number[] = [20, 1700];

/**
 * A warning of the server. During a commit it means that the change did not reach the standby that the server waited
 * for.
 */
const WARNING = "01000";

/**
 * The first statements of each connection. A commit is answered only when it is on disk, whatever the server's setting;
 * a setting that waits for a standby is kept. A process that stopped inside a transaction does not block others for
 * long.
 */
const SETTINGS = `
  SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');
  SET idle_in_transaction_session_timeout = '60s';
`;

/** Whether the text names a database on a server rather than a file. */
export function isServerUrl(where: string): boolean {
  return /^postgres(ql)?:/i.test(where);
}

/** Opens the database. The caller checks whether it contains a register. */
export async function openPostgres(url: string, { wait }: PostgresOptions): Promise<RetryingEngine> {
  refuseUrl(url);
  const source = new Pool(url);
  try {
    await retrying(() => source.checkEncoding(), wait);
  } catch (error) {
    await source.close();
    throw error;
  }
  return new RetryingEngine({
    kind: "postgres",
    where: url,
    source,
    compiler: new PostgresQueryCompiler(),
    dialectAdapter: new PostgresAdapter(),
    now: async (db) => {
      const query = sql<{ now: number }>`select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now`;
      const { rows } = await query.execute(db);
      return rows[0]?.now as number;
    },
    wait,
  });
}

/**
 * Refuses a password, since others can read the command line and the environment of a process. Refuses other modes of
 * TLS, since `pg` treats every other mode, even a misspelt one, as verify-full, unlike libpq. The messages do not
 * contain the URL.
 */
function refuseUrl(url: string): void {
  let parsed: URL;
  try {
    // A socket folder in place of a host is not valid in a URL otherwise.
    parsed = new URL(url.replace(/^[a-z]+:/i, "http:").replace("@/", "@host/"));
  } catch {
    throw new UsageError("the register's URL is not well-formed; postgres://user@host:5432/database is expected");
  }
  if (parsed.password !== "" || parsed.searchParams.has("password"))
    throw new UsageError(
      "the register's URL contains a password, which others may read; leave it out, and put it into the file that PGPASSFILE names",
    );
  const mode = parsed.searchParams.get("sslmode") ?? "disable";
  if (mode !== "disable" && mode !== "verify-full")
    throw new UsageError(
      "the register's URL has an unknown sslmode; give verify-full, which encrypts and checks the server, or disable, which does neither",
    );
}

/** A pool of `pg` connections. */
class Pool implements Source {
  readonly #url: string;
  readonly #pool: pg.Pool;

  constructor(url: string) {
    this.#url = url;
    this.#pool = new pg.Pool({
      connectionString: url,
      application_name: APPLICATION,
      max: MOST_CONNECTIONS,
      connectionTimeoutMillis: CONNECT_LIMIT,
      query_timeout: STATEMENT_LIMIT,
      keepAlive: true,
      allowExitOnIdle: true,
      types: { getTypeParser },
      onConnect: async (client: pg.ClientBase) => void (await client.query(SETTINGS)),
    });
    // A connection that breaks while idle leaves the pool. Without this listener the error would end the process.
    this.#pool.on("error", () => {});
  }

  async acquire(): Promise<PostgresConnection> {
    try {
      return new PostgresConnection(this.#url, await this.#pool.connect());
    } catch (error) {
      throw notConnected(this.#url, error);
    }
  }

  release(connection: PostgresConnection): void {
    connection.giveBack();
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  async checkEncoding(): Promise<void> {
    const connection = await this.acquire();
    try {
      const { rows } = await connection.run("SHOW server_encoding", []);
      const encoding = rows[0]?.server_encoding;
      if (encoding !== "UTF8")
        throw new RegisterError(
          `${this.#url}: the database's encoding is ${encoding}; make one with createdb --encoding=UTF8 --template=template0`,
          "encoding",
        );
    } finally {
      this.release(connection);
    }
  }
}

/** Parses whole numbers as numbers: `pg` returns large ones as text. */
function getTypeParser(type: number, format?: "text" | "binary") {
  if (!WHOLE_NUMBERS.includes(type)) return pg.types.getTypeParser(type, format as "text");
  return (text: string) => (/^-?[0-9]+$/.test(text) ? BigInt(text) : Number.NaN);
}

class PostgresConnection implements Connection {
  readonly #url: string;
  readonly #client: pg.PoolClient;
  #begun = false;
  /** Whether the connection must not be used again. */
  #broken = false;
  #warned = false;
  readonly #onNotice = ({ code }: { code?: string | undefined }) => {
    if (code === WARNING) this.#warned = true;
  };
  readonly #onError = () => {
    this.#broken = true;
  };

  constructor(url: string, client: pg.PoolClient) {
    this.#url = url;
    this.#client = client;
    client.on("notice", this.#onNotice).on("error", this.#onError);
  }

  async run(statement: string, parameters: readonly Value[]): Promise<StatementResult> {
    try {
      const { rows, rowCount } = await this.#client.query(statement, [...parameters]);
      return { rows, changed: rowCount ?? 0 };
    } catch (error) {
      throw inWords(this.#url, error);
    }
  }

  async begin(mode: "reading" | "writing"): Promise<void> {
    const snapshot = mode === "reading" ? "REPEATABLE READ READ ONLY" : "SERIALIZABLE";
    await this.run(`BEGIN ISOLATION LEVEL ${snapshot}`, []);
    this.#begun = true;
  }

  async commit(): Promise<void> {
    this.#warned = false;
    let command: string;
    try {
      ({ command } = await this.#client.query("COMMIT"));
    } catch (error) {
      const known = inWords(this.#url, error);
      throw known instanceof RegisterError && known.reason === "unreachable" ? this.#uncertain() : known;
    }
    this.#begun = false;
    if (command !== "COMMIT") throw new Error(`PostgreSQL answered COMMIT with ${command}`);
    // The server waited for a standby, was told to stop waiting, and reported the commit as done.
    if (this.#warned) throw this.#uncertain();
  }

  async rollback(): Promise<void> {
    if (!this.#begun) return;
    try {
      await this.#client.query("ROLLBACK");
      this.#begun = false;
    } catch {
      // The connection is closed instead, which ends its transaction.
      this.#broken = true;
    }
  }

  giveBack(): void {
    this.#client.off("notice", this.#onNotice).off("error", this.#onError);
    this.#client.release(this.#broken || this.#begun);
  }

  #uncertain(): RegisterError {
    return new RegisterError(
      `${this.#url}: the connection ended before the server confirmed the change; check whether it was made, and repeat it if not`,
      "uncertain",
    );
  }
}

/** Errors by SQLSTATE, or its first characters. */
const REFUSALS: readonly (readonly [string, RegisterReason, string])[] = [
  ["23505", "duplicate", "already has such a row"],
  ["53100", "full", "the server's disk is full"],
  ["25006", "read-only", "the server is read-only: it is a standby, or was configured so"],
  ["42P07", "exists", "another process has just made its tables"],
  ["42P01", "not-a-register", "a table is missing"],
  ["3D000", "missing", "there is no such database; make it with createdb"],
  ["28P01", "denied", "the server refuses the password; check PGPASSFILE or PGPASSWORD"],
  ["28", "denied", "the server refuses this user; check its pg_hba.conf"],
  ["42501", "denied", "this user has no rights to the register's tables"],
  ["57014", "busy", "the server cancelled a statement that took too long"],
  ["57P", "unreachable", "the server is starting or stopping"],
  ["08", "unreachable", "the connection to the server failed"],
  ["58", "other", "the server cannot read or write its disk"],
  ["25P03", "unreachable", "the server ended the connection after it was idle for too long"],
];

/**
 * Errors after which a transaction may be repeated: another one was first, a lock was not available, or no connection
 * is left.
 */
const AGAIN: Readonly<Record<string, string>> = {
  "40001": "other processes change the same rows",
  "40P01": "other processes change the same rows",
  "55P03": "other processes keep it locked",
  "53300": "the server has no free connection; raise max_connections, or end other programs",
};

/** Codes of Node's sockets. */
const SOCKET = /^(E[A-Z]+|ERR_[A-Z_]+|CERT_.*|DEPTH_.*|SELF_.*|UNABLE_.*)$/;

/**
 * Turns any error of connecting into a RegisterError: the cause is the URL, a file that it names, the network or the
 * server.
 */
function notConnected(url: string, error: unknown): unknown {
  const { syscall, path, message } = error as NodeJS.ErrnoException;
  // A certificate or key that the URL names.
  if (syscall === "open" && path !== undefined)
    return new RegisterError(`${url}: ${path}: cannot be read; the register's URL names it`, "denied");
  const known = inWords(url, error);
  if (known instanceof RegisterError || known instanceof EngineBusy) return known;
  return new RegisterError(`${url}: no connection to the server: ${message.replace(/\s+/g, " ")}`, "unreachable");
}

/**
 * Turns an error of the engine into a RegisterError without details of rows; a mistake in a statement is passed on
 * unchanged.
 */
function inWords(url: string, error: unknown): unknown {
  const { code = "", message = "" } = error as { code?: string; message?: string };
  if (error instanceof RegisterError) return error;
  const again = AGAIN[code];
  if (again !== undefined) return new EngineBusy(`${url}: ${again}`);
  if (message.startsWith("timeout exceeded when trying to connect"))
    return new EngineBusy(`${url}: all connections of this process are in use`);
  const [, reason, text] = REFUSALS.find(([start]) => code.startsWith(start)) ?? [];
  if (reason) return new RegisterError(`${url}: ${text}`, reason);
  if (SOCKET.test(code)) return new RegisterError(`${url}: no connection to the server (${code})`, "unreachable");
  if (/password must be a string/.test(message))
    return new RegisterError(
      `${url}: the server asks for a password; put it into the file that PGPASSFILE names`,
      "denied",
    );
  if (/^(Connection terminated|Query read timeout|Client has encountered a connection error)/.test(message))
    return new RegisterError(`${url}: the connection to the server ended`, "unreachable");
  return new Error(`PostgreSQL: ${code}: ${message}`);
}
