// Keys of a register and of its operators that a token holds (PKCS#11). They cannot be read; the token computes with
// them.
//
// A site key or desk key must be in memory while the register is open, since everything is sealed under its subkeys. So
// the register stores it wrapped by a key in the token, under `site-key-wrapped` or `desk-key-wrapped`, with register
// and kind as associated data: only the token opens the register. A journal key is used directly, by HMAC in the token.

import { randomFillSync } from "node:crypto";
import { copyOfSecret, secretBytes } from "../../files/secretbytes.js";
import { canonical } from "./canonical.js";
import { RegisterError } from "./errors.js";
import type { MetaRow } from "./meta.js";
import type { Opener } from "./schema.js";
import { CUSTODY_KEY_BYTES } from "./sealing.js";

/** Wraps the site key or the desk key of a register. */
export interface WrappingKey {
  /** Where the key is, for errors. */
  readonly name: string;
  /** `associated` is not part of the result and must be the same at unwrapping. */
  wrap(key: Uint8Array, associated: Uint8Array): Buffer;
  /** Undefined if it was changed, or wrapped by another key or with other associated data. Wipe it after use. */
  unwrap(wrapped: Uint8Array, associated: Uint8Array): Buffer | undefined;
}

/** Computes HMAC-SHA-256. */
export interface MacKey {
  /** Computed over the concatenated parts: 32 bytes. */
  hmac(...parts: readonly Uint8Array[]): Buffer;
}

/** Signs by Ed25519. */
export interface SigningKey {
  /** 32 bytes. */
  readonly publicKey: Buffer;
  /** 64 bytes. */
  sign(message: Uint8Array): Buffer;
}

const LABEL = "dsc register wrapped key";

/** The row of `meta` that holds a key wrapped by a token's key. */
export function wrappedRow(kind: Opener): string {
  return `${kind}-key-wrapped`;
}

/** A new site key or desk key: 32 bytes to wipe, and, if a token wraps it, the row that stores it. */
export function keyToUse(
  key: Buffer | WrappingKey,
  kind: Opener,
  register: Uint8Array,
): { readonly key: Buffer; readonly row: MetaRow | undefined } {
  if (Buffer.isBuffer(key)) return { key: copyOfSecret(key), row: undefined };
  const drawn = randomFillSync(secretBytes(CUSTODY_KEY_BYTES));
  try {
    return { key: drawn, row: { name: wrappedRow(kind), value: key.wrap(drawn, associatedOf(kind, register)) } };
  } catch (error) {
    drawn.fill(0);
    throw error;
  }
}

/**
 * The site key or desk key of a register: 32 bytes to wipe. `wrapped`: the value of its row. Throws a RegisterError.
 */
export function keyOf(
  key: Buffer | WrappingKey,
  kind: Opener,
  register: Uint8Array,
  wrapped: Buffer | undefined,
  where: string,
): Buffer {
  if (Buffer.isBuffer(key)) {
    if (!wrapped) return copyOfSecret(key);
    throw new RegisterError(`${where}: its ${kind} key is held by a token; give its pkcs11: URI`, "wrong-key");
  }
  if (!wrapped)
    throw new RegisterError(
      `${where}: its ${kind} key is in a file; dsc register rekey --new-${kind}-key moves it into a token`,
      "wrong-key",
    );
  const opened = key.unwrap(wrapped, associatedOf(kind, register));
  if (opened?.length === CUSTODY_KEY_BYTES) return opened;
  opened?.fill(0);
  throw new RegisterError(
    `${where}: ${key.name} is not the key that holds its ${kind} key; give that one`,
    "wrong-key",
  );
}

function associatedOf(kind: Opener, register: Uint8Array): Buffer {
  return canonical(LABEL, register, kind);
}
