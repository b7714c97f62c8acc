// The tables of the register after the newest migration; docs/REGISTER.md describes each.
//
// Times are whole milliseconds since 1970 (UTC), flags are 0 or 1, and the engine numbers rows and never reuses a
// number.

import type { ColumnType, Generated } from "kysely";
import type { CardRecord, PutKeyProgress, StoreDataProgress } from "../keyregister.js";

type Bytes = ColumnType<Buffer, Uint8Array, Uint8Array>;
type MaybeBytes = ColumnType<Buffer | null, Uint8Array | null | undefined, Uint8Array | null>;
type Maybe<T> = ColumnType<T | null, T | null | undefined, T | null>;
type Flag = 0 | 1;

type CardLife = CardRecord["lifeBefore"];

export type CardState = "blank" | "pending" | "seeded" | "shipped" | "active" | "lost" | "returned" | "retired";
export type OrderState = "placed" | "claimed" | "seeded" | "shipped" | "done" | "cancelled";
export type KeyState = "active" | "abandoned" | "forgotten";
export type KeyField = "token" | "unlock";
export type KeyOrigin = "drawn" | "given" | "imported";
/** The kind of key that opens a sealed value. */
export type Opener = "site" | "desk";
export type PinCheck = "card" | "server";
export type BatchSource = "file" | "orders";
export type BatchRowState = "pending" | "done" | "failed";

/** Values that a register has once. */
export interface MetaTable {
  name: string;
  value: Bytes;
}

/** The migrations that were applied. */
export interface MigrationsTable {
  number: number;
  applied: number;
}

export interface SettingsTable {
  name: string;
  value: string;
  changed: number;
}

export interface CardsTable {
  serial: string;
  /** 16 hexadecimal digits. */
  card_id: string | null;
  state: CardState;
  suite: string;
  pin_check: PinCheck;
  tries: number;
  /** The version of the transport keys in the card. */
  keyset: number | null;
  /** KCV of the transport master key, in hexadecimal. */
  transport: string | null;
  /** Whether STORE DATA was sent to the card that the keys are bound to, and whether the card answered. */
  store_data: StoreDataProgress;
  /** Whether that card has its own transport keys. */
  put_key: PutKeyProgress;
  /** The card's life when the keys were bound to it; null: they are bound to no card. */
  life_before: CardLife | null;
  /** The transport keys that it had at that time; null: it gets none of its own. */
  keys_before: "public" | "own" | null;
  user_name: string | null;
  order_number: number | null;
  batch_number: number | null;
  /** The day on which a shipped card is expected to arrive: YYYY-MM-DD. */
  arrives: string | null;
  created: number;
  changed: number;
}

/** One row for each key and each opener. */
export interface KeysTable {
  number: Generated<number>;
  serial: string;
  /** The card that the key is bound to; `none` for an imported key. */
  card_id: string;
  field: KeyField;
  version: number;
  opener: Opener;
  origin: KeyOrigin;
  state: KeyState;
  /** Empty once the key is forgotten. */
  sealed: Bytes;
  /** HMAC of field and key under a key derived from the opener's key. */
  fingerprint: Bytes;
}

/** Which bench works on a card; a claim only decides which bench waits. */
export interface ClaimsTable {
  serial: string;
  bench: string;
  process: string;
  until: number;
}

export interface OrdersTable {
  number: Generated<number>;
  user_name: string;
  state: OrderState;
  serial: string | null;
  suite: string;
  pin_check: PinCheck;
  tries: number;
  /** Encrypted to the desk's X25519 key; erased when it is no longer needed. */
  pin: MaybeBytes;
  batch_number: number | null;
  placed: number;
  changed: number;
}

export interface BatchesTable {
  number: Generated<number>;
  /** HMAC of the file under a key derived from the desk key. */
  name: Bytes;
  state: "open" | "closed";
  opened: number;
  changed: number;
  /** Where its rows come from. */
  source: Generated<BatchSource>;
  /** When a run ended with every card done; null: none has yet. */
  finished: Maybe<number>;
}

/** One card of a batch. */
export interface BatchRowsTable {
  number: Generated<number>;
  batch_number: number;
  /** The line of the file, or the number of the order. */
  line: number;
  state: BatchRowState;
  /** null: it is assigned with the card. */
  serial: Maybe<string>;
  /** Whether the file names the serial number. */
  serial_given: Flag;
  user_name: Maybe<string>;
  order_number: Maybe<number>;
  suite: string;
  pin_check: PinCheck;
  tries: number;
  /** Sealed under the desk key. Present from the pairing of the row until the batch is closed. */
  pin: MaybeBytes;
  /** The card that the row is for; null: the next one. */
  card_id: Maybe<string>;
  why: Maybe<string>;
  /** Whether its letter is in a file that was synced. */
  lettered: Flag;
}

/** Work on a card at a port, and its result. */
export interface BatchAttemptsTable {
  number: Generated<number>;
  batch_number: number;
  /** null: the card fitted no row. */
  row_number: number | null;
  bench: string;
  card_id: string | null;
  began: number;
  ended: number;
  result: "done" | "failed";
  why: string | null;
}

export interface ChallengesTable {
  number: Generated<number>;
  serial: string;
  challenge: string;
  issued: number;
  expires: number;
  used: Flag;
  /** null until a response has been checked. */
  response_right: Flag | null;
}

/** Responses that were checked. */
export interface AttemptsTable {
  number: Generated<number>;
  serial: string;
  at: number;
  right: Flag;
}

export interface OperatorsTable {
  name: string;
  /** Ed25519. */
  public_key: Bytes;
  added: number;
  removed: number | null;
}

export interface ApprovalsTable {
  /** Hash of the request. */
  hash: Bytes;
  request: string;
  asked_by: string;
  approved_by: string | null;
  signature: MaybeBytes;
  expires: number;
  spent: number | null;
}

/** Numbered without gaps from 1, since each entry is authenticated together with the previous one. */
export interface JournalTable {
  number: number;
  at: number;
  actor: string;
  action: string;
  serial: string | null;
  from_state: string | null;
  to_state: string | null;
  reason: string | null;
  /** JSON with sorted keys. */
  detail: string;
  mac: Bytes;
  /** The operator's Ed25519 signature; null if there were no operators. */
  signature: MaybeBytes;
}

export interface Tables {
  meta: MetaTable;
  migrations: MigrationsTable;
  settings: SettingsTable;
  cards: CardsTable;
  keys: KeysTable;
  claims: ClaimsTable;
  orders: OrdersTable;
  batches: BatchesTable;
  batch_rows: BatchRowsTable;
  batch_attempts: BatchAttemptsTable;
  challenges: ChallengesTable;
  attempts: AttemptsTable;
  operators: OperatorsTable;
  approvals: ApprovalsTable;
  journal: JournalTable;
}

export type TableName = keyof Tables;
