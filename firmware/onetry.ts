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
 * Spends a try and opens a wrap with `length` digits. What flash said before and after the spending
 * goes into the key, and whether the count of tries grew by one, counted another way than before:
 * where the try was not spent, or not where it counts, not even the right PIN opens anything.
 * Returns DONE, WRONG, BATTERY, or FLASH where there is no slot left, or memory is not what flash says.
 *
 * Tries, wrap and use are three arguments, though each PIN has the same three: they are checked against each other, and a
 * fault in one that named all three would change them together.
 */
export function open(tally: Tally, which: Wrap, use: Use, digits: usize, length: u32): Outcome {
  const slot = freeSlot(tally);
  if (slot === ERASED || !isCurrent()) return Outcome.FLASH;
  current.slot = slot;
  const used = spent(tally);
  const before = flash.word(slot);
  if (!flash.program(slot, SPENT)) return Outcome.BATTERY;
  const after = flash.word(slot);
  // The use says which tries count: a fault in `tally` would spend those of the other kind.
  const missing = used + 1 - spentBackwards(use === Use.CODE ? Tally.CODE : Tally.PIN);
  return vault.open(which, use, digits, length, before + missing, after) === 0 ? Outcome.DONE : Outcome.WRONG;
}

/** The second check of a try, by other means than the first (vault.receipt). */
export function confirmed(): bool {
  return vault.receipt() === GIVEN;
}

/** Gives all tries back. The word comes out of the opened wrap: a wrong one gives nothing back. */
export function giveBack(): Outcome {
  return flash.program(current.slot + 4, vault.receipt()) ? Outcome.DONE : Outcome.BATTERY;
}

/** How a right try ends: where what followed failed, nothing stays open. */
export function conclude(outcome: Outcome): Outcome {
  if (outcome !== Outcome.DONE) vault.wipe();
  return outcome;
}
