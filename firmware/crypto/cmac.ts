// AES-CMAC (NIST SP 800-38B, RFC 4493), streaming, one at a time; it uses the key of aes.ts.

import * as aes from "./aes";

const STATE: usize = memory.data(16);
const SUBKEY: usize = memory.data(16);

@unmanaged
class Running {
  /** Bytes mixed into STATE since its last encryption: 0 to 16. */
  fill: u32;
}
const running = changetype<Running>(memory.data(offsetof<Running>()));

/** Starts a CMAC under the 16 bytes at `key`. */
export function begin(key: usize): void {
  aes.setKey(key);
  memory.fill(STATE, 0, 16);
  running.fill = 0;
}

/** Takes `length` more bytes at `data`. The last block waits for `end`, which treats it differently (§6.2). */
export function update(data: usize, length: u32): void {
  let fill = running.fill;
  for (let i: u32 = 0; i < length; i++, fill++) {
    if (fill === 16) {
      aes.encrypt(STATE);
      fill = 0;
    }
    store<u8>(STATE + fill, load<u8>(STATE + fill) ^ load<u8>(data + i));
  }
  running.fill = fill;
}

/** Ends the CMAC, writes its 16 bytes to `out` and wipes the key and the intermediate state. */
export function end(out: usize): void {
  memory.fill(SUBKEY, 0, 16);
  aes.encrypt(SUBKEY);
  double(SUBKEY);
  if (running.fill < 16) {
    double(SUBKEY);
    store<u8>(STATE + running.fill, load<u8>(STATE + running.fill) ^ 0x80);
  }
  xor16(STATE, SUBKEY);
  // Copy before encrypting: if a faulty address fetches other bytes, perhaps a key, they do not leave in the clear.
  memory.copy(out, STATE, 16);
  aes.encrypt(out);
  wipe();
}

/** Wipes the running CMAC. */
export function wipe(): void {
  aes.wipe();
  memory.fill(STATE, 0, 16);
  memory.fill(SUBKEY, 0, 16);
}

/** The 16 bytes at `block` times x in GF(2^128) (SP 800-38B §6.1; RFC 5297 §2.3 "dbl"). */
export function double(block: usize): void {
  const high = bswap<u64>(load<u64>(block, 0));
  const low = bswap<u64>(load<u64>(block, 8));
  store<u64>(block, bswap<u64>((high << 1) | (low >> 63)), 0);
  store<u64>(block, bswap<u64>((low << 1) ^ ((high >> 63) * 0x87)), 8);
}

/** XORs the 16 bytes at `other` into `block`. */
export function xor16(block: usize, other: usize): void {
  for (let i: usize = 0; i < 16; i += 4) store<u32>(block + i, load<u32>(block + i) ^ load<u32>(other + i));
}
