// HKDF-SHA-256 (RFC 5869) where one block is enough. It is made of HMAC because Node's hkdfSync keeps a copy of the key that
// is freed only when the garbage collector comes by, which may be never.

import { createHmac } from "node:crypto";

/** `key` of any length, `salt` public. Returns 32 bytes; wipe them after use. */
export function hkdf(key: Uint8Array, salt: Uint8Array, info: string): Buffer {
  const extracted = createHmac("sha256", salt).update(key).digest();
  try {
    return createHmac("sha256", extracted).update(info).update(Buffer.of(1)).digest();
  } finally {
    extracted.fill(0);
  }
}
