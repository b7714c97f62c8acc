// AES-128 for the host's half of random runs: a key that is expanded once, with CBC, CMAC (NIST SP 800-38B) and the key
// derivation of SCP03.
//
// Each channel has new keys and uses them for a few blocks. node:crypto takes ten times as long for that, since it sets
// up a cipher for each message. Nothing is wiped here: the keys are public, or follow from the seed of a run.

import { unsafe } from "@noble/ciphers/aes.js";

const BLOCK = 16;
const ZEROS = new Uint8Array(BLOCK);

export class AesKey {
  readonly #schedule: Uint32Array;
  /** K1 and K2 of CMAC. */
  #subkeys: readonly [Uint8Array, Uint8Array] | undefined;

  /** A key of 16 bytes. */
  constructor(readonly bytes: Uint8Array) {
    this.#schedule = unsafe.expandKeyLE(bytes);
  }

  /** Encrypts one block. */
  encryptBlock(block: Uint8Array): Uint8Array {
    return this.encryptCbc(ZEROS, block);
  }

  /** Encrypts whole blocks, chained from `iv`. */
  encryptCbc(iv: Uint8Array, blocks: Uint8Array): Uint8Array {
    const out = new Uint8Array(blocks);
    let chained = iv;
    for (let at = 0; at < out.length; at += BLOCK) {
      const block = out.subarray(at, at + BLOCK);
      for (let i = 0; i < BLOCK; i++) block[i] = (block[i] as number) ^ (chained[i] as number);
      chained = unsafe.encryptBlock(this.#schedule, block);
    }
    return out;
  }

  /** CMAC of a message, 16 bytes. */
  mac(message: Uint8Array): Uint8Array {
    this.#subkeys ??= this.#makeSubkeys();
    const last = Math.max(0, Math.ceil(message.length / BLOCK) - 1) * BLOCK;
    const blocks = new Uint8Array(last + BLOCK);
    blocks.set(message);
    const isWhole = message.length === blocks.length;
    if (!isWhole) blocks[message.length] = 0x80;
    const subkey = this.#subkeys[isWhole ? 0 : 1];
    for (let i = 0; i < BLOCK; i++) blocks[last + i] = (blocks[last + i] as number) ^ (subkey[i] as number);
    return this.encryptCbc(ZEROS, blocks).slice(last);
  }

  /** The first `size` bytes, at most a block, of the key derivation (GPC_SPE_014 §4.1.5). */
  derive(constant: number, context: Uint8Array, size: number): Uint8Array {
    const message = new Uint8Array(BLOCK + context.length);
    // Label (eleven zeros and the constant), separator, length in bits, counter, context.
    message.set([constant, 0, (8 * size) >> 8, (8 * size) & 0xff, 1], BLOCK - 5);
    message.set(context, BLOCK);
    return this.mac(message).subarray(0, size);
  }

  #makeSubkeys(): [Uint8Array, Uint8Array] {
    const first = unsafe.dbl(this.encryptBlock(ZEROS));
    return [first, unsafe.dbl(Uint8Array.from(first))];
  }
}
