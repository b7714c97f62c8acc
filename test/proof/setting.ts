// A card on which page `page` counts: its flash is any that satisfies the invariant, and memory says what flash says, as
// after `mount`. All other memory is unknown.
//
// Which slot for PINs is the first free one is split into cases, since addresses are made of it: slots from there on
// are erased and the one before is not. The invariant says that slots are filled in this order.

import { CheckValues } from "./checkvalues.js";
import { type Effects, UNKNOWN_FUNCTIONS } from "./effects.js";
import type { Firmware } from "./firmware.js";
import { Goals } from "./goals.js";
import { ERASED, importHooks, type Operation, torn } from "./host.js";
import { AT, CODE_TRIES, type Condition, FlashView, invariant, MAGIC, MOST_TRIES } from "./invariant.js";
import { type Hook, Machine, PAGE_WORDS, State, variables } from "./machine.js";
import { CODE, GIVEN, PIN, SPENT, slotIndex, slotsOf, spent, type Tally } from "./spec.js";
import { isTerm, Terms, type Value } from "./terms.js";
import type { Words } from "./words.js";

/** The words of a page that memory holds. */
export const IMAGE_WORDS = AT.WIPE_MARK / 4;

/** As many slots as there can be tries, and one. */
const LAST_SLOTS = MOST_TRIES + 1;
/** In mV: below it no flash is written. */
const EMPTY_BATTERY = 2100;

/** A case: the current page, and its first free slot for a PIN (`PIN.slots`: none is free). */
export interface Case {
  readonly page: number;
  readonly freePin: number;
}

export class Setting {
  readonly terms = new Terms();
  readonly checks = new CheckValues(this.terms);
  readonly goals = new Goals(this.terms);
  readonly start: State;
  readonly before: FlashView;
  readonly firmware: Firmware;
  readonly page: number;
  readonly hooks: Map<number, Hook>;
  #battery: Value = 0;
  #onOperation: (operation: Operation) => void = () => {};

  constructor(firmware: Firmware, effects: Effects, { page, freePin }: Case) {
    this.firmware = firmware;
    this.page = page;
    const { terms } = this;
    const flash = variables(terms, "flash", 1024);
    flash.set(page * PAGE_WORDS, MAGIC);
    this.#spread(flash, page * PAGE_WORDS + AT.LIFE / 4);
    this.#spread(flash, page * PAGE_WORDS + AT.LIFE / 4 + 1);
    this.#split(flash, PIN, freePin);
    const memory = variables(terms, "memory", 1024);
    for (let i = 0; i < IMAGE_WORDS; i++) memory.set(firmware.layout.image / 4 + i, flash.get(page * PAGE_WORDS + i));
    memory.set(firmware.layout.current / 4, page);
    this.start = new State(memory, flash);
    this.before = new FlashView(terms, flash, this.checks);
    this.#assume();
    this.#hint(freePin);
    this.hooks = importHooks(firmware.module, {
      onOperation: (operation) => this.#onOperation(operation),
      battery: () => {
        this.#battery = terms.fresh("battery");
        return this.#battery;
      },
      random: () => terms.fresh("random"),
      randomByte: () => terms.fresh("drawn", terms.byteBits),
    });
    for (const name of UNKNOWN_FUNCTIONS) this.hooks.set(firmware.index(name), effects.hook(name));
    this.hooks.set(firmware.index("crypto/crc32/crc32"), this.#checkValue);
    for (const name of ["tally/spent", "tally/spentBackwards"]) this.hooks.set(firmware.index(name), this.#count);
  }

  view(flash: Words): FlashView {
    return new FlashView(this.terms, flash, this.checks, this.before);
  }

  /** Runs a function from the start; `onOperation` sees each flash operation before it is done. */
  run(name: string, args: readonly Value[], onOperation: (operation: Operation) => void): readonly State[] {
    this.#onOperation = onOperation;
    const { layout, module } = this.firmware;
    const machine = new Machine(module, this.terms, {
      hooks: this.hooks,
      watched: [layout.current, layout.slot],
    });
    return machine.call(this.firmware.index(name), this.start.copy(), args, true);
  }

  /** Whether the battery, as it was measured last, carries a flash operation. */
  isUsable(): Value {
    return this.terms.not(this.terms.ult(this.#battery, EMPTY_BATTERY));
  }

  /** What an operation leaves where power fails in it. */
  torn(operation: Operation): State {
    return torn(this.terms, operation);
  }

  /** The bytes of a word become variables of their own. */
  #spread(flash: Words, index: number): void {
    const { terms } = this;
    flash.set(index, terms.word([0, 1, 2, 3].map((i) => terms.variable(`flash${index}.${i}`, terms.byteBits))));
  }

  #split(flash: Words, tally: Tally, free: number): void {
    const { terms } = this;
    for (let slot = free; slot < tally.slots; slot++)
      for (const i of [0, 1]) flash.set(slotIndex(this.page, tally, slot) + i, ERASED);
    // That those before the last used one are used, too, follows from their order.
    for (let slot = free - 1; slot >= 0; slot--) {
      const [first, second] = [0, 1].map((i) => flash.get(slotIndex(this.page, tally, slot) + i));
      terms.assume(terms.not(terms.and(terms.eq(first as Value, ERASED), terms.eq(second as Value, ERASED))));
    }
  }

  /** A path depends only on the last slots, so the slots before them may be assumed as given back. */
  #hint(freePin: number): void {
    const { terms, goals } = this;
    for (const { first, second } of slotsOf(this.start.flash, this.page, PIN).slice(
      0,
      Math.max(0, freePin - LAST_SLOTS),
    ))
      goals.hints.push(terms.eq(first, SPENT), terms.eq(second, GIVEN));
  }

  #assume(): void {
    const { terms, before, page } = this;
    for (const { holds } of invariant(before, page)) terms.assume(holds);
    for (const tally of [PIN, CODE]) {
      const count = before.spent(page, tally);
      if (isTerm(count)) this.goals.opaque.add(count);
    }
    // These follow from the invariant, and shorten the solver's search.
    terms.assume(terms.ult(before.spent(page, PIN), MOST_TRIES + 1));
    terms.assume(terms.ult(before.spent(page, CODE), CODE_TRIES + 1));
  }

  readonly #checkValue: Hook = (machine, state, [seed, at, length]) => {
    const [from, count] = [machine.address(at as Value), machine.address(length as Value)];
    if (from % 4 !== 0 || count % 4 !== 0) throw new Error("a check value of parts of words");
    const words = Array.from({ length: count / 4 }, (_, i) => machine.loadWord(state, from + i * 4));
    state.stack.push(this.checks.of(seed as Value, words));
    return [state];
  };

  /** Both counts are the specification: counting.ts proves it, for every content of memory and flash. */
  readonly #count: Hook = (machine, state, [at]) => {
    const { layout } = this.firmware;
    const tally = at === PIN.at ? PIN : CODE;
    if (at !== tally.at) throw new Error("a count of unknown tries");
    const page = machine.address(state.memory.get(layout.current / 4));
    const carried = machine.terms.word([machine.loadByte(state, layout.image + tally.carriedAt), 0, 0, 0]);
    for (const index of layout.scratch) state.memory.set(index, machine.terms.fresh("scratch"));
    state.stack.push(spent(machine.terms, slotsOf(state.flash, page, tally), carried));
    return [state];
  };
}

/** Adds the invariant of a state as goals. */
export function addInvariant(setting: Setting, what: string, state: State, page: number): void {
  const conditions: readonly Condition[] = invariant(setting.view(state.flash), page);
  for (const { name, holds, first } of conditions) setting.goals.add(`invariant ${what}: ${name}`, state, holds, first);
}
