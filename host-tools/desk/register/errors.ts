// Why the register cannot be used, or an argument of it is refused. It imports nothing, so that using the error loads
// no database engine.

/**
 * - `missing` no register there; `exists` there already is one; `not-a-register` another program's database
 * - `newer` made by a newer version; `older` must be migrated first
 * - `busy` other processes keep it locked, or the server has no free connection; `full` no room on the disk
 * - `unreachable` no connection to the server; `uncertain` the connection ended while a change was being committed
 * - `denied` no access rights; `read-only` a standby, or a disk that cannot be written
 * - `network-file-system` SQLite's locks do not hold there; `encoding` the database is not in UTF-8
 * - `wrong-key` a key of another register; `no-key` a key that this command needs was not given
 * - `damaged` stored data were changed; `clock` the time went back
 * - `unknown` the register has no such card or order
 * - `operator` the caller is no operator of the register; `approval` a second operator has to approve first
 * - `duplicate` another row has a value that must be unique; `state` the row's state does not allow the change
 */
export type RegisterReason =
  | "missing"
  | "exists"
  | "not-a-register"
  | "newer"
  | "older"
  | "busy"
  | "full"
  | "unreachable"
  | "uncertain"
  | "denied"
  | "read-only"
  | "network-file-system"
  | "encoding"
  | "wrong-key"
  | "no-key"
  | "damaged"
  | "clock"
  | "unknown"
  | "duplicate"
  | "state"
  | "operator"
  | "approval"
  | "other";

/** A register that cannot be used as it is. The message is one line for people and contains no value of any row. */
export class RegisterError extends Error {
  override name = "RegisterError";
  readonly reason: RegisterReason;
  /** What to do about it, if the hint of the reason does not fit. */
  readonly hint: string | undefined;

  constructor(message: string, reason: RegisterReason = "other", hint?: string) {
    super(message);
    this.reason = reason;
    this.hint = hint;
  }
}
