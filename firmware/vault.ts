// The secrets: sealed in two wraps in flash, open in memory while the card needs them.
//
// Token key and unlock key are sealed together (AES-SIV) under a key derived from the root secret and a PIN, an unlock
// code or nothing. No PIN is stored or compared: a wrong PIN derives a wrong key, which opens nothing.

import * as kdf from "./crypto/kdf";
import * as siv from "./crypto/siv";
import { ERASED } from "./flash";
import { isUsable, ROOT, Wrap, wrap } from "./pages";
import { GIVEN, SPENT } from "./tally";
import { Limit } from "./wire";

/** What a derived key is for: the constant of the derivation (kdf.ts). SCP03 uses 0 to 7. */
export enum Use {
  /** Context: the PIN and the slot of its try. */
  PIN = 0x81,
  /** Context: the unlock code and the slot of its try. */
  CODE = 0x82,
  /** Context: nothing but the slot words; the server judges the PIN. */
  NOTHING = 0x83,
  /** Context: none. The result is public (cardid.ts). */
  CARD_ID = 0x84,
}

export const TOKEN_KEY_SIZE: u32 = Limit.LONGEST_KEY;
export const UNLOCK_KEY_SIZE: u32 = Limit.UNLOCK_KEY;
const SECRETS_SIZE: u32 = 100;

/** token key (padded with zeros, as HMAC does) | unlock key | receipt */
const SECRETS: usize = memory.data(100);
export const TOKEN_KEY: usize = SECRETS;
export const UNLOCK_KEY: usize = SECRETS + TOKEN_KEY_SIZE;
const RECEIPT: usize = SECRETS + TOKEN_KEY_SIZE + UNLOCK_KEY_SIZE;

const KEY: usize = memory.data(32);
const CONTEXT: usize = memory.data(16);

/**
 * Opens a wrap with `length` digits at `digits` and the two readings of the try's slot, before and after it was spent.
 * Returns 0 if the wrap's tag holds; otherwise wipes what was opened.
 */
export function open(which: Wrap, use: Use, digits: usize, length: u32, before: u32, after: u32): u32 {
  deriveKey(use, digits, length, before, after);
  const difference = siv.open(KEY, wrap(which), SECRETS_SIZE, SECRETS);
  memory.fill(KEY, 0, 32);
  if (difference !== 0 || !isUsable(which)) {
    wipe();
    return difference | 1;
  }
  return 0;
}

/** Accepts the bytes at TOKEN_KEY and UNLOCK_KEY as new, open secrets. */
export function admit(): void {
  store<u32>(RECEIPT, GIVEN);
}

/** Seals the open secrets into a wrap in memory, for the next commit. */
export function seal(which: Wrap, use: Use, digits: usize, length: u32): void {
  deriveKey(use, digits, length, ERASED, SPENT);
  siv.seal(KEY, SECRETS, SECRETS_SIZE, wrap(which));
  memory.fill(KEY, 0, 32);
}

/**
 * The word from the opened wrap: GIVEN if the key was right. It depends on the half of the derived key that decrypts,
 * and the tag on the other half, so this is a second check.
 */
export function receipt(): u32 {
  return load<u32>(RECEIPT);
}

/** Wipes the open secrets. */
export function wipe(): void {
  memory.fill(SECRETS, 0, SECRETS_SIZE);
}

function deriveKey(use: Use, digits: usize, length: u32, before: u32, after: u32): void {
  memory.copy(CONTEXT, digits, length);
  store<u32>(CONTEXT + length, before);
  store<u32>(CONTEXT + length, after, 4);
  kdf.derive(ROOT, use as u8, CONTEXT, length + 8, KEY, 256);
  memory.fill(CONTEXT, 0, 16);
}
