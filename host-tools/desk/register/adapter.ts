// The only adapter between a database engine and the rest of the program: kysely builds the SQL, and each statement
// passes through here.
//
// It checks parameters and results (values.ts), begins each writing transaction as a writer, repeats a transaction if
// the engine allows it, and blocks a transaction after a failed statement. Each engine provides a `Source` of
// `Connection`s, which turn the engine's errors into RegisterErrors.

import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type DialectAdapter,
  type Driver,
  Kysely,
  type QueryCompiler,
  type QueryResult,
  SelectQueryNode,
  type Transaction,
  type TransactionSettings,
} from "kysely";
import { saying, sayWaiting } from "../../files/waiting.js";
import type { Engine, EngineKind } from "./engine.js";
import { RegisterError } from "./errors.js";
import type { Tables } from "./schema.js";
import { checkedParameters, checkedRows, type Value } from "./values.js";

/** Another writer was first, or no connection is free: the transaction may be repeated. */
export class EngineBusy extends RegisterError {
  constructor(message: string) {
    super(message, "busy");
  }
}

export interface StatementResult {
  readonly rows: readonly Record<string, unknown>[];
  /** How many rows the statement changed. */
  readonly changed: number;
}

/** A connection of an engine. Throws a RegisterError if the engine refuses a statement. */
export interface Connection {
  run(statement: string, parameters: readonly Value[]): Promise<StatementResult>;
  begin(mode: "reading" | "writing"): Promise<void>;
  /** When it returns, the transaction is on disk. */
  commit(): Promise<void>;
  /** Never throws, so that the error that caused the rollback is reported. */
  rollback(): Promise<void>;
}

/** A source of connections. */
export interface Source {
  /** Waits for a free connection. */
  acquire(): Promise<Connection>;
  release(connection: Connection): void;
  close(): Promise<void>;
}

/** What each engine provides: its connections, and how kysely writes SQL for it. */
export interface EngineParts {
  readonly kind: EngineKind;
  readonly where: string;
  /** Whether nothing can be written. */
  readonly readOnly?: boolean;
  /** Deletes what opening has made; only a file can be deleted. */
  readonly discard?: () => void;
  readonly source: Source;
  readonly compiler: QueryCompiler;
  readonly dialectAdapter: DialectAdapter;
  /** The engine's time in ms since 1970. */
  now(db: Kysely<Tables>): Promise<number>;
  /** How long a busy engine is retried (ms). */
  readonly wait: number;
}

/** Pause between two runs of a transaction (ms): random, so that waiting processes do not return together. */
const LEAST_PAUSE = 1;
const MOST_PAUSE = 20;

/**
 * The engines in whose transactions the calling code runs. All engines share one storage: Node copies every storage that
 * was ever used to every promise, so one storage per engine slows a long process with each register that it opens.
 */
const INSIDE = new AsyncLocalStorage<readonly Engine[]>();

function enginesInside(): readonly Engine[] {
  return INSIDE.getStore() ?? [];
}

/** An engine that repeats a transaction as long as other processes block it. */
export class RetryingEngine implements Engine {
  readonly kind: EngineKind;
  readonly where: string;
  readonly readOnly: boolean;
  readonly #parts: EngineParts;
  readonly #db: Kysely<Tables>;
  #closed: Promise<void> | undefined;
  /** Settles after the last of the queued writing transactions. */
  #written: Promise<unknown> = Promise.resolve();

  constructor(parts: EngineParts) {
    this.kind = parts.kind;
    this.where = parts.where;
    this.readOnly = parts.readOnly ?? false;
    this.#parts = parts;
    const driver = new CheckingDriver(parts.source);
    this.#db = new Kysely<Tables>({
      dialect: {
        createDriver: () => driver,
        createQueryCompiler: () => parts.compiler,
        createAdapter: () => parts.dialectAdapter,
        createIntrospector: () => {
          throw new Error("the register knows its tables");
        },
      },
    });
  }

  read<T>(run: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#retrying(() => this.#db.transaction().setAccessMode("read only").execute(run));
  }

  /**
   * Writing transactions of one process run one after another. Each adds to the journal, so all but one of several
   * concurrent transactions would have to be repeated.
   */
  write<T>(run: (db: Transaction<Tables>) => Promise<T>): Promise<T> {
    const turn = this.#isInside() ? Promise.resolve() : this.#written;
    const written = turn.then(() => this.#retrying(() => this.#db.transaction().execute(run)));
    this.#written = written.catch(() => {});
    return written;
  }

  /** Statements outside any transaction: those that an engine does not allow inside one. */
  outside<T>(run: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#retrying(() => run(this.#db));
  }

  now(db?: Kysely<Tables>): Promise<number> {
    return db ? this.#parts.now(db) : this.outside((own) => this.#parts.now(own));
  }

  close(): Promise<void> {
    this.#closed ??= this.#db.destroy();
    return this.#closed;
  }

  /** After a failure: closes the engine, and deletes what opening it has made. */
  async discard(): Promise<void> {
    await this.close();
    this.#parts.discard?.();
  }

  async #retrying<T>(transaction: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw new Error("the register is closed");
    if (this.#isInside()) throw new Error("a transaction inside of another");
    const whatFor = () => sayWaiting(`${this.where}: other processes to release the register`);
    return saying(whatFor, () => INSIDE.run([...enginesInside(), this], () => retrying(transaction, this.#parts.wait)));
  }

  /** A nested transaction would wait for the outer one for ever. */
  #isInside(): boolean {
    return enginesInside().includes(this);
  }
}

/** Calls `run` until it does not throw EngineBusy, for `wait` ms. */
export async function retrying<T>(run: () => Promise<T>, wait: number): Promise<T> {
  const end = performance.now() + wait;
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof EngineBusy) || performance.now() > end) throw error;
    }
    await sleep(LEAST_PAUSE + Math.random() * (MOST_PAUSE - LEAST_PAUSE));
  }
}

/** The kysely driver for an engine. */
class CheckingDriver implements Driver {
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<CheckedConnection> {
    return new CheckedConnection(await this.#source.acquire());
  }

  beginTransaction(connection: CheckedConnection, { accessMode }: TransactionSettings): Promise<void> {
    return connection.begin(accessMode === "read only" ? "reading" : "writing");
  }

  commitTransaction(connection: CheckedConnection): Promise<void> {
    return connection.commit();
  }

  rollbackTransaction(connection: CheckedConnection): Promise<void> {
    return connection.inner.rollback();
  }

  async releaseConnection(connection: CheckedConnection): Promise<void> {
    this.#source.release(connection.inner);
  }

  destroy(): Promise<void> {
    return this.#source.close();
  }
}

/** A connection for one transaction, or for one statement outside any. */
class CheckedConnection implements DatabaseConnection {
  readonly inner: Connection;
  #reading = false;
  /** The failure of a statement in this transaction. */
  #failure: { readonly error: unknown } | undefined;

  constructor(inner: Connection) {
    this.inner = inner;
  }

  begin(mode: "reading" | "writing"): Promise<void> {
    this.#reading = mode === "reading";
    return this.inner.begin(mode);
  }

  /** After a failed statement PostgreSQL aborts the transaction and SQLite does not. Here it is aborted on both. */
  async commit(): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    await this.inner.commit();
  }

  async executeQuery<R>({ sql, parameters, query }: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#failure) throw this.#failure.error;
    if (this.#reading && !SelectQueryNode.is(query) && query.kind !== "RawNode")
      throw new Error(`a statement that writes, in a transaction that reads: ${sql}`);
    try {
      const { rows, changed } = await this.inner.run(sql, checkedParameters(sql, parameters));
      return { rows: checkedRows(rows) as R[], numAffectedRows: BigInt(changed) };
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  // biome-ignore lint/correctness/useYield: kysely requires a generator, and nothing here streams.
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("the register does not stream");
  }
}
