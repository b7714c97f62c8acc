// HKDF-SHA-256 (RFC 5869) for outputs of one block. It is built from HMAC because Node's hkdfSync keeps a copy of the
// key until the garbage collector frees it, which may be never.

import { createHmac } from "node:crypto";

/** `key` may have any length; `salt` is public. Returns 32 bytes; wipe them after use. */
export function hkdf(key: Uint8Array, salt: Uint8Array, info: string): Buffer {
  const extracted = createHmac("sha256", salt).update(key).digest();
  try {
    return createHmac("sha256", extracted).update(info).update(Buffer.of(1)).digest();
  } finally {
    extracted.fill(0);
  }
}
