// Known answers of NIST's CAVP and of RFCs, from Debian's python3-cryptography-vectors; and AESAVS' Monte Carlo test.

import type { HashName } from "../../host-tools/card/hashes.js";
import { type CavpVector, cavpVectors, NO_CAVP } from "../support/cavp.js";
import { aesEncrypt, cbcDecrypt, cbcEncrypt, cmac, digest, HASH_NAMES, hmac } from "../support/crypto.js";
import { type Answer, hex, type LeftOut, type Source, text } from "./answer.js";

const AES_TESTS = ["GFSbox", "KeySbox", "VarKey", "VarTxt", "MMT"];
const OTHER_KEYS = ["192", "256"];
const AES_MODES = ["ECB", "CBC"] as const;

const HASH_FILES: Record<HashName, string> = {
  SHA1: "hashes/SHA1/SHA1",
  SHA256: "hashes/SHA2/SHA256",
  SHA512: "hashes/SHA2/SHA512",
};
const HMAC_FILES: Record<HashName, string> = {
  SHA1: "HMAC/rfc-2202-sha1.txt",
  SHA256: "HMAC/rfc-4231-sha256.txt",
  SHA512: "HMAC/rfc-4231-sha512.txt",
};
const CMAC_FILE = (bits: string) => `CMAC/nist-800-38b-${bits}.txt`;
const KDF_FILE = "KDF/nist-800-108-KBKDF-CTR.txt";

export const NIST_ANSWERS: Source = {
  missing: NO_CAVP,
  *answers() {
    for (const mode of AES_MODES) for (const test of AES_TESTS) yield* aesAnswers(mode, test);
    for (const hash of HASH_NAMES) {
      yield* hashAnswers(hash);
      yield* hashMonteCarlo(hash);
      yield* hmacAnswers(hash);
    }
    yield* cmacAnswers();
    yield* kdfAnswers();
  },
  leftOut,
};

/** The field of a vector. Throws if it is missing, because the file is then the wrong one. */
function field({ fields }: CavpVector, name: string): string {
  const value = fields[name];
  if (value === undefined) throw new Error(`no ${name} in a vector with ${Object.keys(fields)}`);
  return value;
}

const ZEROS = Buffer.alloc(16);

/** AESAVS §6.2 and §6.3: known answers and messages of several blocks. */
function* aesAnswers(mode: (typeof AES_MODES)[number], test: string): Generator<Answer> {
  const figure = `aes128_${mode.toLowerCase()}_cavp`;
  for (const vector of cavpVectors(`ciphers/AES/${mode}/${mode}${test}128.rsp`)) {
    const direction = vector.section[""];
    const key = hex(field(vector, "KEY"));
    const plain = field(vector, "PLAINTEXT");
    const cipher = field(vector, "CIPHERTEXT");
    const iv = mode === "CBC" ? hex(field(vector, "IV")) : undefined;
    const id = `${figure} ${test} ${direction} ${field(vector, "COUNT")}`;
    const encrypt = () =>
      text(iv ? cbcEncrypt(key, iv, hex(plain)) : blockwise(hex(plain), (at) => aesEncrypt(key, at)));
    const decrypt = () =>
      text(iv ? cbcDecrypt(key, iv, hex(cipher)) : blockwise(hex(cipher), (at) => aesDecrypt(key, at)));
    if (direction === "ENCRYPT") yield { figure, id, expected: cipher, compute: encrypt };
    else yield { figure, id, expected: plain, compute: decrypt };
  }
}

/** The inverse cipher of one block: the firmware has it inside CBC only. */
function aesDecrypt(key: Uint8Array, block: Uint8Array): Buffer {
  return cbcDecrypt(key, ZEROS, block);
}

function blockwise(data: Buffer, each: (block: Buffer) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: data.length / 16 }, (_, i) => each(data.subarray(i * 16, i * 16 + 16))));
}

/** SHAVS §6.2 and §6.3: short and long messages. `Len` is in bits; an empty message is written as 00. */
function* hashAnswers(hash: HashName): Generator<Answer> {
  const figure = `${hash.toLowerCase()}_cavp`;
  for (const length of ["Short", "Long"]) {
    for (const vector of cavpVectors(`${HASH_FILES[hash]}${length}Msg.rsp`)) {
      if (!vector.fields.MD) continue;
      const bits = Number(field(vector, "Len"));
      const message = hex(field(vector, "Msg")).subarray(0, bits / 8);
      const compute = () => text(digest(hash, message));
      yield { figure, id: `${figure} ${length} ${bits} bits`, expected: field(vector, "MD"), compute };
    }
  }
}

const SHA_ROUNDS = 1000;

/** SHAVS §6.4: each answer ends a chain of 1,000 digests, and begins the next. */
function* hashMonteCarlo(hash: HashName): Generator<Answer> {
  const figure = `${hash.toLowerCase()}_monte_carlo_cavp`;
  const [first, ...rest] = cavpVectors(`${HASH_FILES[hash]}Monte.rsp`);
  if (!first) return;
  let seed = hex(field(first, "Seed"));
  for (const vector of rest) {
    const from = seed;
    const expected = field(vector, "MD");
    const compute = () => text(hashChain(hash, from));
    yield { figure, id: `${figure} ${field(vector, "COUNT")}`, expected, compute };
    seed = hex(expected);
  }
}

/** MD(i) = hash(MD(i-3) | MD(i-2) | MD(i-1)), a thousand times, from three times the seed. */
function hashChain(hash: HashName, seed: Buffer): Buffer {
  let last: [Buffer, Buffer, Buffer] = [seed, seed, seed];
  for (let i = 0; i < SHA_ROUNDS; i++) last = [last[1], last[2], digest(hash, Buffer.concat(last))];
  return last[2];
}

/** RFC 2202 and RFC 4231. */
function* hmacAnswers(hash: HashName): Generator<Answer> {
  const figure = `hmac_${hash.toLowerCase()}_rfc`;
  for (const [at, vector] of cavpVectors(HMAC_FILES[hash]).entries()) {
    const key = hex(field(vector, "Key"));
    const message = hex(field(vector, "Msg"));
    const compute = () => text(hmac(hash, key, message));
    yield { figure, id: `${figure} ${at}`, expected: field(vector, "MD"), compute };
  }
}

/** The examples of SP 800-38B. */
function* cmacAnswers(): Generator<Answer> {
  const figure = "aes128_cmac_nist";
  for (const vector of cavpVectors(CMAC_FILE("aes128"))) {
    const [key, message] = [hex(field(vector, "KEY")), hex(field(vector, "MESSAGE"))];
    const id = `${figure} ${field(vector, "COUNT")}`;
    yield { figure, id, expected: field(vector, "OUTPUT"), compute: () => text(cmac(key, message)) };
  }
}

/** The pseudo-random functions of the KDF's vectors that the firmware has. */
const PRFS: Record<string, (key: Uint8Array, message: Uint8Array) => Buffer> = {
  CMAC_AES128: (key, message) => cmac(key, message),
  HMAC_SHA1: (key, message) => hmac("SHA1", key, message),
  HMAC_SHA256: (key, message) => hmac("SHA256", key, message),
  HMAC_SHA512: (key, message) => hmac("SHA512", key, message),
};

/**
 * SP 800-108 §4.1, counter mode: K(i) = PRF(key, input block i). The card's own `derive` fixes the input
 * block (SCP03), and no vector has that form; so the blocks are put together here, and the firmware's PRF
 * is what is under test. `derive` has the vectors of ../shared.
 */
function* kdfAnswers(): Generator<Answer> {
  for (const [at, vector] of cavpVectors(KDF_FILE).entries()) {
    const name = vector.section.PRF ?? "";
    const prf = PRFS[name];
    if (!prf || !vector.fields.KO) continue;
    const figure = `kdf_${name.toLowerCase()}_cavp`;
    yield {
      figure,
      id: `${figure} ${at}`,
      expected: field(vector, "KO"),
      compute: () => text(counterMode(vector, prf)),
    };
  }
}

function counterMode(vector: CavpVector, prf: (key: Uint8Array, message: Uint8Array) => Buffer): Buffer {
  const key = hex(field(vector, "KI"));
  const size = Number(field(vector, "L")) / 8;
  const [before, after] = around(vector);
  const counterSize = Number.parseInt(vector.section.RLEN ?? "", 10) / 8;
  let out = Buffer.alloc(0);
  for (let i = 1; out.length < size; i++) {
    const counter = Buffer.alloc(counterSize);
    counter.writeUIntBE(i, 0, counterSize);
    out = Buffer.concat([out, prf(key, Buffer.concat([before, counter, after]))]);
  }
  return out.subarray(0, size);
}

/** What stands before the counter in each input block, and after it. */
function around(vector: CavpVector): [before: Buffer, after: Buffer] {
  const none = Buffer.alloc(0);
  const location = vector.section.CTRLOCATION;
  if (location === "MIDDLE_FIXED")
    return [hex(field(vector, "DataBeforeCtrData")), hex(field(vector, "DataAfterCtrData"))];
  const fixed = hex(field(vector, "FixedInputData"));
  return location === "BEFORE_FIXED" ? [none, fixed] : [fixed, none];
}

/** Whether an input block has SCP03's form (GPC_SPE_014 §4.1.5): eleven zeros, a constant, 00, L, a counter of a byte. */
function isScp03(vector: CavpVector): boolean {
  if (vector.section.CTRLOCATION !== "MIDDLE_FIXED" || vector.section.RLEN !== "8_BITS") return false;
  return /^(00){11}..00....$/.test(field(vector, "DataBeforeCtrData"));
}

function leftOut(): LeftOut[] {
  const aes = AES_MODES.map((mode) => ({
    name: `aes_${mode.toLowerCase()}_cavp`,
    count: countOf(
      OTHER_KEYS.flatMap((bits) => AES_TESTS.map((test) => `ciphers/AES/${mode}/${mode}${test}${bits}.rsp`)),
    ),
    why: "keys of 192 and 256 bits",
  }));
  const kdf = cavpVectors(KDF_FILE).filter(({ fields }) => fields.KO);
  const others = new Map<string, number>();
  for (const { section } of kdf) {
    const prf = section.PRF ?? "";
    if (!PRFS[prf]) others.set(prf, (others.get(prf) ?? 0) + 1);
  }
  const ofCmac = kdf.filter((vector) => vector.section.PRF === "CMAC_AES128");
  return [
    ...aes,
    {
      name: "cmac_nist",
      count: countOf(["aes192", "aes256", "3des"].map(CMAC_FILE)),
      why: "keys of 192 and 256 bits, and Triple DES",
    },
    ...[...others].map(([prf, count]) => ({
      name: `kdf_${prf.toLowerCase()}_cavp`,
      count,
      why: "a PRF that the card has not",
    })),
    {
      name: "kdf_cmac_aes128_cavp_derive",
      count: ofCmac.filter((vector) => !isScp03(vector)).length,
      why: "run through the card's CMAC only: its KDF fixes the input block (SCP03)",
    },
    {
      name: "aes_siv_openssl",
      count: countOf(["ciphers/AES/SIV/openssl.txt"]),
      why: "associated data, and larger keys",
    },
  ];
}

function countOf(files: string[]): number {
  return files.flatMap(cavpVectors).filter(({ fields }) => fields.COUNT !== undefined).length;
}

// AESAVS' Monte Carlo test (§6.4), which Debian's package leaves out: the first input and the last output of each of NIST's
// files (CAVS 11.1). Between them are a hundred times a thousand blocks.

const AES_ROUNDS = 1000;
const AES_COUNTS = 100;

interface MonteCarlo {
  readonly file: string;
  readonly key: string;
  readonly iv: string;
  readonly input: string;
  readonly output: string;
  step(key: Buffer, chain: Buffer, input: Buffer): { output: Buffer; chain: Buffer };
  /** The next input, from the vector that began this round and the outputs before. */
  readonly chained: boolean;
}

const MONTE_CARLO: readonly MonteCarlo[] = [
  {
    file: "ECBMCT128 ENCRYPT",
    key: "139a35422f1d61de3c91787fe0507afd",
    iv: "",
    input: "b9145a768b7dc489a096b546f43b231f",
    output: "fb2649694783b551eacd9d5db6126d47",
    step: (key, chain, input) => ({ output: aesEncrypt(key, input), chain }),
    chained: false,
  },
  {
    file: "ECBMCT128 DECRYPT",
    key: "0c60e7bf20ada9baa9e1ddf0d1540726",
    iv: "",
    input: "b08a29b11a500ea3aca42c36675b9785",
    output: "d1d2bfdc58ffcad2341b095bce55221e",
    step: (key, chain, input) => ({ output: aesDecrypt(key, input), chain }),
    chained: false,
  },
  {
    file: "CBCMCT128 ENCRYPT",
    key: "8809e7dd3a959ee5d8dbb13f501f2274",
    iv: "e5c0bb535d7d54572ad06d170a0e58ae",
    input: "1fd4ee65603e6130cfc2a82ab3d56c24",
    output: "7bed7671c8913aa1330f193761523e67",
    step: (key, chain, input) => {
      const output = cbcEncrypt(key, chain, input);
      return { output, chain: output };
    },
    chained: true,
  },
  {
    file: "CBCMCT128 DECRYPT",
    key: "287b07c78f8e3e1be7c41b3d96c04e6e",
    iv: "41b461f9464fd515d25413b4241002b8",
    input: "7c54923b0490a9d4de4ec1ce6790aa4d",
    output: "4769317b0562c45949c18b3855f8bf4a",
    step: (key, chain, input) => ({ output: cbcDecrypt(key, chain, input), chain: input }),
    chained: true,
  },
];

export const MONTE_CARLO_ANSWERS: Source = {
  missing: undefined,
  *answers() {
    const figure = "aes128_monte_carlo_nist";
    for (const test of MONTE_CARLO)
      yield { figure, id: `${figure} ${test.file}`, expected: test.output, compute: () => text(aesChain(test)) };
  },
  leftOut: () => [],
};

/** ECB: each output is the next input. CBC: the output before it is, and at first the IV. */
function aesChain({ step, chained, ...start }: MonteCarlo): Buffer {
  let [key, iv, input, output] = [start.key, start.iv, start.input, ""].map(hex) as [Buffer, Buffer, Buffer, Buffer];
  for (let count = 0; count < AES_COUNTS; count++) {
    let chain = iv;
    let before = iv;
    for (let round = 0; round < AES_ROUNDS; round++) {
      if (round > 0) before = output;
      ({ output, chain } = step(key, chain, input));
      input = chained ? before : output;
    }
    key = Buffer.from(key.map((byte, at) => byte ^ (output[at] as number)));
    iv = output;
  }
  return output;
}
