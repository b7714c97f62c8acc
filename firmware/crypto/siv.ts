// AES-SIV with one plaintext and no associated data (RFC 5297): encryption that also authenticates, needs no nonce, and
// therefore suits key wrapping.
//
// The 32-byte key is K1 (S2V) and K2 (CTR). A sealed text is V (16 bytes) and then the ciphertext.
// Plaintexts here are at least 16 bytes long (§2.4: the "xorend" branch of S2V).

import * as aes from "./aes";
import * as cmac from "./cmac";

const COUNTER: usize = memory.data(16);
const PAD: usize = memory.data(16);

/** Bytes that sealing adds in front. */
export const OVERHEAD: u32 = 16;

/** Seals `length` bytes at `plain` into `sealed` (length + 16 bytes), §2.6. */
export function seal(key: usize, plain: usize, length: u32, sealed: usize): void {
  s2v(key, plain, length, sealed);
  memory.fill(PAD, 0, 16);
  memory.copy(sealed + OVERHEAD, plain, length);
  ctr(key + 16, sealed, sealed + OVERHEAD, length);
}

/**
 * Opens `sealed` into `plain` (`length` bytes), §2.7. Returns 0 if it is authentic, otherwise the bits that differ; the
 * caller must then wipe `plain`. The comparison takes the same time either way.
 */
export function open(key: usize, sealed: usize, length: u32, plain: usize): u32 {
  memory.copy(plain, sealed + OVERHEAD, length);
  ctr(key + 16, sealed, plain, length);
  s2v(key, plain, length, PAD);
  let difference: u32 = 0;
  for (let i: usize = 0; i < 16; i += 4) difference |= load<u32>(PAD + i) ^ load<u32>(sealed + i);
  memory.fill(PAD, 0, 16);
  return difference;
}

/** S2V of one string of at least 16 bytes (§2.4): the CMAC of P with CMAC(0) mixed into its last 16 bytes. */
function s2v(key: usize, plain: usize, length: u32, out: usize): void {
  const last = length - 16;
  memory.fill(PAD, 0, 16);
  cmac.begin(key);
  cmac.update(PAD, 16);
  cmac.end(PAD);
  cmac.xor16(PAD, plain + last);
  cmac.begin(key);
  cmac.update(plain, last);
  cmac.update(PAD, 16);
  cmac.end(out);
}

/** XORs the key stream that starts at `v` (two of its bits cleared, §2.5) over `length` bytes at `data`. */
function ctr(key: usize, v: usize, data: usize, length: u32): void {
  aes.setKey(key);
  for (let i: u32 = 0; i < length; i++) {
    if ((i & 15) === 0) counterBlock(v, i >> 4);
    store<u8>(data + i, load<u8>(data + i) ^ load<u8>(COUNTER + (i & 15)));
  }
  aes.wipe();
  memory.fill(COUNTER, 0, 16);
}

/** Encrypts the `index`th counter. Bit 31 is clear at the start, so the low 32 bits never overflow. */
function counterBlock(v: usize, index: u32): void {
  memory.copy(COUNTER, v, 16);
  store<u8>(COUNTER, load<u8>(COUNTER, 8) & 0x7f, 8);
  const low = (bswap<u32>(load<u32>(COUNTER, 12)) & 0x7fffffff) + index;
  store<u32>(COUNTER, bswap<u32>(low), 12);
  aes.encrypt(COUNTER);
}
