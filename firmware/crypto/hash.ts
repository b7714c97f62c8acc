// One streaming hash at a time over SHA-1, SHA-256 and SHA-512 (FIPS 180-4 §5, §6).

import { SCRATCH } from "./scratch";
import * as sha1 from "./sha1";
import * as sha256 from "./sha256";
import * as sha512 from "./sha512";

/** The hash algorithms of RFC 6287 §5.1. */
export enum Hash {
  SHA1 = 1,
  SHA256 = 2,
  SHA512 = 3,
}

const MAX_BLOCK: u32 = 128;
const STATE: usize = memory.data(64);
const BLOCK: usize = SCRATCH;

@unmanaged
class Running {
  algorithm: u32;
  /** Bytes hashed so far. */
  length: u32;
}
const running = changetype<Running>(memory.data(offsetof<Running>()));

/** Bytes in a block of the algorithm: 64, or 128 for SHA-512. */
export function blockSize(algorithm: Hash): u32 {
  return algorithm === Hash.SHA512 ? 128 : 64;
}

/** Bytes in a digest: 20, 32 or 64. */
export function digestSize(algorithm: Hash): u32 {
  if (algorithm === Hash.SHA1) return 20;
  return algorithm === Hash.SHA256 ? 32 : 64;
}

/** Starts a hash. An unfinished one is lost. */
export function begin(algorithm: Hash): void {
  running.algorithm = algorithm;
  running.length = 0;
  if (algorithm === Hash.SHA1) sha1.init(STATE);
  else if (algorithm === Hash.SHA256) sha256.init(STATE);
  else sha512.init(STATE);
}

/** Takes `length` more bytes at `data`. */
export function update(data: usize, length: u32): void {
  const size = blockSize(running.algorithm);
  while (length > 0) {
    const fill = running.length & (size - 1);
    const part = min<u32>(size - fill, length);
    memory.copy(BLOCK + fill, data, part);
    running.length += part;
    data += part;
    length -= part;
    if (fill + part === size) compress();
  }
}

/** Ends the hash: pads (§5.1), writes the digest to `out` and wipes the intermediate state. */
export function end(out: usize): void {
  const size = blockSize(running.algorithm);
  const fill = running.length & (size - 1);
  // The length goes into the last 8 bytes of the block. It never needs more than 32 bits of them.
  const lengthAt = size - 8;
  memory.fill(BLOCK + fill, 0, size - fill);
  store<u8>(BLOCK + fill, 0x80);
  // SHA-512 keeps 16 bytes for the length, the others 8.
  if (fill + 1 + (size >> 3) > size) {
    compress();
    memory.fill(BLOCK, 0, size);
  }
  store<u64>(BLOCK + lengthAt, bswap<u64>((running.length as u64) << 3));
  compress();
  write(out);
  wipe();
}

/** Wipes the running hash. */
export function wipe(): void {
  memory.fill(BLOCK, 0, MAX_BLOCK);
  memory.fill(STATE, 0, 64);
  running.length = 0;
}

function compress(): void {
  if (running.algorithm === Hash.SHA1) sha1.compress(STATE, BLOCK);
  else if (running.algorithm === Hash.SHA256) sha256.compress(STATE, BLOCK);
  else sha512.compress(STATE, BLOCK);
}

/** The state as big-endian words. */
function write(out: usize): void {
  const size = digestSize(running.algorithm);
  if (running.algorithm === Hash.SHA512) {
    for (let i: u32 = 0; i < size; i += 8) store<u64>(out + i, bswap<u64>(load<u64>(STATE + i)));
    return;
  }
  for (let i: u32 = 0; i < size; i += 4) store<u32>(out + i, bswap<u32>(load<u32>(STATE + i)));
}
