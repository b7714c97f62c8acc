// A card on which page `page` counts: its flash is any that satisfies the invariant, and memory says what flash says, as
// after `mount`. All other memory is unknown.
//
// Which slot for PINs is the first free one is split into cases, since addresses are made of it: slots from there on
// are erased and the one before is not. The invariant says that slots are filled in this order.

import { CheckValues } from "./checkvalues.js";
import { answering, type Effects, UNKNOWN_FUNCTIONS } from "./effects.js";
import { constantWord, type Firmware, refuseConstant } from "./firmware.js";
import { Goals } from "./goals.js";
import { ERASED, importHooks, type Operation, torn } from "./host.js";
import {
  AT,
  CODE_TRIES,
  type Condition,
  FlashView,
  invariant,
  MAGIC,
  MOST_TRIES,
  neverStarted,
  SIZE,
  settled,
} from "./invariant.js";
import { type Hook, Machine, PAGE_WORDS, State, variables } from "./machine.js";
import { CODE, GIVEN, PIN, SPENT, slotIndex, slotsOf, spent, type Tally } from "./spec.js";
import { BOOL, isTerm, Terms, type Value } from "./terms.js";
import type { Instruction } from "./wasm.js";
import type { Words } from "./words.js";

/** The words of a page that memory holds. */
export const IMAGE_WORDS = AT.WIPE_MARK / 4;

/** The words that make a page one that was committed. With a choice of two in one, a state would be both kinds of page. */
const COMMIT_WORDS = [0, 1, 2, 3].flatMap((page) => [0, AT.HEAD_CHECK / 4].map((i) => page * PAGE_WORDS + i));
/** Functions that compute an address from the data that they find: the length of what was padded. */
const COMPUTING = ["scp03/unwrap"];
/** Fewer commits than sequence numbers, and two more may follow. */
const MOST_COMMITS = 0xfffffffd;
/** As many slots as there can be tries, and one. */
const LAST_SLOTS = MOST_TRIES + 1;
/** More bytes than are drawn at once. */
const MOST_DRAWN = 64;
/** In mV: below it no flash is written. */
const EMPTY_BATTERY = 2100;

/**
 * A case: the current page, and its first free slots for a PIN and for an unlock code (as many as there are: none is
 * free). Where the operation uses no slot, there is no need to say which is free.
 */
export interface Case {
  readonly page: number;
  readonly freePin?: number;
  readonly freeCode?: number;
}

/** When an operation begins: while the card is on, at power-on, or at the first power-on. */
export type Begins = "on" | "power-on" | "never started";

export class Setting {
  readonly terms = new Terms();
  readonly checks = new CheckValues(this.terms);
  readonly goals = new Goals(this.terms);
  readonly start: State;
  readonly before: FlashView;
  readonly firmware: Firmware;
  readonly effects: Effects;
  readonly page: number;
  readonly hooks: Map<number, Hook>;
  /** The calls that were executed. */
  readonly calls = new Set<Instruction>();
  /** The bytes that were drawn last. */
  drawn: Value[] = [];
  /** What the random source said last. */
  works: Value = 0;
  #battery: Value = 0;
  /** Whether the page that was looked at last is blank. */
  #blank: { readonly page: Value; readonly result: Value } = { page: 0, result: false };
  readonly #begins: Begins;
  readonly #implications: { readonly path: readonly Value[]; readonly implied: Value }[] = [];
  #onOperation: (operation: Operation) => void = () => {};

  constructor(firmware: Firmware, effects: Effects, { page, freePin, freeCode }: Case, begins: Begins = "on") {
    this.firmware = firmware;
    this.effects = effects;
    this.#begins = begins;
    this.page = page;
    const { terms } = this;
    const flash = variables(terms, "flash", 1024);
    if (begins !== "never started") flash.set(page * PAGE_WORDS, MAGIC);
    this.#spread(flash, page * PAGE_WORDS + AT.LIFE / 4);
    this.#spread(flash, page * PAGE_WORDS + AT.LIFE / 4 + 1);
    if (freePin !== undefined) this.#split(flash, PIN, freePin);
    if (freeCode !== undefined) this.#split(flash, CODE, freeCode);
    const memory = variables(terms, "memory", 1024);
    for (let i = 0; i < IMAGE_WORDS; i++) memory.set(firmware.layout.image / 4 + i, flash.get(page * PAGE_WORDS + i));
    memory.set(firmware.layout.current / 4, page);
    for (const [index, bytes] of firmware.constants) memory.set(index, constantWord(terms, index, bytes));
    this.start = new State(memory, flash);
    this.before = new FlashView(terms, flash, this.checks);
    this.#nameCount(PIN, freePin);
    this.#nameCount(CODE, freeCode);
    this.#assume();
    this.#hint(freePin);
    this.hooks = importHooks(firmware.module, {
      onOperation: (operation) => this.#onOperation(operation),
      battery: () => {
        this.#battery = terms.fresh("battery");
        return this.#battery;
      },
      panel: () => terms.fresh("panel"),
      random: () => {
        this.works = terms.fresh("random");
        return this.works;
      },
      randomByte: () => {
        const byte = terms.fresh("drawn", terms.byteBits);
        this.drawn = [...this.drawn.slice(-MOST_DRAWN), byte];
        return byte;
      },
    });
    for (const name of UNKNOWN_FUNCTIONS) this.hooks.set(firmware.index(name), effects.hook(name));
    answering(firmware, "crypto/crc32/crc32", (width) => terms.fresh("none", width));
    this.hooks.set(firmware.index("crypto/crc32/crc32"), this.#checkValue);
    this.hooks.set(firmware.index("flash/isBlank"), this.#isBlank);
    this.hooks.set(firmware.index("flash/clear"), this.#clear);
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
      // A page in memory and none, after a wipe that could not finish, are kept apart.
      watched: [layout.current, layout.slot, ...(this.#begins === "on" ? [layout.image] : [])],
      kept: COMMIT_WORDS,
      apart: new Set(COMPUTING.map((name) => this.firmware.index(name))),
      anything: (width) => this.terms.fresh("elsewhere", width),
      onCall: (call) => this.calls.add(call),
      implied: (path) => this.#implied(path),
      onStore: (index) => refuseConstant(this.firmware, index),
    });
    return machine.call(this.firmware.index(name), this.start.copy(), args, true);
  }

  /** What a path implies of pages that were committed: it follows from the invariant. */
  #implied(path: readonly Value[]): readonly Value[] {
    return this.#implications
      .filter((one) => !path.includes(one.implied) && one.path.every((condition) => path.includes(condition)))
      .map(({ implied }) => implied);
  }

  /** Whether the battery, as it was measured last, carries a flash operation. */
  isUsable(): Value {
    return this.terms.not(this.terms.ult(this.#battery, EMPTY_BATTERY));
  }

  /**
   * What an operation leaves where power fails in it. A page that was erased in part has its head as before, or one that
   * was not committed: that CRC-32 does not hold on a head that was erased in part is assumed.
   */
  torn(operation: Operation): readonly State[] {
    const left = torn(this.terms, operation);
    if (operation.kind === "program") return [left];
    const kept = left.copy();
    for (let i = 0; i <= SIZE.HEAD / 4; i++) {
      const index = operation.page * PAGE_WORDS + i;
      kept.flash.set(index, operation.state.flash.get(index));
    }
    left.path = [...left.path, this.terms.not(this.view(left.flash).isCommitted(operation.page))];
    return [kept, left];
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

  /**
   * Slots that a path does not depend on may be assumed as given back, or as erased. A path that cannot be taken then is
   * asked for without these.
   */
  #hint(freePin: number | undefined): void {
    const { terms, goals } = this;
    const slots = slotsOf(this.start.flash, this.page, PIN);
    if (freePin === undefined) for (const { first } of slots) goals.hints.push(terms.eq(first, ERASED));
    else
      for (const { first, second } of slots.slice(0, Math.max(0, freePin - LAST_SLOTS)))
        goals.hints.push(terms.eq(first, SPENT), terms.eq(second, GIVEN));
  }

  #assume(): void {
    const { terms, before, page } = this;
    for (const { holds } of this.#conditions()) terms.assume(holds);
    for (const other of [0, 1, 2, 3].filter((each) => each !== page || this.#begins === "never started"))
      this.#implications.push({
        path: terms.conjuncts(before.isCommitted(other)),
        implied: this.#begins === "never started" ? false : terms.ult(before.sequence(other), before.sequence(page)),
      });
    if (this.#begins === "never started") return;
    terms.assume(terms.ult(before.sequence(page), MOST_COMMITS));
    // These follow from the invariant, and shorten the solver's search.
    terms.assume(terms.ult(before.spent(page, PIN), MOST_TRIES + 1));
    terms.assume(terms.ult(before.spent(page, CODE), CODE_TRIES + 1));
  }

  /** What flash satisfies when the operation begins. */
  #conditions(): readonly Condition[] {
    const { before, page } = this;
    if (this.#begins === "never started") return neverStarted(before);
    return this.#begins === "on" ? [...invariant(before, page), ...settled(before, page)] : invariant(before, page);
  }

  readonly #checkValue: Hook = (machine, state, [seed, at, length]) => {
    const [from, count] = [machine.address(at as Value), machine.address(length as Value)];
    if (from % 4 !== 0 || count % 4 !== 0) throw new Error("a check value of parts of words");
    const loaded = Array.from({ length: count / 4 }, (_, i) => machine.loadWord(state, from + i * 4));
    const words = loaded.map((word) => machine.terms.restrict(word, state.path));
    state.stack.push(this.checks.of(seed as Value, words));
    return [state];
  };

  /** `isBlank` is its specification, which counting.ts proves. */
  readonly #isBlank: Hook = (machine, state, [page]) => {
    const { terms } = this;
    for (const index of this.firmware.layout.scratch) state.memory.set(index, terms.fresh("scratch"));
    const words = pageWords(machine.address(page as Value));
    const isBlank = terms.and(...words.map((index) => terms.eq(state.flash.get(index), ERASED)));
    const result = isTerm(isBlank) ? terms.fresh("blank", BOOL) : isBlank;
    this.#blank = { page: page as Value, result };
    state.stack.push(terms.ite(result, 1, 0));
    return [state];
  };

  /** A page that was found blank was not erased; from then on its words are known. */
  readonly #clear: Hook = (machine, state, args) => {
    const states = machine.execute(this.firmware.index("flash/clear"), state, args);
    const blank = this.#blank;
    for (const each of states.filter(({ path }) => blank.page === args[0] && path.includes(blank.result)))
      for (const index of pageWords(args[0] as number)) each.flash.set(index, ERASED);
    return machine.merge(states, true);
  };

  /** Nothing depends on how a count came about: only the queries that look into everything say what its name means. */
  #nameCount(tally: Tally, free = tally.slots): void {
    const { terms, before, page } = this;
    const name = terms.variable(`spent.${tally.name}`);
    const count = before.spent(page, tally);
    terms.assume(terms.eq(name, count));
    if (isTerm(count)) this.goals.opaque.add(count);
    before.nameSpent(page, tally, name, free);
  }

  /** Both counts are the specification: counting.ts proves it, for every content of memory and flash. */
  readonly #count: Hook = (machine, state, [at]) => {
    const { layout } = this.firmware;
    const tally = at === PIN.at ? PIN : CODE;
    if (at !== tally.at) throw new Error("a count of unknown tries");
    const page = machine.address(state.memory.get(layout.current / 4));
    const carried = machine.terms.word([machine.loadByte(state, layout.image + tally.carriedAt), 0, 0, 0]);
    for (const index of layout.scratch) state.memory.set(index, machine.terms.fresh("scratch"));
    const view = this.view(state.flash);
    const isAsInFlash = carried === view.byte(page, tally.carriedAt);
    state.stack.push(
      isAsInFlash ? view.spent(page, tally) : spent(machine.terms, slotsOf(state.flash, page, tally), carried),
    );
    return [state];
  };
}

/** The numbers of a page's words. */
export function pageWords(page: number): readonly number[] {
  return Array.from({ length: PAGE_WORDS }, (_, i) => page * PAGE_WORDS + i);
}

/** Adds the invariant of a state as goals. */
export function addInvariant(setting: Setting, what: string, state: State, page: number): void {
  const conditions: readonly Condition[] = invariant(setting.view(state.flash), page);
  for (const { name, holds, first } of conditions) setting.goals.add(`invariant ${what}: ${name}`, state, holds, first);
}
