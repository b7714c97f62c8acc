// An operation on a card that has started: runs it on every flash that satisfies the invariant, and states what must hold
// wherever power fails in it and at its end. operations.ts lists the operations.
//
//   the invariant   of the page that counts then
//   P2              tries left grow only where the operation may give them back
//   P3              the page that counts is the old one, or the new one, which is the image in memory
//   P4              a wrap that was destroyed stays destroyed, where the operation may not seal it anew

import { allOf, type Proved, wordsOf } from "./counting.js";
import { ERASED, type Operation as FlashOperation } from "./host.js";
import { AT, type FlashView, Life, PAGES, SIZE, settled } from "./invariant.js";
import { type Hook, PAGE_WORDS, type State } from "./machine.js";
import { addInvariant, IMAGE_WORDS, type Setting } from "./setting.js";
import type { Solver } from "./solver.js";
import { CODE, PIN, type Tally } from "./spec.js";
import { isTerm, type Value } from "./terms.js";
import { callsOf } from "./writers.js";

/** How operations end (firmware/outcome.ts). */
export enum Told {
  DONE = 0xa5,
  CRYPTO = 1,
  FLASH = 2,
  RANDOM = 3,
  BATTERY = 4,
  WRONG = 5,
  LAST = 6,
  REFUSED = 7,
}

/** The status word of a command that was done. */
export const SUCCESS = 0x9000;
/** What an operation may return. */
const RESULTS = [...Object.values(Told).filter((one) => typeof one === "number"), SUCCESS];

/** A program of one word. */
type Program = FlashOperation & { readonly kind: "program" };
/** How many sequence numbers a commit tries: two in a row never both give a check value that looks erased. */
export type Taken = 1 | 2;

export abstract class Operation {
  readonly setting: Setting;
  /** The page that counts when the operation begins. */
  protected readonly page: number;
  protected readonly next: number;
  readonly #ends = new Set<number>();

  constructor(setting: Setting, taken: Taken = 1) {
    this.setting = setting;
    this.page = setting.page;
    this.next = (setting.page + 1) % PAGES;
    this.#takeSequence(taken);
  }

  /** The function that is run, and its arguments. */
  abstract readonly name: string;
  readonly args: readonly Value[] = [];

  /** Whether it may program any word of a page that does not count. */
  protected readonly isFree: boolean = false;

  /** Whether the page that it commits may be blank: of a card without secrets, and so without tries. */
  protected readonly wipes: boolean = false;

  /** Runs it, and adds all goals. */
  run(): void {
    for (const end of this.setting.run(this.name, this.args, (operation) => this.#operated(operation))) {
      this.#ended(end);
      this.judge("at the end", end);
      this.ended(end);
    }
  }

  /** Notes what the result of a path may be. */
  #ended(end: State): void {
    const top = end.top();
    const may = isTerm(top) ? RESULTS.filter((one) => this.setting.terms.eq(top, one) !== false) : [top as number];
    for (const one of may) this.#ends.add(one);
    this.setting.goals.reach(`it ends with ${may.join(" or ")}`, end);
  }

  /** The state at an end where the operation was done; undefined: it was not. */
  protected whereDone(end: State): State | undefined {
    const { terms } = this.setting;
    const isDone = terms.eq(end.top(), Told.DONE);
    if (isDone === false) return undefined;
    const done = end.copy();
    if (isDone !== true) done.path = [...done.path, ...terms.conjuncts(isDone)];
    return done;
  }

  /** Decides all goals; with the content of memory and flash that refutes one, if one does. */
  decide(solver: Solver, keep?: (file: string) => void): Proved {
    const { memory, flash } = this.setting.start;
    const { terms, goals } = this.setting;
    const decided = goals.decide(solver, terms.variablesIn([...allOf(memory), ...allOf(flash)]), keep);
    const names = callsOf(this.setting.firmware);
    const calls = [...this.setting.calls].flatMap((call) => names.get(call) ?? []);
    const verdict = { ...decided, ends: [...this.#ends], calls };
    const model = verdict.refuted[0]?.model;
    if (!model) return verdict;
    return {
      ...verdict,
      counterexample: { memory: wordsOf(memory, terms, model), flash: wordsOf(flash, terms, model) },
    };
  }

  /** More that must hold at the end. */
  protected ended(end: State): void {
    this.agrees(end);
  }

  /** The sequence number of the page that counts when the operation begins. */
  protected sequence(): Value {
    return this.setting.before.sequence(this.page);
  }

  /** More that must hold before each flash operation. */
  protected operating(_operation: FlashOperation): void {}

  /** Where the tries of this kind may be given back. */
  protected mayGiveBack(_tally: Tally, _state: State, _page: number): Value {
    return false;
  }

  /** Where a destroyed wrap may be sealed anew. */
  protected maySeal(_at: number, _state: State, _page: number): Value {
    return false;
  }

  /** Memory says of the page that counts what flash says, and no other page can become one that counts. */
  protected agrees(end: State): void {
    const { goals, terms, firmware } = this.setting;
    if (!this.#isMounted(end)) {
      const isDone = terms.or(terms.eq(end.top(), SUCCESS), terms.eq(end.top(), Told.DONE));
      goals.add("memory: only a wipe that could not finish leaves no page", end, this.wipes && terms.not(isDone));
      return;
    }
    const page = this.current(end);
    for (let i = 0; i < IMAGE_WORDS; i++) {
      const is = end.memory.get(firmware.layout.image / 4 + i);
      goals.add("memory: it says what flash says", end, terms.eq(is, end.flash.get(page * PAGE_WORDS + i)));
    }
    for (const { name, holds } of settled(this.setting.view(end.flash), page))
      goals.add(`settled: ${name}`, end, holds);
  }

  /** The page that counts: by memory, or by flash where memory holds no page any more. */
  protected current(state: State): number {
    if (!this.#isMounted(state)) return this.#isCommitted(state) ? this.next : this.page;
    const page = state.memory.get(this.setting.firmware.layout.current / 4);
    if (isTerm(page)) throw new Error("the current page is not known");
    return page as number;
  }

  /** Whether memory holds a page. A wipe that could not finish leaves none, and the card waits for the next power-on. */
  #isMounted({ memory }: State): boolean {
    return memory.get(this.setting.firmware.layout.image / 4) !== 0;
  }

  /** Whether the next page was committed by this operation. */
  #isCommitted({ flash }: State): boolean {
    const index = this.next * PAGE_WORDS + AT.HEAD_CHECK / 4;
    return flash.get(index) !== ERASED && flash.get(index) !== this.setting.start.flash.get(index);
  }

  /** Replaces a function; `before` sees its state and arguments. */
  protected watch(name: string, before: (state: State, args: readonly Value[]) => void): void {
    const { hooks, firmware } = this.setting;
    const index = firmware.index(name);
    const original = hooks.get(index) as Hook;
    hooks.set(index, (machine, state, args) => {
      before(state, args);
      return original(machine, state, args);
    });
  }

  #operated(operation: FlashOperation): void {
    const { goals, terms } = this.setting;
    const { state } = operation;
    this.operating(operation);
    goals.add("battery: nothing is written where it is low", state, this.setting.isUsable());
    if (operation.kind === "erase")
      goals.add("the page that counts is not erased", state, this.current(state) !== operation.page);
    else {
      const isFree = terms.eq(state.flash.get(operation.index), ERASED);
      const isAllowed = terms.or(isFree, terms.eq(operation.value, 0), this.isFree && !this.#isCurrent(operation));
      goals.add("NOR: a word is programmed once, or to zeros", state, isAllowed);
      if (this.commits(operation)) return this.#committing(operation);
    }
    for (const left of this.setting.torn(operation)) this.judge("at a cut", left);
  }

  #isCurrent({ index, state }: Program): boolean {
    return Math.floor(index / PAGE_WORDS) === this.current(state);
  }

  /** Whether the new page is complete, or lacks only the word that commits it. */
  protected isNew(operation: FlashOperation): boolean {
    return operation.kind === "program" ? this.commits(operation) : this.current(operation.state) === this.next;
  }

  /** Whether an operation programs the last word of the new page. */
  protected commits({ index, state }: Program): boolean {
    return this.current(state) === this.page && index === this.next * PAGE_WORDS + AT.HEAD_CHECK / 4;
  }

  /** The word that commits: in part it commits nothing. */
  #committing(operation: Program): void {
    const { terms } = this.setting;
    const [left] = this.setting.torn(operation) as [State];
    left.path = [...left.path, terms.not(terms.eq(left.flash.get(operation.index), operation.value))];
    this.judge("before the commit", left);
    const done = operation.state.copy();
    done.flash.set(operation.index, operation.value);
    this.judge("at the commit", done, this.next);
    this.#isImage("at the commit", done);
  }

  protected judge(when: string, state: State, page = this.current(state)): void {
    addInvariant(this.setting, when, state, page);
    if (page === this.page) this.#isOld(when, state);
    else this.#isNew(when, state, page);
    const view = this.setting.view(state.flash);
    this.#tries(when, state, view, page);
    this.#wraps(when, state, view, page);
  }

  /** P3: nothing of the old page is changed but wraps, root, wipe mark and slots, which the invariant is about. */
  #isOld(when: string, state: State): void {
    const { goals, start } = this.setting;
    const isChanged = (at: number) =>
      state.flash.get(this.page * PAGE_WORDS + at / 4) !== start.flash.get(this.page * PAGE_WORDS + at / 4);
    goals.add(`P3 ${when}: the old page counts, and keeps its head and keys`, state, !KEPT.some(isChanged));
  }

  /** P3: the new page is the next one, and keeps its head and keys. */
  #isNew(when: string, state: State, page: number): void {
    const { goals, terms, firmware } = this.setting;
    goals.add(`P3 ${when}: the new page is the next one`, state, page === this.next);
    if (!this.#isMounted(state)) return;
    for (const at of KEPT) {
      const is = state.flash.get(page * PAGE_WORDS + at / 4);
      const meant = state.memory.get((firmware.layout.image + at) / 4);
      goals.add(`P3 ${when}: the new page counts, and keeps its head and keys`, state, terms.eq(is, meant));
    }
  }

  /** P3: the new page is the image, and no try is spent on it. */
  #isImage(when: string, state: State): void {
    const { goals, terms, firmware } = this.setting;
    for (let i = 0; i < PAGE_WORDS; i++) {
      const meant = i < IMAGE_WORDS ? state.memory.get(firmware.layout.image / 4 + i) : ERASED;
      const is = state.flash.get(this.next * PAGE_WORDS + i);
      goals.add(`P3 ${when}: the new page is the image`, state, terms.eq(is, meant));
    }
  }

  #tries(when: string, state: State, view: FlashView, page: number): void {
    const { goals, terms, before } = this.setting;
    const isBlank = this.wipes && page === this.next && terms.eq(view.byte(page, AT.LIFE), Life.BLANK);
    for (const tally of [PIN, CODE]) {
      const isLess = terms.ult(view.spent(page, tally), before.spent(this.page, tally));
      const holds = terms.implies(isLess, terms.or(isBlank, this.mayGiveBack(tally, state, page)));
      goals.add(`P2 ${when}: no try at a ${tally.name} is given back`, state, holds);
    }
    const isMore = terms.ult(before.tries(this.page), view.tries(page));
    goals.add(
      `P2 ${when}: the page gives no more tries`,
      state,
      terms.implies(isMore, this.mayGiveBack(PIN, state, page)),
    );
  }

  #wraps(when: string, state: State, view: FlashView, page: number): void {
    const { goals, terms, before } = this.setting;
    for (const at of [AT.PIN_WRAP, AT.CODE_WRAP]) {
      const wasZero = before.isZero(this.page, at, SIZE.WRAP + 4);
      const isZero = view.isZero(page, at, SIZE.WRAP + 4);
      const holds = terms.implies(wasZero, terms.or(isZero, this.maySeal(at, state, page)));
      goals.add(`P4 ${when}: a destroyed wrap stays destroyed`, state, holds);
    }
  }

  /**
   * Which sequence number a commit takes: the next one, or the one after it if the check value of the next looks erased
   * (nevertwice.ts: two in a row never do).
   */
  #takeSequence(taken: Taken): void {
    const { firmware, terms, hooks } = this.setting;
    const crc = firmware.index("crypto/crc32/crc32");
    const original = hooks.get(crc) as Hook;
    // Of a mutant, another page may count.
    const old = [this.sequence(), ...[0, 1, 2, 3].map((page) => this.setting.before.sequence(page))];
    hooks.set(crc, (machine, state, args) => {
      const states = original(machine, state, args);
      const [seed, at, length] = args;
      if (at !== firmware.layout.image || length !== SIZE.HEAD) return states;
      const value = state.top();
      for (const step of [1, 2]) {
        if (!old.some((sequence) => seed === terms.add(sequence, step))) continue;
        const looksErased = terms.eq(value, ERASED);
        state.path = [...state.path, step < taken ? looksErased : terms.not(looksErased)];
      }
      return states;
    });
  }
}

/** Offsets of what nothing changes on a page that was committed. */
const KEPT = [...range(0, AT.ROOT), ...range(AT.KEYS, AT.PIN_WRAP)];

function range(from: number, to: number): number[] {
  return Array.from({ length: (to - from) / 4 }, (_, i) => from + i * 4);
}
