// A try at a PIN or an unlock code, whole: any digits, any battery, any content of flash that satisfies the invariant, and
// a power cut in any flash operation with any of its bits changed.
//
//   P1   before a key is derived from what was entered, its try is spent in the current page
//   P2   tries at PINs are given back only if the tag and the receipt were right; a code gives none back
//   P5   after a right code, the current page has another lock code, and no other page is left

import { ERASED } from "./host.js";
import { AT, CODE_TRIES, type FlashView, SIZE } from "./invariant.js";
import type { Hook, State } from "./machine.js";
import { Operation, type Taken, Told } from "./operation.js";
import { pageWords, type Setting } from "./setting.js";
import { CODE, GIVEN, PIN, SPENT, type Tally } from "./spec.js";
import type { Value } from "./terms.js";

/** Where the digits lie. */
const DIGITS = 0xf00;
/** What a derived key is for (docs/FLASH.md, wraps). */
enum Use {
  PIN = 0x81,
  CODE = 0x82,
}

abstract class OneTry extends Operation {
  override readonly args = [DIGITS];
  protected abstract readonly tally: Tally;
  protected abstract readonly use: Use;
  protected readonly right: RightTry;
  readonly #wrap: number;
  /** Whether a wrap is being opened; a new one may be sealed after it. */
  #isOpening = false;

  constructor(setting: Setting, taken: Taken, wrap: number) {
    super(setting, taken);
    this.#wrap = wrap;
    this.right = new RightTry(setting, wrap);
    const open = setting.firmware.index("onetry/open");
    setting.hooks.set(open, (machine, state, args) => {
      this.#isOpening = true;
      const states = machine.execute(open, state, args);
      this.#isOpening = false;
      return states;
    });
    this.watch("crypto/kdf/derive", (state, args) => this.#derived(state, args));
  }

  /** The tries that there are. */
  protected abstract most(view: FlashView, page: number): Value;

  /** The card's answer: WRONG if a try is left; LAST if none is left, and then the wrap is destroyed. */
  protected override ended(end: State): void {
    super.ended(end);
    const { goals, terms } = this.setting;
    const page = this.current(end);
    const view = this.setting.view(end.flash);
    const isLeft = terms.ult(view.spent(page, this.tally), this.most(view, page));
    const isTold = (told: Told) => terms.eq(end.top(), told);
    const isGone = view.isZero(page, this.#wrap, SIZE.WRAP + 4);
    goals.add("told: one of these", end, terms.or(...ANSWERS.map(isTold)));
    goals.add("told: WRONG, and a try is left", end, terms.implies(isTold(Told.WRONG), isLeft));
    goals.add("told: LAST, and no try is left", end, terms.implies(isTold(Told.LAST), terms.not(isLeft)));
    goals.add("told: LAST, and the wrap is destroyed", end, terms.implies(isTold(Told.LAST), isGone));
    goals.add("told: DONE, and tag and receipt were right", end, terms.implies(isTold(Told.DONE), this.right.was));
  }

  /** P1. */
  #derived(state: State, [, use]: readonly Value[]): void {
    if (!this.#isOpening) return;
    const { goals, terms, before, firmware } = this.setting;
    if (use !== this.use) throw new Error("a key of another use is derived");
    const slot = state.memory.get(firmware.layout.slot / 4) as number;
    const now = this.setting.view(state.flash).spent(this.current(state), this.tally);
    const was = before.spent(this.page, this.tally);
    goals.add("P1: the slot reads back as spent", state, terms.eq(state.flash.get(slot / 4), SPENT));
    goals.add("P1: one more is spent than before", state, terms.eq(now, terms.add(was, 1)));
    this.judge("P1, when a key is derived", state);
  }
}

const ANSWERS = [Told.DONE, Told.FLASH, Told.RANDOM, Told.BATTERY, Told.WRONG, Told.LAST];

/** A PIN check. If no slot is free, it commits a new page first. */
export class PinCheck extends OneTry {
  readonly name = "pin/check";
  protected override readonly tally = PIN;
  protected override readonly use = Use.PIN;

  constructor(setting: Setting, taken: Taken = 1) {
    super(setting, taken, AT.PIN_WRAP);
  }

  protected override most(view: FlashView, page: number): Value {
    return view.tries(page);
  }

  protected override mayGiveBack(tally: Tally): Value {
    return tally === PIN && this.right.was;
  }
}

/** The unlock code. */
export class UnlockCheck extends OneTry {
  readonly name = "unlock/check";
  protected override readonly tally = CODE;
  protected override readonly use = Use.CODE;

  constructor(setting: Setting, taken: Taken) {
    super(setting, taken, AT.CODE_WRAP);
  }

  protected override most(): Value {
    return CODE_TRIES;
  }

  /** P5. */
  protected override ended(end: State): void {
    super.ended(end);
    if (end.top() !== Told.DONE) return;
    const { goals, terms, before } = this.setting;
    const page = this.current(end);
    const view = this.setting.view(end.flash);
    const isOther = terms.not(terms.eq(view.word(page, AT.LOCK_CODE), before.word(this.page, AT.LOCK_CODE)));
    goals.add("P5: a right code is followed by another lock code", end, isOther);
    for (const other of [0, 1, 2, 3].filter((each) => each !== page)) {
      const isErased = pageWords(other).every((index) => end.flash.get(index) === ERASED);
      goals.add("P5: no page with the old lock code is left", end, isErased);
    }
  }
}

/** Whether the tag of a wrap and the receipt in it were right, when they were compared last. */
export class RightTry {
  was: Value = false;

  constructor({ firmware, hooks, terms }: Setting, wrap: number) {
    const s2v = firmware.index("crypto/siv/s2v");
    const original = hooks.get(s2v) as Hook;
    hooks.set(s2v, (machine, state, args) => {
      const states = original(machine, state, args);
      for (const { memory } of states) {
        const { image, receipt } = firmware.layout;
        const isSame = (i: number) =>
          terms.eq(memory.get((args[0] as number) / 4 + i), memory.get((image + wrap) / 4 + i));
        // A try is opened once; a wrap that is sealed after it has a tag of its own.
        if (this.was === false)
          this.was = terms.and(...[0, 1, 2, 3].map(isSame), terms.eq(memory.get(receipt / 4), GIVEN));
      }
      return states;
    });
  }
}
