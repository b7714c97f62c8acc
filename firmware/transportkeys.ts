// PUT KEY replaces all three transport keys at once, each verified by its check value (GPC_SPE_034 §11.8).
// host-tools/card/transportkeys.ts derives them from the desk's master key.

import * as aes from "./crypto/aes";
import * as cbc from "./crypto/cbc";
import { Outcome } from "./outcome";
import { admitKeys, commit, DEK, head, KEY_SIZE, KEYS } from "./pages";
import * as tally from "./tally";
import { KeyVersion, PutKey } from "./wire";

const LONG_BLOCK: u32 = PutKey.LONG_BLOCK;
const SHORT_BLOCK: u32 = PutKey.SHORT_BLOCK;
/** Offsets from the start of a key. */
const KCV_LENGTH_AT: u32 = PutKey.KEY;
const KCV_AT: u32 = PutKey.KEY + 1;
const KCV_SIZE: u32 = PutKey.CHECK;
/** Bytes of a key, the length of its check value, and the check value. */
const KEY_FIELD: u32 = PutKey.KEY + 1 + PutKey.CHECK;
/** Bytes of the answer to PUT KEY. */
export const ANSWER_SIZE: u32 = PutKey.ANSWER;
const HIGHEST_VERSION: u32 = KeyVersion.HIGHEST;

const KCV: usize = memory.data(16);

/** Whether the data of PUT KEY can have `length` bytes. */
export function isLength(length: u32): bool {
  return length === 1 + 3 * LONG_BLOCK || length === 1 + 3 * SHORT_BLOCK;
}

/**
 * Decrypts the keys in the `length` bytes at `data` in place, makes them the card's, and writes version and check
 * values to `answer`. Returns DONE, REFUSED, BATTERY or FLASH.
 */
export function replace(data: usize, length: u32, answer: usize): Outcome {
  const version = load<u8>(data);
  if (version === 0 || version > HIGHEST_VERSION) return Outcome.REFUSED;
  const size = length === 1 + 3 * LONG_BLOCK ? LONG_BLOCK : SHORT_BLOCK;
  const keys = data + 1 + size - KEY_FIELD;
  for (let i: u32 = 0; i < 3; i++) {
    if (!isAnnounced(data + 1 + i * size, size) || !reveal(keys + i * size)) return Outcome.REFUSED;
  }
  for (let i: u32 = 0; i < 3; i++) memory.copy(KEYS + i * KEY_SIZE, keys + i * size, KEY_SIZE);
  admitKeys();
  head.keyVersion = version;
  tally.carry();
  const outcome = commit();
  store<u8>(answer, version);
  for (let i: u32 = 0; i < 3; i++) {
    checkValue(KEYS + i * KEY_SIZE);
    memory.copy(answer + 1 + i * KCV_SIZE, KCV, KCV_SIZE);
  }
  memory.fill(KCV, 0, 16);
  return outcome;
}

/** Whether a block of `size` bytes begins like a block with an AES key. */
function isAnnounced(block: usize, size: u32): bool {
  if (size === SHORT_BLOCK) return load<u16>(block) === ((PutKey.KEY << 8) | PutKey.TYPE_AES);
  return load<u16>(block) === (((PutKey.KEY + 1) << 8) | PutKey.TYPE_AES) && load<u8>(block, 2) === KEY_SIZE;
}

/** Decrypts one key in place and checks its check value. */
function reveal(key: usize): bool {
  if (load<u8>(key, KCV_LENGTH_AT) !== KCV_SIZE) return false;
  cbc.decrypt(DEK, 0, key, KEY_SIZE);
  checkValue(key);
  const isRight = memory.compare(KCV, key + KCV_AT, KCV_SIZE) === 0;
  memory.fill(KCV, 0, 16);
  return isRight;
}

/** KCV (GPC_SPE_034 §B.6): AES under the key over sixteen 01. */
function checkValue(key: usize): void {
  memory.fill(KCV, 1, 16);
  aes.setKey(key);
  aes.encrypt(KCV);
  aes.wipe();
}
