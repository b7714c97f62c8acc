// Memory for secrets, which can be wiped.
//
// V8 keeps small arrays (64 bytes and less) in its heap, and garbage collection moves them: wiping would then reach
// only the last of several copies. The buffers made here have separate memory that never moves.

const DIGITS = Buffer.from("0123456789abcdef");
const BASE32 = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
const BASE32_BITS = 5;

/** A buffer of zeros for a secret; wipe it after use. */
export function secretBytes(size: number): Buffer {
  return Buffer.from(new ArrayBuffer(size));
}

/** A copy to keep. */
export function copyOfSecret(secret: Uint8Array): Buffer {
  const copy = secretBytes(secret.length);
  copy.set(secret);
  return copy;
}

/** The parts one after another, like Buffer.concat, but in memory that is not shared. */
export function concatSecrets(...parts: readonly Uint8Array[]): Buffer {
  const whole = secretBytes(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** In hexadecimal, as ASCII, since a string could not be wiped. */
export function hexOf(secret: Uint8Array): Buffer {
  const hex = secretBytes(2 * secret.length);
  for (const [index, byte] of secret.entries()) {
    hex[2 * index] = DIGITS[byte >> 4] as number;
    hex[2 * index + 1] = DIGITS[byte & 15] as number;
  }
  return hex;
}

/** In base32 (RFC 4648 §6) without padding, as ASCII. */
export function base32Of(secret: Uint8Array): Buffer {
  const text = secretBytes(Math.ceil((8 * secret.length) / BASE32_BITS));
  let at = 0;
  let bits = 0;
  let value = 0;
  for (const byte of secret) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= BASE32_BITS; bits -= BASE32_BITS)
      text[at++] = BASE32[(value >> (bits - BASE32_BITS)) & 31] as number;
  }
  if (bits > 0) text[at] = BASE32[(value << (BASE32_BITS - bits)) & 31] as number;
  return text;
}
