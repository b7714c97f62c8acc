// The count of tries: how many slots of the current page are spent, and where the next one is. `onetry.ts` spends them.
//
// A slot is two words. The first is programmed to SPENT before a PIN or code is checked. The second is programmed to
// GIVEN after a right one, which gives back this slot and all before it. A slot with any other bit programmed counts as
// spent: a power cut may have interrupted the spending.

import * as flash from "./flash";
import { CHUNK_SIZE, ERASED } from "./flash";
import { address, head, pageStart, Slots } from "./pages";

/** The values of the two words of a slot. They are complements, so that neither decays into the other. */
export const SPENT: u32 = 0x3cc35aa5;
export const GIVEN: u32 = 0xc33ca55a;

const SLOT_SIZE: u32 = 8;
const RESULT: usize = memory.data(8);

/** Which tries are counted. The value is where their slots begin in a page. */
export enum Tally {
  CODE = Slots.CODE,
  PIN = Slots.PIN,
}

/** Tries spent in a row, counted from the first slot on. */
export function spent(tally: Tally): u32 {
  let count = carried(tally);
  const end = endOf(tally);
  for (let at: u32 = tally; at < end; at += SLOT_SIZE) {
    const slot = slotAt(at, at === <u32>tally);
    if (load<u32>(slot, 4) === GIVEN) count = 0;
    else if (!isErased(slot)) count++;
  }
  return count;
}

/**
 * The same count computed independently, from the last slot back to the last one given back. It shares no code with
 * `spent`.
 */
export function spentBackwards(tally: Tally): u32 {
  const isCode = tally === Tally.CODE;
  let count: u32 = 0;
  for (let at: u32 = (isCode ? Slots.PIN : Slots.END) - SLOT_SIZE; at >= <u32>tally; at -= SLOT_SIZE) {
    flash.read(pageStart() + at, RESULT, SLOT_SIZE);
    if (load<u32>(RESULT, 4) === GIVEN) return count;
    if (load<u64>(RESULT) !== u64.MAX_VALUE) count++;
  }
  return count + (isCode ? head.codeSpent : head.pinSpent);
}

/** The flash address of the slot after the last one used, or ERASED if none is left. */
export function freeSlot(tally: Tally): u32 {
  const end = endOf(tally);
  let free: u32 = tally;
  for (let at: u32 = tally; at < end; at += SLOT_SIZE) {
    if (!isErased(slotAt(at, at === <u32>tally))) free = at + SLOT_SIZE;
  }
  return free < end ? address(free) : ERASED;
}

/** Writes the tries spent so far, the larger of both counts, into the head, so that the next commit gives none back. */
export function carry(): void {
  head.pinSpent = max(spent(Tally.PIN), spentBackwards(Tally.PIN)) as u8;
  head.codeSpent = max(spent(Tally.CODE), spentBackwards(Tally.CODE)) as u8;
}

function carried(tally: Tally): u32 {
  return tally === Tally.PIN ? head.pinSpent : head.codeSpent;
}

function endOf(tally: Tally): u32 {
  return tally === Tally.PIN ? Slots.END : Slots.PIN;
}

/** The address in memory of a slot. Reads a new chunk of flash for the `first` slot and wherever a chunk begins. */
function slotAt(offset: u32, first: bool): usize {
  const within = offset % CHUNK_SIZE;
  if (first || within === 0) return flash.chunk(address(offset - within)) + within;
  return flash.CHUNK + within;
}

function isErased(slot: usize): bool {
  return load<u64>(slot) === u64.MAX_VALUE;
}
