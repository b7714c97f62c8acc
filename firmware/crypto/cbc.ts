// AES-128 in CBC mode (NIST SP 800-38A §6.2) on whole blocks, in place.

import * as aes from "./aes";
import * as cmac from "./cmac";

const CHAIN: usize = memory.data(16);
const SAVED: usize = memory.data(16);

/**
 * Encrypts `length` bytes (a multiple of 16) at `data` under the 16 bytes at `key`. An `iv` of 0 means 16 zero bytes.
 */
export function encrypt(key: usize, iv: usize, data: usize, length: u32): void {
  begin(key, iv);
  for (let i: u32 = 0; i < length; i += 16) {
    const at = data + i;
    cmac.xor16(at, CHAIN);
    aes.encrypt(at);
    memory.copy(CHAIN, at, 16);
  }
  wipe();
}

/**
 * Decrypts `length` bytes (a multiple of 16) at `data` under the 16 bytes at `key`. An `iv` of 0 means 16 zero bytes.
 */
export function decrypt(key: usize, iv: usize, data: usize, length: u32): void {
  begin(key, iv);
  aes.beginDecryption();
  for (let i: u32 = 0; i < length; i += 16) {
    const at = data + i;
    memory.copy(SAVED, at, 16);
    aes.decrypt(at);
    cmac.xor16(at, CHAIN);
    memory.copy(CHAIN, SAVED, 16);
  }
  wipe();
}

function begin(key: usize, iv: usize): void {
  aes.setKey(key);
  if (iv) memory.copy(CHAIN, iv, 16);
  else memory.fill(CHAIN, 0, 16);
}

function wipe(): void {
  aes.wipe();
  memory.fill(CHAIN, 0, 16);
  memory.fill(SAVED, 0, 16);
}
