// The host's side of SCP03 (GPC_SPE_014) a second time, with @noble/ciphers: an oracle for both the host tools and the
// card.

import { cbc, cmac, ecb } from "@noble/ciphers/aes.js";

/** Derivation constants (table 4-1). */
export const CONSTANT = { CARD: 0x00, HOST: 0x01, ENC: 0x04, MAC: 0x06, RMAC: 0x07 } as const;

/** Derived bytes (§4.1.5): CMAC in counter mode, `size` bytes of it. */
export function derived(key: Uint8Array, constant: number, context: Uint8Array, size: number): Buffer {
  const bits = size * 8;
  const block = (i: number) =>
    cmac(Buffer.from([...Array(11).fill(0), constant, 0, bits >> 8, bits & 255, i, ...context]), key);
  const blocks = Array.from({ length: Math.ceil(size / 16) }, (_, i) => block(i + 1));
  return Buffer.concat(blocks).subarray(0, size);
}

/** A session with the keys `enc` and `mac`, as the host sends it. */
export class OracleHost {
  readonly enc: Buffer;
  readonly mac: Buffer;
  readonly rmac: Buffer;
  readonly cardCryptogram: Buffer;
  readonly #level: number;
  readonly #context: Buffer;
  #chaining = new Uint8Array(16);
  #counter = 0;

  constructor(
    keys: { readonly enc: Uint8Array; readonly mac: Uint8Array },
    level: number,
    hostChallenge: Uint8Array,
    cardChallenge: Uint8Array,
  ) {
    this.#level = level;
    this.#context = Buffer.concat([hostChallenge, cardChallenge]);
    this.enc = derived(keys.enc, CONSTANT.ENC, this.#context, 16);
    this.mac = derived(keys.mac, CONSTANT.MAC, this.#context, 16);
    this.rmac = derived(keys.mac, CONSTANT.RMAC, this.#context, 16);
    this.cardCryptogram = derived(this.mac, CONSTANT.CARD, this.#context, 8);
  }

  /** The MAC chaining value: the last C-MAC, all of it. */
  get chaining(): Uint8Array {
    return this.#chaining;
  }

  /** The bytes of EXTERNAL AUTHENTICATE. The bits in `wrong` are inverted in the cryptogram's last byte; the MAC is correct. */
  externalAuthenticate(wrong = 0): Buffer {
    const cryptogram = derived(this.mac, CONSTANT.HOST, this.#context, 8);
    cryptogram[7] = (cryptogram[7] as number) ^ wrong;
    return this.#signed([0x84, 0x82, this.#level, 0], cryptogram);
  }

  /** The bytes of a command of this session. A command without data is not encrypted, or gets a block of padding. */
  wrap(ins: number, p1: number, p2: number, data: Uint8Array, nothing: "bare" | "padded" = "bare"): Buffer {
    const encrypts = this.#level & 2 && (data.length > 0 || nothing === "padded");
    return encrypts ? this.wrapPadded(ins, p1, p2, padded(data)) : this.wrapSigned(ins, p1, p2, data);
  }

  /** The same with data that the caller has padded, correctly or not: whole blocks. */
  wrapPadded(ins: number, p1: number, p2: number, data: Uint8Array): Buffer {
    return this.wrapSigned(ins, p1, p2, this.#encrypted(data, this.#counter + 1));
  }

  /** The same with data that the caller has encrypted, correctly or not. */
  wrapSigned(ins: number, p1: number, p2: number, data: Uint8Array): Buffer {
    this.#counter++;
    return this.#signed([0x84, ins, p1, p2], data);
  }

  /** The padded data in CBC mode, from the encrypted counter on (§6.2.6). */
  #encrypted(padded: Uint8Array, count: number): Uint8Array {
    const counter = Buffer.alloc(16);
    counter.writeUInt32BE(count, 12);
    const iv = ecb(this.enc, { disablePadding: true }).encrypt(counter);
    return cbc(this.enc, iv, { disablePadding: true }).encrypt(padded);
  }

  /** With its MAC, which continues from the last one (§6.2.4). */
  #signed(header: readonly number[], data: Uint8Array): Buffer {
    const body = Buffer.from([...header, data.length + 8, ...data]);
    this.#chaining = Uint8Array.from(cmac(Buffer.concat([this.#chaining, body]), this.mac));
    return Buffer.concat([body, this.#chaining.subarray(0, 8)]);
  }
}

/** Padding method 2 of ISO 9797-1: 80, then zeros to a whole block. */
function padded(data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc((data.length & ~15) + 16);
  bytes.set(data);
  bytes[data.length] = 0x80;
  return bytes;
}
