// The transport keys: replaced all three at once, each proved by its check value (GPC_SPE_034 §11.8).

import * as aes from "./crypto/aes";
import * as cbc from "./crypto/cbc";
import { commit, DEK, head, KEY_SIZE, KEYS } from "./store";
import * as tally from "./tally";
import { Outcome } from "./wire";

//  0  new version
//  1  three times: 88 11 10 | key under the DEK (16) | 03 | check value (3)
const KEY_BLOCK: u32 = 23;
const KEY_AT: u32 = 3;
const KCV_LENGTH_AT: u32 = 19;
const KCV_AT: u32 = 20;
const KCV_SIZE: u32 = 3;
/** Bytes that PUT KEY brings, and answers. */
export const BLOCK_SIZE: u32 = 70;
export const ANSWER_SIZE: u32 = 10;
const HIGHEST_VERSION: u32 = 0x7f;

const KCV: usize = memory.data(16);

/**
 * Takes the keys at `block`, whose secrets it decrypts there, and puts version and check values at
 * `answer`. Returns DONE, REFUSED, BATTERY or FLASH.
 */
export function replace(block: usize, answer: usize): Outcome {
  const version = load<u8>(block);
  if (version === 0 || version > HIGHEST_VERSION) return Outcome.REFUSED;
  for (let i: u32 = 0; i < 3; i++) {
    if (!reveal(block + 1 + i * KEY_BLOCK)) return Outcome.REFUSED;
  }
  for (let i: u32 = 0; i < 3; i++) memory.copy(KEYS + i * KEY_SIZE, block + 1 + i * KEY_BLOCK + KEY_AT, KEY_SIZE);
  head.keyVersion = version;
  tally.carry();
  const outcome = commit();
  store<u8>(answer, version);
  for (let i: u32 = 0; i < 3; i++) {
    checkValue(KEYS + i * KEY_SIZE);
    memory.copy(answer + 1 + i * KCV_SIZE, KCV, KCV_SIZE);
  }
  return outcome;
}

/** Decrypts one key in place and checks its form and check value. */
function reveal(block: usize): bool {
  if (load<u16>(block) !== 0x1188 || load<u8>(block, 2) !== KEY_SIZE || load<u8>(block, KCV_LENGTH_AT) !== KCV_SIZE) {
    return false;
  }
  cbc.decrypt(DEK, 0, block + KEY_AT, KEY_SIZE);
  checkValue(block + KEY_AT);
  return memory.compare(KCV, block + KCV_AT, KCV_SIZE) === 0;
}

/** KCV (GPC_SPE_034 §B.6): AES under the key over sixteen 01. */
function checkValue(key: usize): void {
  memory.fill(KCV, 1, 16);
  aes.setKey(key);
  aes.encrypt(KCV);
  aes.wipe();
}
