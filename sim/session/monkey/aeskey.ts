// AES-128 for the host's half of random runs: a key that is expanded once, with CBC, CMAC (NIST SP 800-38B) and the key
// derivation of SCP03.
//
// Each channel has new keys and uses them for a few blocks. node:crypto takes ten times as long for that, since it sets
// up a cipher for each message. Nothing is wiped here: the keys are public, or follow from the seed of a run.

const BLOCK = 16;
const WORDS = 4;
const ROUNDS = 10;
/** The values of a byte but zero: the powers of 3 in the field of AES. */
const POWERS = 255;
/** x^128 = x^7 + x^2 + x + 1, for CMAC. */
const CARRY = 0x87;
const ZEROS = new Uint8Array(BLOCK);

/** The S-box (FIPS 197 §5.1.1). */
const SBOX = makeSbox();
/** What SubBytes and MixColumns (§5.1.3) make of a byte, for each of the four rows that it may be in. */
const [ROW0, ROW1, ROW2, ROW3] = [0, 8, 16, 24].map(makeRow) as [Int32Array, Int32Array, Int32Array, Int32Array];

export class AesKey {
  readonly #schedule: Int32Array;
  /** K1 and K2 of CMAC. */
  #subkeys: readonly [Uint8Array, Uint8Array] | undefined;

  /** A key of 16 bytes. */
  constructor(readonly bytes: Uint8Array) {
    this.#schedule = expand(bytes);
  }

  /** Encrypts one block. */
  encryptBlock(block: Uint8Array): Uint8Array {
    return this.encryptCbc(ZEROS, block);
  }

  /** Encrypts whole blocks, chained from `iv`. */
  encryptCbc(iv: Uint8Array, blocks: Uint8Array): Uint8Array {
    const out = new Uint8Array(blocks);
    xorBlock(out, 0, iv, 0);
    for (let at = 0; at < out.length; at += BLOCK) {
      if (at > 0) xorBlock(out, at, out, at - BLOCK);
      encryptAt(this.#schedule, out, at);
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
    xorBlock(blocks, last, this.#subkeys[isWhole ? 0 : 1], 0);
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
    const first = doubled(this.encryptBlock(ZEROS));
    return [first, doubled(first)];
  }
}

function doubled(block: Uint8Array): Uint8Array {
  const carry = (block[0] as number) & 0x80 ? CARRY : 0;
  const double = block.map((byte, at) => (byte << 1) | ((block[at + 1] ?? 0) >> 7));
  double[BLOCK - 1] = (double[BLOCK - 1] as number) ^ carry;
  return double;
}

function xorBlock(into: Uint8Array, at: number, other: Uint8Array, from: number): void {
  for (let i = 0; i < BLOCK; i++) into[at + i] = (into[at + i] as number) ^ (other[from + i] as number);
}

// ---- the cipher: four columns, each a word of four bytes with the first row on top ----

/** Encrypts the block at `at` in place (§5.1). */
function encryptAt(schedule: Int32Array, bytes: Uint8Array, at: number): void {
  let a = wordAt(bytes, at) ^ (schedule[0] as number);
  let b = wordAt(bytes, at + 4) ^ (schedule[1] as number);
  let c = wordAt(bytes, at + 8) ^ (schedule[2] as number);
  let d = wordAt(bytes, at + 12) ^ (schedule[3] as number);
  for (let key = WORDS; key < ROUNDS * WORDS; key += WORDS) {
    const nextA = mixed(a, b, c, d) ^ (schedule[key] as number);
    const nextB = mixed(b, c, d, a) ^ (schedule[key + 1] as number);
    const nextC = mixed(c, d, a, b) ^ (schedule[key + 2] as number);
    d = mixed(d, a, b, c) ^ (schedule[key + 3] as number);
    a = nextA;
    b = nextB;
    c = nextC;
  }
  putWord(bytes, at, substituted(a, b, c, d) ^ (schedule[40] as number));
  putWord(bytes, at + 4, substituted(b, c, d, a) ^ (schedule[41] as number));
  putWord(bytes, at + 8, substituted(c, d, a, b) ^ (schedule[42] as number));
  putWord(bytes, at + 12, substituted(d, a, b, c) ^ (schedule[43] as number));
}

/** A column after SubBytes, ShiftRows and MixColumns. */
function mixed(a: number, b: number, c: number, d: number): number {
  const upper = (ROW0[a >>> 24] as number) ^ (ROW1[(b >>> 16) & 0xff] as number);
  return upper ^ (ROW2[(c >>> 8) & 0xff] as number) ^ (ROW3[d & 0xff] as number);
}

/** A column after SubBytes and ShiftRows. */
function substituted(a: number, b: number, c: number, d: number): number {
  const upper = ((SBOX[a >>> 24] as number) << 24) | ((SBOX[(b >>> 16) & 0xff] as number) << 16);
  return upper | ((SBOX[(c >>> 8) & 0xff] as number) << 8) | (SBOX[d & 0xff] as number);
}

/** The round keys (§5.2). */
function expand(key: Uint8Array): Int32Array {
  const schedule = new Int32Array((ROUNDS + 1) * WORDS);
  for (let i = 0; i < WORDS; i++) schedule[i] = wordAt(key, 4 * i);
  let constant = 1;
  for (let i = WORDS; i < schedule.length; i++) {
    let word = schedule[i - 1] as number;
    if (i % WORDS === 0) {
      const rotated = (word << 8) | (word >>> 24);
      word = substituted(rotated, rotated, rotated, rotated) ^ (constant << 24);
      constant = timesTwo(constant);
    }
    schedule[i] = (schedule[i - WORDS] as number) ^ word;
  }
  return schedule;
}

function wordAt(bytes: Uint8Array, at: number): number {
  const upper = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  return upper | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
}

function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

// ---- the tables ----

function makeSbox(): Uint8Array {
  const powers = [1];
  for (let i = 1, last = 1; i < POWERS; i++) {
    last ^= timesTwo(last);
    powers.push(last);
  }
  const box = new Uint8Array(256);
  box[0] = affine(0);
  powers.forEach((power, i) => {
    box[power] = affine(powers[(POWERS - i) % POWERS] as number);
  });
  return box;
}

/** The affine transformation of §5.1.1. */
function affine(byte: number): number {
  const twice = byte | (byte << 8);
  return (twice ^ (twice >> 4) ^ (twice >> 5) ^ (twice >> 6) ^ (twice >> 7) ^ 0x63) & 0xff;
}

function makeRow(bits: number): Int32Array {
  return Int32Array.from(SBOX, (value) => {
    const two = timesTwo(value);
    const column = (two << 24) | (value << 16) | (value << 8) | (two ^ value);
    return (column >>> bits) | (column << (32 - bits));
  });
}

function timesTwo(value: number): number {
  return ((value << 1) ^ (value & 0x80 ? 0x11b : 0)) & 0xff;
}
