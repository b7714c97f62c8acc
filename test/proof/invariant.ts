// The invariant: the conditions that flash satisfies whatever happened to the card. It is a list of named conditions on
// the four pages; docs/PROOF.md says how to read it, docs/FLASH.md defines the fields.
//
// It holds for a card that has started, and names the current page. operation.ts proves of every operation that writes
// flash that it preserves it, wherever power fails.

import type { CheckValues } from "./checkvalues.js";
import { ERASED } from "./host.js";
import { PAGE_WORDS } from "./machine.js";
import { CODE, GIVEN, PIN, type Slot, SPENT, slotsOf, spent, type Tally } from "./spec.js";
import type { Terms, Value } from "./terms.js";
import type { Words } from "./words.js";

/** Offsets in a page, in bytes, and sizes (docs/FLASH.md). */
export const AT = {
  SEQUENCE: 0x04,
  LIFE: 0x08,
  TRIES: 0x0a,
  FIRST: 0x0f,
  LOCK_CODE: 0x10,
  HEAD_CHECK: 0x44,
  ROOT: 0x48,
  KEYS: 0x5c,
  PIN_WRAP: 0x90,
  CODE_WRAP: 0x108,
  WIPE_MARK: 0x180,
  CODE_SLOTS: 0x188,
  PIN_SLOTS: 0x1b0,
} as const;
/** Bytes of the records, without their check values. */
export const SIZE = { HEAD: 0x44, ROOT: 16, KEYS: 48, WRAP: 116 } as const;
export const MAGIC = 0x31435344;
/** Marks the page of the first start. */
const FIRST = 0xff;
export const MOST_TRIES = 10;
export const LEAST_TRIES = 3;
export const CODE_TRIES = 5;
export const PAGES = 4;
export enum Life {
  BLANK = 1,
  SEEDED = 2,
  PERSONALIZED = 3,
}

export interface Condition {
  readonly name: string;
  readonly holds: Value;
  /** A sufficient condition that is easier to decide. */
  readonly first?: Value;
}

/** Flash, as terms. */
export class FlashView {
  readonly terms: Terms;
  readonly flash: Words;
  readonly #checks: CheckValues;
  readonly #base: FlashView | undefined;
  readonly #made = new Map<string, unknown>();
  readonly #named = new Map<string, { readonly name: Value; readonly free: number }>();

  /** `base`: the flash from which this one developed; terms of unchanged parts are reused. */
  constructor(terms: Terms, flash: Words, checks: CheckValues, base?: FlashView) {
    this.terms = terms;
    this.flash = flash;
    this.#checks = checks;
    this.#base = base;
  }

  /** What is made of the slots of a kind and the count that the head carries: once, and where they are as in the base, there. */
  #ofSlots<T>(what: string, page: number, tally: Tally, make: () => T): T {
    const key = `${what} ${page} ${tally.name}`;
    const known = this.#made.get(key) as T | undefined;
    if (known !== undefined) return known;
    const isSame =
      this.#base && !this.#base.flash.differences(this.flash).some((index) => isOfSlots(index, page, tally));
    const made = isSame ? (this.#base as FlashView).#ofSlots(what, page, tally, make) : make();
    this.#made.set(key, made);
    return made;
  }

  /** The conditions on the slots of a kind. */
  slots(page: number, tally: Tally): readonly Condition[] {
    return this.#ofSlots("slots", page, tally, () => slots(this, page, tally));
  }

  word(page: number, at: number): Value {
    return this.flash.get(page * PAGE_WORDS + at / 4);
  }

  /** A byte of a page, as a word. */
  byte(page: number, at: number): Value {
    return this.terms.word([this.terms.byte(this.word(page, at & ~3), at & 3), 0, 0, 0]);
  }

  sequence(page: number): Value {
    return this.word(page, AT.SEQUENCE);
  }

  /** Whether the check value behind a record holds. */
  isWhole(page: number, at: number, size: number): Value {
    const seed = this.terms.bitxor(this.sequence(page), at << 16);
    const words = Array.from({ length: size / 4 }, (_, i) => this.word(page, at + i * 4));
    return this.terms.eq(this.word(page, at + size), this.#checks.of(seed, words));
  }

  /** Whether a page was committed. */
  isCommitted(page: number): Value {
    const { terms } = this;
    const isProgrammed = terms.not(terms.eq(this.word(page, AT.HEAD_CHECK), ERASED));
    return terms.and(terms.eq(this.word(page, 0), MAGIC), isProgrammed, this.isWhole(page, 0, SIZE.HEAD));
  }

  isZero(page: number, at: number, size: number): Value {
    const words = Array.from({ length: size / 4 }, (_, i) => this.terms.eq(this.word(page, at + i * 4), 0));
    return this.terms.and(...words);
  }

  /** Tries spent in a row, as the specification counts them. */
  spent(page: number, tally: Tally): Value {
    return this.#ofSlots("spent", page, tally, () => this.#count(page, tally));
  }

  /**
   * Gives the count of a page's tries a name. Slots from `free` on are erased. Views of flash that developed from this one
   * count on from the name as long as the slots before `free` are the same, because a count goes from slot to slot.
   */
  nameSpent(page: number, tally: Tally, name: Value, free: number): void {
    this.#made.set(`spent ${page} ${tally.name}`, name);
    this.#named.set(`${page} ${tally.name}`, { name, free });
  }

  #count(page: number, tally: Tally): Value {
    const base = this.#base;
    const slots = slotsOf(this.flash, page, tally);
    const named = base ? base.#named.get(`${page} ${tally.name}`) : undefined;
    const counted = { ...tally, slots: named?.free ?? 0 };
    const isSame = !base?.flash.differences(this.flash).some((index) => isOfSlots(index, page, counted));
    if (named && isSame) return spent(this.terms, slots.slice(named.free), named.name);
    return spent(this.terms, slots, this.byte(page, tally.carriedAt));
  }

  tries(page: number): Value {
    return this.byte(page, AT.TRIES);
  }
}

/** The invariant of a card on which page `page` counts. */
export function invariant(view: FlashView, page: number): readonly Condition[] {
  return [
    ...whichCounts(view, page),
    ...tries(view, page),
    ...view.slots(page, PIN),
    ...view.slots(page, CODE),
    ...wraps(view, page),
  ];
}

/** What flash holds before the first start is finished: no page was committed, and `mount` suspects none. */
export function neverStarted(view: FlashView): readonly Condition[] {
  const { terms } = view;
  const isUnsuspicious = (page: number) =>
    terms.or(terms.eq(view.word(page, AT.HEAD_CHECK), ERASED), terms.eq(view.byte(page, AT.FIRST), FIRST));
  return [0, 1, 2, 3].flatMap((page) => [
    { name: `page ${page} was not committed`, holds: terms.not(view.isCommitted(page)) },
    { name: `page ${page} is one of a first start`, holds: isUnsuspicious(page) },
  ]);
}

/**
 * What holds besides while a card is on, from `mount` on: a page that does not count is one that was committed before, or
 * no program of a word makes it one, because its commit word is erased or a bit of its magic number is gone.
 */
export function settled(view: FlashView, page: number): readonly Condition[] {
  const { terms } = view;
  const others = [0, 1, 2, 3].filter((other) => other !== page);
  const isSettled = (other: number) => {
    const magic = view.word(other, 0);
    const isErased = terms.eq(view.word(other, AT.HEAD_CHECK), ERASED);
    const isGone = terms.not(terms.eq(terms.bitand(magic, MAGIC), MAGIC));
    return terms.or(isErased, view.isCommitted(other), isGone);
  };
  return others.map((other) => ({
    name: `page ${other} was committed, or cannot become so`,
    holds: isSettled(other),
  }));
}

/** The page is whole, and newer than every other one that was committed. */
function whichCounts(view: FlashView, page: number): Condition[] {
  const { terms } = view;
  const others = [0, 1, 2, 3].filter((other) => other !== page);
  const isOlder = (other: number) =>
    terms.implies(view.isCommitted(other), terms.ult(view.sequence(other), view.sequence(page)));
  const isWiped = terms.not(terms.eq(view.word(page, AT.WIPE_MARK), ERASED));
  const life = view.byte(page, AT.LIFE);
  return [
    { name: "it was committed", holds: view.isCommitted(page) },
    { name: "it was not the page before the first", holds: terms.not(terms.eq(view.sequence(page), 0)) },
    ...others.map((other) => ({ name: `page ${other} is older or was not committed`, holds: isOlder(other) })),
    { name: "its transport keys are whole", holds: view.isWhole(page, AT.KEYS, SIZE.KEYS) },
    { name: "its root is whole, or a wipe began", holds: terms.or(isWiped, view.isWhole(page, AT.ROOT, SIZE.ROOT)) },
    { name: "its life is one of three", holds: terms.or(...[1, 2, 3].map((one) => terms.eq(life, one))) },
  ];
}

/** No more tries are spent than there are. */
function tries(view: FlashView, page: number): Condition[] {
  const { terms } = view;
  const isBlank = terms.eq(view.byte(page, AT.LIFE), Life.BLANK);
  return [
    { name: "it gives at most ten tries", holds: terms.ult(view.tries(page), MOST_TRIES + 1) },
    {
      name: "it gives at least three, unless it is blank",
      holds: terms.or(isBlank, terms.not(terms.ult(view.tries(page), LEAST_TRIES))),
    },
    { name: "no more PINs were tried than that", holds: terms.not(terms.ult(view.tries(page), view.spent(page, PIN))) },
    { name: "no more than five unlock codes were tried", holds: terms.ult(view.spent(page, CODE), CODE_TRIES + 1) },
  ];
}

/** Slots are filled from the first on; a word that power interrupted has some of the bits of SPENT or GIVEN, and no other. */
function slots({ terms, flash }: FlashView, page: number, tally: Tally): Condition[] {
  const all = slotsOf(flash, page, tally);
  return all.flatMap((slot, i) => slotConditions(terms, `${tally.name} slot ${i}`, slot, all[i - 1]));
}

/** Whether a word of flash is one of the slots, or carries their count. */
function isOfSlots(index: number, page: number, tally: Tally): boolean {
  const within = index - page * PAGE_WORDS;
  const first = tally.at / 4;
  return (within >= first && within < first + 2 * tally.slots) || within === Math.floor(tally.carriedAt / 4);
}

function slotConditions(terms: Terms, name: string, slot: Slot, before: Slot | undefined): Condition[] {
  const { first, second } = slot;
  const has = (word: Value, bits: number) => terms.eq(terms.bitand(word, bits), bits);
  const isErased = (one: Slot) => terms.and(terms.eq(one.first, ERASED), terms.eq(one.second, ERASED));
  return [
    { name: `${name} was programmed to SPENT or less`, holds: has(first, SPENT) },
    { name: `${name} was programmed to GIVEN or less`, holds: has(second, GIVEN) },
    {
      name: `${name} was spent before it was given back`,
      holds: terms.or(terms.eq(second, ERASED), terms.eq(first, SPENT)),
    },
    {
      name: `${name} comes after one that was used`,
      holds: before ? terms.or(isErased(slot), terms.not(isErased(before))) : true,
    },
  ];
}

/** A wrap is whole, destroyed, or being destroyed because no try is left. */
function wraps(view: FlashView, page: number): Condition[] {
  const { terms } = view;
  const isAny = (at: number) => terms.or(view.isWhole(page, at, SIZE.WRAP), view.isZero(page, at, SIZE.WRAP + 4));
  const noPin = terms.not(terms.ult(view.spent(page, PIN), view.tries(page)));
  const noCode = terms.not(terms.ult(view.spent(page, CODE), CODE_TRIES));
  return [
    {
      name: "the wrap under the PIN is whole or destroyed, or no try is left",
      holds: terms.or(noPin, isAny(AT.PIN_WRAP)),
      first: noPin,
    },
    {
      name: "the other wrap is whole or destroyed, or no unlock code is left",
      holds: terms.or(noCode, isAny(AT.CODE_WRAP)),
      first: noCode,
    },
  ];
}
