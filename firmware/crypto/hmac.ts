// HMAC (RFC 2104, FIPS 198-1) over the hashes of hash.ts, streaming, one at a time.

import * as hash from "./hash";
import { Hash } from "./hash";
import { SCRATCH } from "./scratch";

const INNER: u8 = 0x36;
const OUTER: u8 = 0x5c;
const PAD: usize = SCRATCH + 128;

@unmanaged
class Running {
  algorithm: u32;
}
const running = changetype<Running>(memory.data(offsetof<Running>()));

/** Starts an HMAC under the `length` bytes at `key`; a key longer than a block is hashed first. */
export function begin(algorithm: Hash, key: usize, length: u32): void {
  running.algorithm = algorithm;
  const size = hash.blockSize(algorithm);
  memory.fill(PAD, 0, size);
  if (length > size) {
    hash.begin(algorithm);
    hash.update(key, length);
    hash.end(PAD);
  } else {
    memory.copy(PAD, key, length);
  }
  mask(INNER, size);
  hash.begin(algorithm);
  hash.update(PAD, size);
}

/** Takes `length` more bytes at `data`. */
export function update(data: usize, length: u32): void {
  hash.update(data, length);
}

/** Ends the HMAC, writes it to `out` (digestSize bytes) and wipes the key and the intermediate state. */
export function end(out: usize): void {
  const algorithm = running.algorithm;
  const size = hash.blockSize(algorithm);
  hash.end(out);
  mask(INNER ^ OUTER, size);
  hash.begin(algorithm);
  hash.update(PAD, size);
  hash.update(out, hash.digestSize(algorithm));
  hash.end(out);
  memory.fill(PAD, 0, 128);
}

function mask(value: u8, size: u32): void {
  const word = (value as u32) * 0x01010101;
  for (let i: u32 = 0; i < size; i += 4) store<u32>(PAD + i, load<u32>(PAD + i) ^ word);
}
