// The one adapter between a database engine and everything else: kysely makes the SQL, and each statement goes through here.
//
// It checks parameters and results (values.ts), begins each writing transaction as a writer, calls a transaction again where
// the engine says that it may be, and lets nothing go on in a transaction in which a statement failed. What an engine has of
// its own is a `Source` of `Connection`s, which turn the engine's errors into RegisterErrors.

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

/** Another writer came first, or there is no free connection: the transaction may be run again. */
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

/** A connection of an engine. It throws RegisterErrors for what the engine refuses. */
export interface Connection {
  run(statement: string, parameters: readonly Value[]): Promise<StatementResult>;
  begin(mode: "reading" | "writing"): Promise<void>;
  /** On return the transaction is on the disk. */
  commit(): Promise<void>;
  /** Never throws: the error that led here is the one to tell. */
  rollback(): Promise<void>;
}

/** Where connections come from. */
export interface Source {
  /** Waits for one that is free. */
  acquire(): Promise<Connection>;
  release(connection: Connection): void;
  close(): Promise<void>;
}

/** What an engine brings: its connections, and how kysely writes SQL for it. */
export interface EngineParts {
  readonly kind: EngineKind;
  readonly where: string;
  readonly source: Source;
  readonly compiler: QueryCompiler;
  readonly dialectAdapter: DialectAdapter;
  /** The engine's time in ms since 1970. */
  now(db: Kysely<Tables>): Promise<number>;
  /** For how long a busy engine is asked again (ms). */
  readonly wait: number;
}

/** Between two calls of a transaction (ms): random, so that those who wait do not come back together. */
const LEAST_PAUSE = 1;
const MOST_PAUSE = 20;

/**
 * Engines in whose transactions the code runs that asks. One storage for all engines: Node copies every storage that was ever
 * used to every promise, so that one of each engine makes a long process slower with each register it opens.
 */
const INSIDE = new AsyncLocalStorage<readonly Engine[]>();

function enginesInside(): readonly Engine[] {
  return INSIDE.getStore() ?? [];
}

/** An engine whose transactions are called again while others are in the way. */
export class RetryingEngine implements Engine {
  readonly kind: EngineKind;
  readonly where: string;
  readonly #parts: EngineParts;
  readonly #db: Kysely<Tables>;
  #closed: Promise<void> | undefined;
  /** Ends with the last of the transactions that write. */
  #written: Promise<unknown> = Promise.resolve();

  constructor(parts: EngineParts) {
    this.kind = parts.kind;
    this.where = parts.where;
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

  /** Those of one process come in turn: each adds to the journal, so that at once all but one would be called again. */
  write<T>(run: (db: Transaction<Tables>) => Promise<T>): Promise<T> {
    const turn = this.#isInside() ? Promise.resolve() : this.#written;
    const written = turn.then(() => this.#retrying(() => this.#db.transaction().execute(run)));
    this.#written = written.catch(() => {});
    return written;
  }

  /** Statements outside of any transaction: those that an engine does not allow in one. */
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

  async #retrying<T>(transaction: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw new Error("the register is closed");
    if (this.#isInside()) throw new Error("a transaction inside of another");
    const whatFor = () => sayWaiting(`${this.where}: other processes to let go of the register`);
    return saying(whatFor, () => INSIDE.run([...enginesInside(), this], () => retrying(transaction, this.#parts.wait)));
  }

  /** A second transaction inside of one would wait for the first for ever. */
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

/** kysely's way to an engine. */
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

/** A connection for one transaction, or for one statement outside of any. */
class CheckedConnection implements DatabaseConnection {
  readonly inner: Connection;
  #reading = false;
  /** Of a statement of this transaction. */
  #failure: { readonly error: unknown } | undefined;

  constructor(inner: Connection) {
    this.inner = inner;
  }

  begin(mode: "reading" | "writing"): Promise<void> {
    this.#reading = mode === "reading";
    return this.inner.begin(mode);
  }

  /** PostgreSQL gives up a transaction in which a statement failed, and SQLite does not: here it is given up on both. */
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

  // biome-ignore lint/correctness/useYield: kysely asks for it, and nothing here streams.
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("the register does not stream");
  }
}
