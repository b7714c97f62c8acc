// The interface of a database engine for the rest of the register.

import type { Kysely, Transaction } from "kysely";
import type { Tables } from "./schema.js";

export type EngineKind = "sqlite" | "postgres";

export interface Engine {
  readonly kind: EngineKind;
  /** The file or the URL, for messages. */
  readonly where: string;
  /** Reads from one consistent snapshot. `run` may be called again if the engine was busy. */
  read<T>(run: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  /**
   * One writing transaction, begun as a writer. It is repeated if another writer came first, so `run` must have no
   * effect outside it. What `run` returns is committed and synced. Throws a RegisterError if the engine refuses a
   * statement.
   */
  write<T>(run: (db: Transaction<Tables>) => Promise<T>): Promise<T>;
  /** The engine's time in ms since 1970: PostgreSQL's, otherwise the computer's. Inside a transaction pass its `db`. */
  now(db?: Kysely<Tables>): Promise<number>;
  /** Waits for work that is still running. A second call does nothing. */
  close(): Promise<void>;
}
