// Key derivation in counter mode over AES-CMAC (NIST SP 800-108 §4.1), with the input block that
// SCP03 fixes (GPC_SPE_014 §4.1.5): 11 zero bytes, constant | 00 | L (bits, 2 bytes) | i | context.

import * as cmac from "./cmac";

const LABEL: usize = memory.data(16);

/**
 * Derives `bits` (64, 128 or 256) into `out` from the 16 bytes at `key`; `out` needs room for whole blocks of 16 bytes.
 * `constant` separates the uses of a key; the result is bound to `context`.
 */
export function derive(key: usize, constant: u8, context: usize, length: u32, out: usize, bits: u32): void {
  memory.fill(LABEL, 0, 16);
  store<u8>(LABEL, constant, 11);
  store<u16>(LABEL, bswap<u16>(bits as u16), 13);
  for (let i: u32 = 1; i <= (bits + 127) >> 7; i++) {
    store<u8>(LABEL, i as u8, 15);
    cmac.begin(key);
    cmac.update(LABEL, 16);
    cmac.update(context, length);
    cmac.end(out + ((i - 1) << 4));
  }
}
