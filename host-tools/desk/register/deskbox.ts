// Seals a value to the desk's public key, such as the PIN of an order: anybody can seal it, and only the desk can open
// it.
//
//   ephemeral X25519 key, 32 bytes | what aead.ts seals
//
// The key of AES-256-GCM is HKDF-SHA-256 over the shared secret (RFC 7748 §6.1), with both public keys as salt, so that
// the box opens for this desk only. Each box has its own ephemeral key, and so its own AES key.

import { diffieHellman, type KeyObject, randomFillSync } from "node:crypto";
import { concatSecrets, secretBytes } from "../../files/secretbytes.js";
import { openUnder, sealUnder } from "./aead.js";
import { CURVE_KEY_BYTES, privateKeyOf, publicBytesOf, publicKeyOf } from "./curve25519.js";
import { hkdf } from "./hkdf.js";

const INFO = "dsc desk box";

/** The desk's key pair, 32 bytes each. Wipe the private key after use. */
export interface DeskPair {
  readonly publicKey: Buffer;
  readonly privateKey: Buffer;
}

export function drawDeskPair(): DeskPair {
  const privateKey = randomFillSync(secretBytes(CURVE_KEY_BYTES));
  return { privateKey, publicKey: publicBytesOf(privateKeyOf("X25519", privateKey)) };
}

/**
 * Seals `value` to the desk with the associated data `associated`, which is not part of the result and must be the same
 * at opening.
 */
export function sealToDesk(deskPublic: Uint8Array, value: Uint8Array, associated: Uint8Array): Buffer {
  const pair = drawDeskPair();
  try {
    const key = keyBetween(pair.privateKey, deskPublic, pair.publicKey, deskPublic);
    if (!key) throw new RangeError("this is no public key of a desk");
    const sealed = sealUnder(key, value, associated);
    key.fill(0);
    return Buffer.concat([pair.publicKey, sealed]);
  } finally {
    pair.privateKey.fill(0);
  }
}

/** The sealed value; undefined if it was changed, is for another desk, or `associated` differs. Wipe it after use. */
export function openAtDesk(deskPrivate: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Buffer | undefined {
  if (sealed.length < CURVE_KEY_BYTES) return undefined;
  const ephemeral = sealed.subarray(0, CURVE_KEY_BYTES);
  const deskPublic = publicBytesOf(privateKeyOf("X25519", deskPrivate));
  const key = keyBetween(deskPrivate, ephemeral, ephemeral, deskPublic);
  if (!key) return undefined;
  try {
    return openUnder(key, sealed.subarray(CURVE_KEY_BYTES), associated);
  } finally {
    key.fill(0);
  }
}

/** Undefined if the other key is a point of small order, for which everybody knows the shared secret. */
function keyBetween(
  ownPrivate: Uint8Array,
  otherPublic: Uint8Array,
  ephemeral: Uint8Array,
  deskPublic: Uint8Array,
): Buffer | undefined {
  const shared = sharedSecret(privateKeyOf("X25519", ownPrivate), publicKeyOf("X25519", otherPublic));
  if (!shared) return undefined;
  const key = hkdf(shared, concatSecrets(ephemeral, deskPublic), INFO);
  shared.fill(0);
  return key;
}

function sharedSecret(privateKey: KeyObject, publicKey: KeyObject): Buffer | undefined {
  try {
    return diffieHellman({ privateKey, publicKey });
  } catch {
    return undefined;
  }
}
