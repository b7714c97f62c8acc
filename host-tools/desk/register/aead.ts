// AES-256-GCM (NIST SP 800-38D) with a random nonce: the form of every sealed value.
//
//   version 01 | nonce, 12 bytes | ciphertext | tag, 16 bytes
//
// One key may seal 2^32 values before two nonces are likely to collide; a register has far fewer.

import { createCipheriv, createDecipheriv, randomFillSync } from "node:crypto";
import { secretBytes } from "../../files/secretbytes.js";

export const AEAD_KEY_BYTES = 32;

const CIPHER = "aes-256-gcm";
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NONCE_AT = 1;
const TEXT_AT = NONCE_AT + NONCE_BYTES;
const LEAST = TEXT_AT + TAG_BYTES;

/**
 * Seals `value` with the associated data `associated`, which is not part of the result and must be the same at opening.
 */
export function sealUnder(key: Uint8Array, value: Uint8Array, associated: Uint8Array): Buffer {
  const nonce = randomFillSync(Buffer.alloc(NONCE_BYTES));
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(associated);
  const text = Buffer.concat([cipher.update(value), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, text, cipher.getAuthTag()]);
}

/** The sealed value; undefined if it was changed, or if key or associated data differ. Wipe it after use. */
export function openUnder(key: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Buffer | undefined {
  if (sealed.length < LEAST || sealed[0] !== VERSION) return undefined;
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(NONCE_AT, TEXT_AT), { authTagLength: TAG_BYTES });
  decipher.setAAD(associated).setAuthTag(sealed.subarray(tagAt));
  const text = secretBytes(tagAt - TEXT_AT);
  // Byte by byte: Node moves a longer result to a smaller buffer and frees the first one without wiping it.
  for (let at = 0; at < text.length; at++) {
    const byte = decipher.update(sealed.subarray(TEXT_AT + at, TEXT_AT + at + 1));
    text.set(byte, at);
    byte.fill(0);
  }
  try {
    decipher.final();
    return text;
  } catch {
    text.fill(0);
    return undefined;
  }
}
