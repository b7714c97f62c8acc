// Seals the contents of the register under the site key and the desk key, so that a stolen database reveals nothing.
//
// Neither key is used directly. Each use has its own subkey (HKDF-SHA-256, RFC 5869; salt: the register's id):
//
//   seal         AES-256-GCM, with the place of the value as associated data: a value that was moved to another card,
//                field or version does not open
//   fingerprint  HMAC-SHA-256 of a key: finds two cards with the same key without opening a key
//   tag          HMAC-SHA-256 of a name and a public value: detects a wrong key or a replaced public key
//   batch        HMAC-SHA-256 of a batch file: the PINs of a file could be found by searching a plain hash

import { createHmac, timingSafeEqual } from "node:crypto";
import { openUnder, sealUnder } from "./aead.js";
import { canonical } from "./canonical.js";
import { hkdf } from "./hkdf.js";

export const CUSTODY_KEY_BYTES = 32;
export const REGISTER_ID_BYTES = 16;

/** The three keys that people keep outside the register. */
export type CustodyKind = "site" | "desk" | "journal";

type Use = "seal" | "fingerprint" | "tag" | "batch";

/** The place in the register that a sealed value belongs to. */
export interface Place {
  readonly serial: string;
  /** 16 hexadecimal digits; null for an imported key. */
  readonly cardId: string | null;
  readonly field: string;
  readonly version: number;
}

const NO_CARD = "none";

/** The tag by which the register recognises its site, desk or journal key: 32 bytes. */
export function custodyTag(kind: CustodyKind, key: Uint8Array, register: Uint8Array): Buffer {
  const subkey = subkeyOf(key, register, "tag");
  const tag = macOf(subkey, kind);
  subkey.fill(0);
  return tag;
}

/** The site key or desk key of one register. Its copies of keys last until `wipe`. */
export class Sealer {
  readonly #register: Uint8Array;
  readonly #subkeys: Record<Use, Buffer>;

  /** `key`: 32 bytes that the caller wipes. `register`: the register's id, 16 bytes. */
  constructor(key: Uint8Array, register: Uint8Array) {
    if (key.length !== CUSTODY_KEY_BYTES) throw new RangeError(`a custody key has ${CUSTODY_KEY_BYTES} bytes`);
    if (register.length !== REGISTER_ID_BYTES) throw new RangeError(`a register's id has ${REGISTER_ID_BYTES} bytes`);
    this.#register = Buffer.from(register);
    const subkey = (use: Use) => subkeyOf(key, register, use);
    this.#subkeys = {
      seal: subkey("seal"),
      fingerprint: subkey("fingerprint"),
      tag: subkey("tag"),
      batch: subkey("batch"),
    };
  }

  seal(value: Uint8Array, place: Place): Buffer {
    return sealUnder(this.#subkeys.seal, value, this.#associated(place));
  }

  /** The value; undefined if it was changed, or sealed for another place or under another key. Wipe it after use. */
  open(sealed: Uint8Array, place: Place): Buffer | undefined {
    return openUnder(this.#subkeys.seal, sealed, this.#associated(place));
  }

  /** The fingerprint of a key in a field, always the same for the same input: 32 bytes. */
  fingerprint(field: string, key: Uint8Array): Buffer {
    const whole = canonical(field, key);
    const print = macOf(this.#subkeys.fingerprint, whole);
    whole.fill(0);
    return print;
  }

  /** Authenticates a public value of this name: 32 bytes. */
  tagOf(name: string, value: Uint8Array): Buffer {
    return macOf(this.#subkeys.tag, canonical(name, value));
  }

  vouchesFor(name: string, value: Uint8Array, tag: Uint8Array): boolean {
    const expected = this.tagOf(name, value);
    return tag.length === expected.length && timingSafeEqual(tag, expected);
  }

  /** The name of a batch file: 32 bytes. */
  batchName(contents: Uint8Array): Buffer {
    return macOf(this.#subkeys.batch, contents);
  }

  wipe(): void {
    for (const subkey of Object.values(this.#subkeys)) subkey.fill(0);
  }

  #associated({ serial, cardId, field, version }: Place): Buffer {
    return canonical(this.#register, serial, cardId ?? NO_CARD, field, String(version));
  }
}

function subkeyOf(key: Uint8Array, register: Uint8Array, use: Use): Buffer {
  return hkdf(key, register, `dsc register ${use}`);
}

function macOf(key: Uint8Array, value: string | Uint8Array): Buffer {
  return createHmac("sha256", key).update(value).digest();
}
