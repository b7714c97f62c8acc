// The whole PIN check: any PIN, any battery, any content of flash that satisfies the invariant, and a power cut in any
// flash operation with any of its bits changed. P1: before a key is derived from a PIN, its try is spent in the current
// page. P2: tries are given back only if the tag and the receipt were right. The invariant holds at every cut and at
// the end.

import { allOf, type Proved, wordsOf } from "./counting.js";
import type { Effects } from "./effects.js";
import type { Firmware } from "./firmware.js";
import { ERASED, type Operation } from "./host.js";
import { AT, SIZE } from "./invariant.js";
import type { Hook, State } from "./machine.js";
import { addInvariant, type Case, Setting } from "./setting.js";
import type { Solver } from "./solver.js";
import { GIVEN, PIN, SPENT } from "./spec.js";
import type { Value } from "./terms.js";

/** How a check ends (firmware/outcome.ts). */
enum Told {
  DONE = 0xa5,
  FLASH = 2,
  BATTERY = 4,
  WRONG = 5,
  LAST = 6,
}
/** Where the four digits lie. */
const DIGITS = 0xf00;
/** The use of a derived key (docs/FLASH.md, wraps). */
const USE_PIN = 0x81;

/** Proves the PIN check of one case. */
export function provePinCheck(
  firmware: Firmware,
  effects: Effects,
  solver: Solver,
  one: Case,
  keep?: (file: string) => void,
): Proved {
  const setting = new Setting(firmware, effects, one);
  new PinCheck(setting, one).run();
  const { memory, flash } = setting.start;
  const wanted = setting.terms.variablesIn([...allOf(memory), ...allOf(flash)]);
  const verdict = setting.goals.decide(solver, wanted, keep);
  const model = verdict.refuted[0]?.model;
  if (!model) return verdict;
  const { terms } = setting;
  return { ...verdict, counterexample: { memory: wordsOf(memory, terms, model), flash: wordsOf(flash, terms, model) } };
}

class PinCheck {
  readonly #setting: Setting;
  readonly #page: number;
  /** Whether the tag and the receipt were right, if they were compared. */
  #right: Value = false;

  constructor(setting: Setting, { page }: Case) {
    this.#setting = setting;
    this.#page = page;
  }

  run(): void {
    const { firmware, hooks } = this.#setting;
    const derive = firmware.index("crypto/kdf/derive");
    const unknown = hooks.get(derive) as Hook;
    hooks.set(derive, (machine, state, args) => {
      this.#derived(state, args);
      return unknown(machine, state, args);
    });
    const s2v = firmware.index("crypto/siv/s2v");
    const tag = hooks.get(s2v) as Hook;
    hooks.set(s2v, (machine, state, args) => {
      const states = tag(machine, state, args);
      for (const each of states) this.#tagged(each, args[0] as number);
      return states;
    });
    for (const end of this.#setting.run("pin/check", [DIGITS], (operation) => this.#operated(operation))) {
      this.#judge("at the end", end);
      this.#told(end);
    }
  }

  /** The card's answer: WRONG if a try is left; LAST if none is left, and then the wrap is destroyed. */
  #told(end: State): void {
    const { goals, terms } = this.#setting;
    const page = end.memory.get(this.#setting.firmware.layout.current / 4) as number;
    const view = this.#setting.view(end.flash);
    const isLeft = terms.ult(view.spent(page, PIN), view.tries(page));
    const isTold = (told: Told) => terms.eq(end.top(), told);
    const isGone = view.isZero(page, AT.PIN_WRAP, SIZE.WRAP + 4);
    goals.add(
      "told: one of five",
      end,
      terms.or(...[Told.DONE, Told.FLASH, Told.BATTERY, Told.WRONG, Told.LAST].map(isTold)),
    );
    goals.add("told: WRONG, and a try is left", end, terms.implies(isTold(Told.WRONG), isLeft));
    goals.add("told: LAST, and no try is left", end, terms.implies(isTold(Told.LAST), terms.not(isLeft)));
    goals.add("told: LAST, and the wrap is destroyed", end, terms.implies(isTold(Told.LAST), isGone));
    goals.add("told: DONE, and tag and receipt were right", end, terms.implies(isTold(Told.DONE), this.#right));
  }

  /** P1. */
  #derived(state: State, [, use]: readonly Value[]): void {
    const { goals, terms, before, firmware } = this.#setting;
    if (use !== USE_PIN) throw new Error("a PIN check derives another key than that of a PIN");
    const page = state.memory.get(firmware.layout.current / 4) as number;
    const slot = state.memory.get(firmware.layout.slot / 4) as number;
    const now = this.#setting.view(state.flash).spent(page, PIN);
    goals.add("P1: the slot reads back as spent", state, terms.eq(state.flash.get(slot / 4), SPENT));
    goals.add("P1: one more is spent than before", state, terms.eq(now, terms.add(before.spent(this.#page, PIN), 1)));
    this.#counts("P1", state, page);
  }

  #tagged(state: State, out: number): void {
    const { terms, firmware } = this.#setting;
    const { image, receipt } = firmware.layout;
    const words = [0, 4, 8, 12].map((i) =>
      terms.eq(state.memory.get((out + i) / 4), state.memory.get((image + AT.PIN_WRAP + i) / 4)),
    );
    this.#right = terms.and(...words, terms.eq(state.memory.get(receipt / 4), GIVEN));
  }

  #operated(operation: Operation): void {
    const { goals, terms } = this.#setting;
    const { state } = operation;
    if (operation.kind === "program") {
      const isFree = terms.eq(state.flash.get(operation.index), ERASED);
      goals.add("battery: nothing is written where it is low", state, this.#setting.isUsable());
      goals.add("NOR: a word is programmed once, or to zeros", state, terms.or(isFree, terms.eq(operation.value, 0)));
    }
    this.#judge("at a cut", this.#setting.torn(operation));
  }

  /** P2 and the invariant: the current page stays the current one. */
  #judge(when: string, state: State): void {
    const { goals, terms, before } = this.#setting;
    const view = this.#setting.view(state.flash);
    const isLess = terms.ult(view.spent(this.#page, PIN), before.spent(this.#page, PIN));
    const isSame = terms.eq(view.tries(this.#page), before.tries(this.#page));
    goals.add(`P2 ${when}: tries grow only by a right receipt`, state, terms.or(terms.not(isLess), this.#right));
    goals.add(`P2 ${when}: the page gives as many tries as before`, state, isSame);
    addInvariant(this.#setting, when, state, this.#page);
    this.#keeps(when, state);
  }

  /** P4 for this operation: a wrap that was destroyed is not written. */
  #keeps(when: string, state: State): void {
    const { goals, terms, before } = this.#setting;
    const view = this.#setting.view(state.flash);
    for (const at of [AT.PIN_WRAP, AT.CODE_WRAP]) {
      const wasZero = before.isZero(this.#page, at, SIZE.WRAP + 4);
      goals.add(
        `P4 ${when}: a destroyed wrap stays destroyed`,
        state,
        terms.implies(wasZero, view.isZero(this.#page, at, SIZE.WRAP + 4)),
      );
    }
  }

  /** That a page counts, in a state without a cut. */
  #counts(what: string, state: State, page: number): void {
    const view = this.#setting.view(state.flash);
    const { goals, terms } = this.#setting;
    goals.add(`${what}: the page counts`, state, view.isCommitted(page));
    for (const other of [0, 1, 2, 3].filter((each) => each !== page)) {
      const isOlder = terms.implies(view.isCommitted(other), terms.ult(view.sequence(other), view.sequence(page)));
      goals.add(`${what}: no other page counts`, state, isOlder);
    }
  }
}
