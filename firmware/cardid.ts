// The card id, by which a desk tells cards apart that have no serial number yet.

import * as kdf from "./crypto/kdf";
import { ROOT } from "./pages";
import * as selftest from "./selftest";
import { Use } from "./vault";
import { CARD_ID_SIZE } from "./wire";

/** Bytes of a card id. */
export const SIZE: u32 = CARD_ID_SIZE;
const BLOCK: u32 = 16;

/**
 * Writes the card id to `out`, which needs room for 16 bytes: a KDF of the root secret, the same until the card is
 * wiped. Then tests AES and returns whether it works; if not, clears `out`.
 */
export function tell(out: usize): bool {
  kdf.derive(ROOT, Use.CARD_ID as u8, 0, 0, out, SIZE * 8);
  const works = selftest.aesWorks();
  if (!works) memory.fill(out, 0, BLOCK);
  return works;
}
