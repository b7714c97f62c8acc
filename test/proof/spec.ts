// How tries are counted, as docs/FLASH.md says it: "Tries spent in a row = slots that are not erased, after the last slot
// whose word 1 is GIVEN; where there is none, all of them and what the head carries over." Written independently of the
// firmware's two ways to count.

import { ERASED } from "./host.js";
import { PAGE_WORDS } from "./machine.js";
import type { Terms, Value } from "./terms.js";
import type { Words } from "./words.js";

export const SPENT = 0x3cc35aa5;
export const GIVEN = 0xc33ca55a;

/** The slots of one kind of try: where they begin in a page, how many they are, and where the head carries the count. */
export interface Tally {
  readonly name: string;
  /** Offset in the page, in bytes; it is also how the firmware names the kind. */
  readonly at: number;
  readonly slots: number;
  /** Offset of the byte in the head. */
  readonly carriedAt: number;
}
export const PIN: Tally = { name: "PIN", at: 0x1b0, slots: 74, carriedAt: 0x0c };
export const CODE: Tally = { name: "CODE", at: 0x188, slots: 5, carriedAt: 0x0d };

export interface Slot {
  readonly first: Value;
  readonly second: Value;
}

/** The index of a slot's first word in flash. */
export function slotIndex(page: number, tally: Tally, slot: number): number {
  return page * PAGE_WORDS + tally.at / 4 + slot * 2;
}

export function slotsOf(flash: Words, page: number, tally: Tally): readonly Slot[] {
  return Array.from({ length: tally.slots }, (_, i) => {
    const index = slotIndex(page, tally, i);
    return { first: flash.get(index), second: flash.get(index + 1) };
  });
}

/** Tries spent in a row. `carried`: what the head carries over, as a word. */
export function spent(terms: Terms, slots: readonly Slot[], carried: Value): Value {
  return slots.reduce<Value>((count, { first, second }) => {
    const isErased = terms.and(terms.eq(first, ERASED), terms.eq(second, ERASED));
    return terms.ite(terms.eq(second, GIVEN), 0, terms.add(count, terms.ite(isErased, 0, 1)));
  }, carried);
}

/** The same where it is known which slot was given back last (-1: none): what comes behind it. */
export function spentBehind(terms: Terms, slots: readonly Slot[], last: number, carried: Value): Value {
  return slots.slice(last + 1).reduce<Value>(
    (count, { first, second }) => {
      const isErased = terms.and(terms.eq(first, ERASED), terms.eq(second, ERASED));
      return terms.add(count, terms.ite(isErased, 0, 1));
    },
    last < 0 ? carried : 0,
  );
}
