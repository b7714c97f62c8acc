// What the rest of the register knows of a database engine.

import type { Kysely, Transaction } from "kysely";
import type { Tables } from "./schema.js";

export type EngineKind = "sqlite" | "postgres";

export interface Engine {
  readonly kind: EngineKind;
  /** The file or the URL, for messages. */
  readonly where: string;
  /** Reads; one consistent snapshot. `run` may be called again where the engine was busy. */
  read<T>(run: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  /**
   * One writing transaction, begun as a writer. `run` has no effect outside of it, since it is called again where another
   * writer came first. What it returns is committed and synced. Throws a RegisterError for what the engine refuses.
   */
  write<T>(run: (db: Transaction<Tables>) => Promise<T>): Promise<T>;
  /** The engine's time in ms since 1970: PostgreSQL's, else the computer's. Inside of a transaction give that as `db`. */
  now(db?: Kysely<Tables>): Promise<number>;
  /** What is still running ends first. A second call does nothing. */
  close(): Promise<void>;
}
