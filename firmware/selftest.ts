// The power-on self-test: known answers of the crypto, and a check of the random source.

import * as aes from "./crypto/aes";
import * as cbc from "./crypto/cbc";
import * as cmac from "./crypto/cmac";
import * as hash from "./crypto/hash";
import { Hash } from "./crypto/hash";
import * as hmac from "./crypto/hmac";
import * as kdf from "./crypto/kdf";
import * as host from "./host";

/** Key and message of the known answers: the ASCII text "DSC+ self-test 1". */
const TEXT: usize = memory.data<u8>([
  0x44, 0x53, 0x43, 0x2b, 0x20, 0x73, 0x65, 0x6c, 0x66, 0x2d, 0x74, 0x65, 0x73, 0x74, 0x20, 0x31,
]);
const TEXT_SIZE: u32 = 16;

// The answers are in code: in memory, a fault that cleared both an answer and the result would make them equal.
/** KDF(TEXT, 0, CMAC(TEXT, HMAC-SHA-1 | HMAC-SHA-256 | HMAC-SHA-512)), each HMAC of TEXT under TEXT. */
const ANSWER_HIGH: u64 = 0x90cf71f5cf04788a;
const ANSWER_LOW: u64 = 0x2e48c4bc4f2d9369;
/** AES under TEXT of TEXT. */
const AES_ANSWER_HIGH: u64 = 0xa00ebeacc166ad28;
const AES_ANSWER_LOW: u64 = 0xa4ea173b05e98a09;

const DIGEST: usize = memory.data(64);

/** Whether every algorithm gives its known answer. They are chained: a wrong bit in one changes the result. */
export function cryptoWorks(): bool {
  cmac.begin(TEXT);
  for (let algorithm: u32 = Hash.SHA1; algorithm <= <u32>Hash.SHA512; algorithm++) {
    hmac.begin(algorithm, TEXT, TEXT_SIZE);
    hmac.update(TEXT, TEXT_SIZE);
    hmac.end(DIGEST);
    cmac.update(DIGEST, hash.digestSize(algorithm));
  }
  cmac.end(DIGEST);
  // Encrypt and decrypt, to test the inverse cipher, which only the secure channel uses.
  cbc.encrypt(TEXT, 0, DIGEST, 16);
  cbc.decrypt(TEXT, 0, DIGEST, 16);
  kdf.derive(TEXT, 0, DIGEST, 16, DIGEST, 128);
  return isDigest(ANSWER_HIGH, ANSWER_LOW);
}

function isDigest(high: u64, low: u64): bool {
  return load<u64>(DIGEST, 0) === bswap<u64>(high) && load<u64>(DIGEST, 8) === bswap<u64>(low);
}

/**
 * Whether AES gives its known answer. It is fast enough to run for each answer of a channel. The text is stored word by
 * word: after a fault in its length, a copy could move session keys to where the MAC of the answer waits.
 */
export function aesWorks(): bool {
  store<u64>(DIGEST, load<u64>(TEXT, 0), 0);
  store<u64>(DIGEST, load<u64>(TEXT, 8), 8);
  aes.setKey(TEXT);
  aes.encrypt(DIGEST);
  aes.wipe();
  return isDigest(AES_ANSWER_HIGH, AES_ANSWER_LOW);
}

/** Whether the random source works and gives three different values. */
export function randomWorks(): bool {
  if (!host.random(DIGEST, 16)) return false;
  const first = load<u64>(DIGEST, 0);
  const second = load<u64>(DIGEST, 8);
  if (!host.random(DIGEST, 8)) return false;
  const third = load<u64>(DIGEST, 0);
  memory.fill(DIGEST, 0, 16);
  return first !== second && second !== third && first !== third;
}
