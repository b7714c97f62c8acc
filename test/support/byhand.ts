// What the register seals and authenticates, computed independently from the documents: nothing here is imported from the
// host tools. HMAC is Node's; HKDF is written out; AES-GCM is that of @noble/ciphers.

import { createHmac } from "node:crypto";
import { gcm } from "@noble/ciphers/aes.js";

export function hmac(key: Uint8Array, ...parts: readonly (string | Uint8Array)[]): Buffer {
  return createHmac("sha256", key)
    .update(Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array))))
    .digest();
}

/** HKDF-SHA-256 for 32 bytes, which are its first block (RFC 5869 §2). */
export function hkdf(key: Uint8Array, salt: Uint8Array, info: string): Buffer {
  return hmac(hmac(salt, key), info, Buffer.of(1));
}

/** 00 for what is absent, else 01, the length in 4 bytes and the bytes. */
export function lengthPrefixed(...parts: readonly (string | Uint8Array | null)[]): Buffer {
  const pieces: Buffer[] = [];
  for (const part of parts) {
    if (part === null) {
      pieces.push(Buffer.of(0));
      continue;
    }
    const bytes = Buffer.from(part as Uint8Array);
    pieces.push(Buffer.of(1, 0, 0, bytes.length >> 8, bytes.length & 255), bytes);
  }
  return Buffer.concat(pieces);
}

/** Version 1, nonce, ciphertext and tag. */
export function seal(key: Uint8Array, nonce: Uint8Array, value: Uint8Array, associated: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(1), nonce, gcm(key, nonce, associated).encrypt(value)]);
}

/** Throws if the tag is wrong. */
export function unseal(key: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Buffer {
  const bytes = Uint8Array.from(sealed);
  if (bytes[0] !== 1) throw new Error(`version ${bytes[0]}`);
  return Buffer.from(gcm(key, bytes.subarray(1, 13), associated).decrypt(bytes.subarray(13)));
}

/** The bytes with one bit changed. */
export function spoiled(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0x10;
  return copy;
}
