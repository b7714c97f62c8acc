// X25519 (RFC 7748) and Ed25519 (RFC 8032) keys as 32 bytes, converted for node:crypto, which wants them in DER (RFC
// 8410). They are drawn elsewhere: any 32 bytes are a private key.

import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { concatSecrets } from "../../files/secretbytes.js";

export type Curve = "X25519" | "Ed25519";

export const CURVE_KEY_BYTES = 32;

/** The last byte of the algorithm's object identifier, 1.3.101.n. */
const IDENTIFIERS: Record<Curve, number> = { X25519: 110, Ed25519: 112 };

/** Throws a RangeError if these are not 32 bytes. */
export function privateKeyOf(curve: Curve, bytes: Uint8Array): KeyObject {
  checkSize(bytes);
  const der = concatSecrets(pkcs8Head(curve), bytes);
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } finally {
    der.fill(0);
  }
}

/** Throws a RangeError if these are not 32 bytes. */
export function publicKeyOf(curve: Curve, bytes: Uint8Array): KeyObject {
  checkSize(bytes);
  return createPublicKey({ key: Buffer.concat([spkiHead(curve), bytes]), format: "der", type: "spki" });
}

/** The 32 bytes of the public key; takes a private or a public key. */
export function publicBytesOf(key: KeyObject): Buffer {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return publicKey.export({ format: "der", type: "spki" }).subarray(-CURVE_KEY_BYTES);
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.length !== CURVE_KEY_BYTES) throw new RangeError(`a key of this curve has ${CURVE_KEY_BYTES} bytes`);
}

/** SEQUENCE { INTEGER 0, SEQUENCE { OID }, OCTET STRING { OCTET STRING of 32 bytes } } up to the 32 bytes. */
function pkcs8Head(curve: Curve): Buffer {
  return Buffer.from([0x30, 46, 0x02, 1, 0, 0x30, 5, 0x06, 3, 0x2b, 0x65, IDENTIFIERS[curve], 0x04, 34, 0x04, 32]);
}

/** SEQUENCE { SEQUENCE { OID }, BIT STRING of 32 bytes } up to the 32 bytes. */
function spkiHead(curve: Curve): Buffer {
  return Buffer.from([0x30, 42, 0x30, 5, 0x06, 3, 0x2b, 0x65, IDENTIFIERS[curve], 0x03, 33, 0]);
}
