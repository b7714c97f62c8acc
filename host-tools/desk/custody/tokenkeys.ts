// Operations of token keys for the desk: derive a card's transport keys, wrap a register's key, authenticate its
// journal, sign for an operator.

import { randomFillSync } from "node:crypto";
import type { MasterKey } from "../../card/transportkeys.js";
import { concatSecrets } from "../../files/secretbytes.js";
import type { MacKey, SigningKey, WrappingKey } from "../register/heldkeys.js";
import { isSignedWith } from "../register/operators.js";
import { GCM_PARAMETER, Mech, type Mechanism } from "./cryptoki.js";
import { TokenError } from "./errors.js";
import type { TokenKey } from "./tokenkey.js";

const BLOCK = 16;
const MAC_BYTES = 32;
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TEXT_AT = 1 + NONCE_BYTES;
const CHECK_BYTES = 3;
const SIGNATURE_BYTES = 64;

/** A transport master key. */
export class TokenMaster implements MasterKey {
  readonly #key: TokenKey;

  constructor(key: TokenKey) {
    this.#key = key;
  }

  cmac(message: Uint8Array): Buffer {
    return this.#key.sign(Mech.AES_CMAC, message, BLOCK);
  }

  /** CBC over one block with a zero IV equals ECB, which fewer tokens offer. */
  checkValue(): Buffer {
    const mechanism = { mechanism: Mech.AES_CBC, parameter: Buffer.alloc(BLOCK) };
    return this.#key.encrypt(mechanism, Buffer.alloc(BLOCK, 0x01), BLOCK).subarray(0, CHECK_BYTES);
  }
}

/** Wraps by AES-256-GCM in the token: version 01 | nonce, 12 bytes | ciphertext | tag, 16 bytes. */
export class TokenWrapping implements WrappingKey {
  readonly name: string;
  readonly #key: TokenKey;

  constructor(key: TokenKey) {
    this.#key = key;
    this.name = key.name;
  }

  wrap(key: Uint8Array, associated: Uint8Array): Buffer {
    const nonce = randomFillSync(Buffer.alloc(NONCE_BYTES));
    const wrapped = this.#key.encrypt(gcm(nonce, associated), key, key.length + TAG_BYTES);
    return Buffer.concat([Buffer.of(VERSION), nonce, wrapped]);
  }

  unwrap(wrapped: Uint8Array, associated: Uint8Array): Buffer | undefined {
    if (wrapped.length <= TEXT_AT + TAG_BYTES || wrapped[0] !== VERSION) return undefined;
    const key = this.#key.decrypt(gcm(wrapped.subarray(1, TEXT_AT), associated), wrapped.subarray(TEXT_AT));
    // A token that was removed may report the same error as for a wrong tag. Wrapping a block tells the two apart.
    if (!key) this.wrap(Buffer.alloc(BLOCK), associated);
    return key;
  }
}

function gcm(nonce: Uint8Array, associated: Uint8Array): Mechanism {
  const parameter = { iv: Buffer.from(nonce), aad: Buffer.from(associated), ivBits: 8 * NONCE_BYTES };
  return { mechanism: Mech.AES_GCM, parameter: { type: GCM_PARAMETER, ...parameter, tagBits: 8 * TAG_BYTES } };
}

/** HMAC-SHA-256. */
export class TokenMac implements MacKey {
  readonly #key: TokenKey;

  constructor(key: TokenKey) {
    this.#key = key;
  }

  hmac(...parts: readonly Uint8Array[]): Buffer {
    return this.#key.sign(Mech.SHA256_HMAC, concatSecrets(...parts), MAC_BYTES);
  }
}

/** Ed25519. */
export class TokenSigner implements SigningKey {
  readonly publicKey: Buffer;
  readonly #key: TokenKey;

  constructor(key: TokenKey, publicKey: Buffer) {
    this.#key = key;
    this.publicKey = publicKey;
  }

  /** The token may hold the public key of another pair under that name; then no signature would verify. */
  sign(message: Uint8Array): Buffer {
    const signature = this.#key.sign(Mech.EDDSA, message, SIGNATURE_BYTES);
    if (isSignedWith(this.publicKey, message, signature)) return signature;
    throw new TokenError(
      `${this.#key.name}: the public key of that name belongs to another key; give each pair its own name`,
      "wrong-key",
    );
  }
}
