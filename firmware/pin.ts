// The PIN: checks it, locks it after too many wrong ones, and sets a new one.

import { ERASED } from "./flash";
import * as onetry from "./onetry";
import { Outcome } from "./outcome";
import { commit, destroy, drop, head, Wrap } from "./pages";
import { carry, freeSlot, GIVEN, SPENT, spent, spentBackwards, Tally } from "./tally";
import * as vault from "./vault";
import { Use } from "./vault";
import { Digits, PinCheck } from "./wire";

export const PIN_SIZE: u32 = Digits.PIN;

/** Whether the server judges the PIN, so that the card accepts any PIN. */
export function judgedByServer(): bool {
  return head.pinCheck === PinCheck.SERVER;
}

/** PIN tries left. */
export function triesLeft(): u32 {
  const used = spent(Tally.PIN);
  return used < head.tries ? head.tries - used : 0;
}

/** Whether no PIN tries are left. */
export function isLocked(): bool {
  return triesLeft() === 0;
}

/** Destroys the wrap under the PIN, so that no PIN opens the secrets any more. */
export function lock(): Outcome {
  return destroy(Wrap.PIN);
}

/**
 * Checks the PIN at `digits`; the right one leaves the secrets open.
 * Returns DONE, WRONG, LAST (locked now), BATTERY or FLASH.
 */
export function check(digits: usize): Outcome {
  if (isLocked()) return lost();
  const room = makeRoom();
  if (room !== Outcome.DONE) return room;
  const opened = onetry.open(Tally.PIN, Wrap.PIN, Use.PIN, digits, PIN_SIZE);
  if (opened === Outcome.DONE && onetry.confirmed()) return onetry.conclude(onetry.giveBack());
  vault.wipe();
  if (opened !== Outcome.DONE && opened !== Outcome.WRONG) return opened;
  return spentBackwards(Tally.PIN) < head.tries ? Outcome.WRONG : lost();
}

/** Opens the secrets of a card whose PIN the server judges. Returns DONE or FLASH. */
export function openUnchecked(): Outcome {
  const difference = vault.open(Wrap.PIN, Use.NOTHING, 0, 0, ERASED, SPENT);
  return difference === 0 ? Outcome.DONE : Outcome.FLASH;
}

/**
 * Seals the open secrets under a new PIN and gives back all PIN tries and code tries. If nothing is open, as after a
 * check that a fault turned into success, seals nothing and gives nothing back.
 */
export function set(digits: usize): Outcome {
  if (vault.receipt() !== GIVEN) return Outcome.FLASH;
  vault.seal(Wrap.PIN, Use.PIN, digits, PIN_SIZE);
  head.pinSpent = 0;
  head.codeSpent = 0;
  return commit();
}

/** Seals the open secrets under the root secret alone, for a card whose PIN the server judges. */
export function setUnchecked(): void {
  vault.seal(Wrap.PIN, Use.NOTHING, 0, 0);
  drop(Wrap.CODE);
}

/** Whether the `length` bytes at `text` are ASCII digits. */
export function isDigits(text: usize, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) {
    if ((load<u8>(text + i) as u32) - 0x30 > 9) return false;
  }
  return true;
}

/**
 * Whether a new PIN is too easy: four equal digits, a run up or down (wrapping), a year 19xx or
 * 20xx, a pair repeated.
 */
export function isWeak(digits: usize): bool {
  const a = load<u8>(digits, 0) as u32;
  const b = load<u8>(digits, 1) as u32;
  const c = load<u8>(digits, 2) as u32;
  const d = load<u8>(digits, 3) as u32;
  if (a === c && b === d) return true;
  const step = (b + 10 - a) % 10;
  if ((step === 1 || step === 9) && (c + 10 - b) % 10 === step && (d + 10 - c) % 10 === step) return true;
  return (a === 0x31 && b === 0x39) || (a === 0x32 && b === 0x30);
}

function lost(): Outcome {
  const destroyed = lock();
  return destroyed === Outcome.DONE ? Outcome.LAST : destroyed;
}

/**
 * Compacts the page if it has no slot left. This comes before the try is spent, so that no compaction can follow it.
 */
function makeRoom(): Outcome {
  if (freeSlot(Tally.PIN) !== ERASED) return Outcome.DONE;
  carry();
  return commit();
}
