// Keys of a register and of its operators that a token holds (PKCS#11) and that cannot be read: it computes with them.
//
// A site key or desk key has to be here while the register is open, since all that is sealed is under its subkeys. So the
// register keeps it wrapped by a key in the token, under `site-key-wrapped` or `desk-key-wrapped`, with register and kind as
// associated data; what opens the register is the token. A journal key is used as it is, by HMAC in the token.

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
  /** `associated` is not in the result and must be the same when it is unwrapped. */
  wrap(key: Uint8Array, associated: Uint8Array): Buffer;
  /** Nothing where it was changed, or wrapped by another key or with other associated data. Wipe it after use. */
  unwrap(wrapped: Uint8Array, associated: Uint8Array): Buffer | undefined;
}

/** Computes HMAC-SHA-256. */
export interface MacKey {
  /** Over the parts one after another: 32 bytes. */
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

/** The row of `meta` with a key that a token's key wraps. */
export function wrappedRow(kind: Opener): string {
  return `${kind}-key-wrapped`;
}

/** A site key or desk key that is to be used from now on: 32 bytes to wipe, and the row that keeps it where a token wraps it. */
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

/** The site key or desk key of a register: 32 bytes to wipe. `wrapped`: what its row has. Throws a RegisterError. */
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
  throw new RegisterError(`${where}: ${key.name} is not the key that holds its ${kind} key`, "wrong-key");
}

function associatedOf(kind: Opener, register: Uint8Array): Buffer {
  return canonical(LABEL, register, kind);
}
