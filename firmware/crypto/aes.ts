// AES-128 (FIPS 197): key expansion, cipher and inverse cipher, one key at a time.

import { SCRATCH } from "./scratch";

/** The expanded key: eleven round keys. */
const SCHEDULE: usize = memory.data(176);

/** SubBytes (§5.1.1). */
// biome-ignore format: a table
const SBOX: usize = memory.data<u8>([
  0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
  0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
  0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
  0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
  0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
  0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
  0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
  0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
  0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
  0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
  0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
  0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
  0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
  0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
  0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
  0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
]);

/**
 * Expands the 16 bytes at `key` (§5.2). The loop counts rounds, not addresses: after a fault in an address, a loop over
 * addresses could overwrite all memory up to the schedule, transport keys included, with bytes that anybody can
 * compute.
 */
export function setKey(key: usize): void {
  memory.copy(SCHEDULE, key, 16);
  let rcon: u32 = 1;
  for (let round: u32 = 0; round < 10; round++) {
    const at = SCHEDULE + (round << 4);
    const last = rotr<u32>(load<u32>(at, 12), 8);
    const word = lookUp(SBOX, last, last, last, last) ^ rcon;
    const w4 = load<u32>(at, 0) ^ word;
    const w5 = load<u32>(at, 4) ^ w4;
    const w6 = load<u32>(at, 8) ^ w5;
    store<u32>(at, w4, 16);
    store<u32>(at, w5, 20);
    store<u32>(at, w6, 24);
    store<u32>(at, load<u32>(at, 12) ^ w6, 28);
    rcon = (rcon << 1) ^ ((rcon >> 7) * 0x11b);
  }
}

/** Encrypts the 16 bytes at `block` in place (§5.1). */
export function encrypt(block: usize): void {
  let s0 = load<u32>(block, 0) ^ load<u32>(SCHEDULE, 0);
  let s1 = load<u32>(block, 4) ^ load<u32>(SCHEDULE, 4);
  let s2 = load<u32>(block, 8) ^ load<u32>(SCHEDULE, 8);
  let s3 = load<u32>(block, 12) ^ load<u32>(SCHEDULE, 12);
  const last = SCHEDULE + 160;
  for (let key = SCHEDULE + 16; key < last; key += 16) {
    const t0 = column(s0, s1, s2, s3) ^ load<u32>(key, 0);
    const t1 = column(s1, s2, s3, s0) ^ load<u32>(key, 4);
    const t2 = column(s2, s3, s0, s1) ^ load<u32>(key, 8);
    s3 = column(s3, s0, s1, s2) ^ load<u32>(key, 12);
    s0 = t0;
    s1 = t1;
    s2 = t2;
  }
  store<u32>(block, lookUp(SBOX, s0, s1, s2, s3) ^ load<u32>(last, 0), 0);
  store<u32>(block, lookUp(SBOX, s1, s2, s3, s0) ^ load<u32>(last, 4), 4);
  store<u32>(block, lookUp(SBOX, s2, s3, s0, s1) ^ load<u32>(last, 8), 8);
  store<u32>(block, lookUp(SBOX, s3, s0, s1, s2) ^ load<u32>(last, 12), 12);
}

/** Computes the inverse S-box in SCRATCH, where it stays until an HMAC uses SCRATCH. */
export function beginDecryption(): void {
  for (let i: u32 = 0; i < 256; i++) store<u8>(SCRATCH + load<u8>(SBOX + i), i as u8);
}

/** Decrypts the 16 bytes at `block` in place (§5.3), after `beginDecryption`. */
export function decrypt(block: usize): void {
  const last = SCHEDULE + 160;
  let s0 = load<u32>(block, 0) ^ load<u32>(last, 0);
  let s1 = load<u32>(block, 4) ^ load<u32>(last, 4);
  let s2 = load<u32>(block, 8) ^ load<u32>(last, 8);
  let s3 = load<u32>(block, 12) ^ load<u32>(last, 12);
  for (let key = last - 16; key > SCHEDULE; key -= 16) {
    const t0 = unmixColumn(lookUp(SCRATCH, s0, s3, s2, s1) ^ load<u32>(key, 0));
    const t1 = unmixColumn(lookUp(SCRATCH, s1, s0, s3, s2) ^ load<u32>(key, 4));
    const t2 = unmixColumn(lookUp(SCRATCH, s2, s1, s0, s3) ^ load<u32>(key, 8));
    s3 = unmixColumn(lookUp(SCRATCH, s3, s2, s1, s0) ^ load<u32>(key, 12));
    s0 = t0;
    s1 = t1;
    s2 = t2;
  }
  store<u32>(block, lookUp(SCRATCH, s0, s3, s2, s1) ^ load<u32>(SCHEDULE, 0), 0);
  store<u32>(block, lookUp(SCRATCH, s1, s0, s3, s2) ^ load<u32>(SCHEDULE, 4), 4);
  store<u32>(block, lookUp(SCRATCH, s2, s1, s0, s3) ^ load<u32>(SCHEDULE, 8), 8);
  store<u32>(block, lookUp(SCRATCH, s3, s2, s1, s0) ^ load<u32>(SCHEDULE, 12), 12);
}

/** Wipes the key. */
export function wipe(): void {
  memory.fill(SCHEDULE, 0, 176);
}

/** One column through SubBytes, ShiftRows and MixColumns: row r comes from the column r places on. */
function column(c0: u32, c1: u32, c2: u32, c3: u32): u32 {
  return mixColumn(lookUp(SBOX, c0, c1, c2, c3));
}

/** MixColumns on one column (§5.1.3): each byte becomes 2·a + 3·b + c + d. */
function mixColumn(w: u32): u32 {
  const next = rotr<u32>(w, 8);
  const sum = w ^ next;
  const doubled = ((sum & 0x7f7f7f7f) << 1) ^ (((sum >> 7) & 0x01010101) * 0x1b);
  return doubled ^ next ^ rotr<u32>(w, 16) ^ rotr<u32>(w, 24);
}

/** InvMixColumns on one column (§5.3.3): MixColumns after adding 4·(a + c) to a and c, 4·(b + d) to b and d. */
function unmixColumn(w: u32): u32 {
  const sum = w ^ rotr<u32>(w, 16);
  // Each byte times x², in the way MixColumns doubles; both halves of the sum are equal.
  const high = (sum >> 6) & 0x03030303;
  return mixColumn(w ^ ((sum & 0x3f3f3f3f) << 2) ^ ((high & 0x01010101) * 0x1b) ^ (((high >> 1) & 0x01010101) * 0x36));
}

/** A word of one byte from each of four words, each replaced by a table (§5.1.1). */
function lookUp(table: usize, c0: u32, c1: u32, c2: u32, c3: u32): u32 {
  return (
    (load<u8>(table + (c0 & 0xff)) as u32) |
    ((load<u8>(table + ((c1 >> 8) & 0xff)) as u32) << 8) |
    ((load<u8>(table + ((c2 >> 16) & 0xff)) as u32) << 16) |
    ((load<u8>(table + (c3 >> 24)) as u32) << 24)
  );
}
