// One try at a PIN or an unlock code: it is spent in flash, read back, and only then used. `tally.ts` counts the tries.

import * as flash from "./flash";
import { ERASED } from "./flash";
import { Outcome } from "./outcome";
import { isCurrent, Wrap } from "./pages";
import { freeSlot, GIVEN, SPENT, spent, spentBackwards, Tally } from "./tally";
import * as vault from "./vault";
import { Use } from "./vault";

@unmanaged
class Try {
  slot: u32;
}
const current = changetype<Try>(memory.data(offsetof<Try>()));

/**
 * Spends a try and opens a wrap with `length` digits. The key depends on what flash held at the slot before and after
 * the spending, and on whether the count of tries grew by one, counted forwards before it and backwards after it. If
 * the try was not spent, or was spent in a wrong place, even the right PIN opens nothing. Returns DONE, WRONG, BATTERY,
 * or FLASH if no slot is left or memory differs from flash.
 *
 * Tally, wrap and use are separate arguments, which are checked against each other. If one argument selected all three,
 * a fault in it would change them together.
 */
export function open(tally: Tally, which: Wrap, use: Use, digits: usize, length: u32): Outcome {
  const slot = freeSlot(tally);
  if (slot === ERASED || !isCurrent()) return Outcome.FLASH;
  current.slot = slot;
  const used = spent(tally);
  const before = flash.word(slot);
  if (!flash.program(slot, SPENT)) return Outcome.BATTERY;
  const after = flash.word(slot);
  // Derive the tally from the use: a fault in `tally` would spend tries of the other kind.
  const missing = used + 1 - spentBackwards(use === Use.CODE ? Tally.CODE : Tally.PIN);
  return vault.open(which, use, digits, length, before + missing, after) === 0 ? Outcome.DONE : Outcome.WRONG;
}

/** The second check of a try, independent of the first (vault.receipt). */
export function confirmed(): bool {
  return vault.receipt() === GIVEN;
}

/** Gives all tries back. The word it programs comes from the opened wrap, so a wrong PIN gives nothing back. */
export function giveBack(): Outcome {
  return flash.program(current.slot + 4, vault.receipt()) ? Outcome.DONE : Outcome.BATTERY;
}

/** Ends a right try: wipes the open secrets if the step after it failed. */
export function conclude(outcome: Outcome): Outcome {
  if (outcome !== Outcome.DONE) vault.wipe();
  return outcome;
}
