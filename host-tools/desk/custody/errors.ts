// Why a PKCS#11 token, or a key in it, cannot be used. It imports nothing, so that using the error loads no library.

/**
 * - `library` the package pkcs11js, or the vendor's module, is missing or cannot be loaded
 * - `missing` no token fits the URI; `ambiguous` more than one token or key fits
 * - `no-key` the token has no such key; `exists` it has one already
 * - `wrong-key` a key of another type or size, or one that may leave its token
 * - `unsupported` the token lacks an operation that such a key needs
 * - `pin` a wrong PIN; `pin-locked` too many wrong ones
 * - `removed` the token, or its key, disappeared after it was opened
 * - `read-only` it takes no new keys; `full` it has no room for one
 * - `other` the token failed in another way
 */
export type TokenReason =
  | "library"
  | "missing"
  | "ambiguous"
  | "no-key"
  | "exists"
  | "wrong-key"
  | "unsupported"
  | "pin"
  | "pin-locked"
  | "removed"
  | "read-only"
  | "full"
  | "other";

/** A token that cannot be used as it is. The message is one line for people and contains no PIN and no key. */
export class TokenError extends Error {
  override name = "TokenError";
  readonly reason: TokenReason;

  constructor(message: string, reason: TokenReason = "other") {
    super(message);
    this.reason = reason;
  }
}

/** The token rejected the PIN, which is not tried again. */
export class TokenPinError extends TokenError {
  override name = "TokenPinError";
}
