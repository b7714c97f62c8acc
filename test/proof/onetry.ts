// A try at a PIN or an unlock code, and a new PIN, each whole: any digits, any battery, any content of flash that satisfies the invariant, and
// a power cut in any flash operation with any of its bits changed.
//
//   P1   before a key is derived from what was entered, its try is spent in the current page; one try is used once
//   P2   a try that was used stays spent, unless the tag and the receipt were right; only a right PIN gives others back
//   P5   after a right code, the current page has another lock code, and no other page is left

import { ERASED, type Operation as FlashOperation } from "./host.js";
import { AT, CODE_TRIES, type FlashView, SIZE } from "./invariant.js";
import type { Hook, State } from "./machine.js";
import { Operation, type Taken, Told } from "./operation.js";
import { pageWords, type Setting } from "./setting.js";
import { CODE, GIVEN, PIN, SPENT, type Tally } from "./spec.js";
import { isTerm, type Value } from "./terms.js";
import type { WasmFunction } from "./wasm.js";

/** What a derived key is for (docs/FLASH.md, wraps). */
enum Use {
  PIN = 0x81,
  CODE = 0x82,
  NOTHING = 0x83,
}

abstract class OneTry extends Operation {
  override readonly args: readonly Value[];
  protected abstract readonly tally: Tally;
  protected abstract readonly use: Use;
  readonly #wrap: number;

  constructor(setting: Setting, taken: Taken, wrap: number) {
    super(setting, taken);
    this.#wrap = wrap;
    this.args = [setting.terms.variable("digits")];
    noteRightTries(setting, wrap);
    this.watch("crypto/kdf/derive", (state, args) => this.#derived(state, args));
  }

  /** The tries that there are. */
  protected abstract most(view: FlashView, page: number): Value;

  /** The card's answer: WRONG if a try is left; LAST if none is left, and then the wrap is destroyed. */
  protected override ended(end: State): void {
    super.ended(end);
    const { goals, terms, firmware } = this.setting;
    const page = this.current(end);
    const view = this.setting.view(end.flash);
    const isLeft = terms.ult(view.spent(page, this.tally), this.most(view, page));
    const isTold = (told: Told) => terms.eq(end.top(), told);
    const isGone = view.isZero(page, this.#wrap, SIZE.WRAP + 4);
    goals.add("told: one of these", end, terms.or(...ANSWERS.map(isTold)));
    goals.add("told: WRONG, and a try is left", end, terms.implies(isTold(Told.WRONG), isLeft));
    goals.add("told: LAST, and no try is left", end, terms.implies(isTold(Told.LAST), terms.not(isLeft)));
    goals.add("told: LAST, and the wrap is destroyed", end, terms.implies(isTold(Told.LAST), isGone));
    goals.add("told: DONE, and tag and receipt were right", end, terms.implies(isTold(Told.DONE), end.right));
    const isClosed = terms.not(terms.eq(end.memory.get(firmware.layout.receipt / 4), GIVEN));
    const isClosedAgain = terms.implies(terms.eq(end.noted, USED), terms.or(isTold(Told.DONE), isClosed));
    goals.add("told: not DONE, and nothing is open", end, isClosedAgain);
  }

  /** P2: a try stays spent once a key was derived from what was entered. */
  protected override judge(when: string, state: State, page = this.current(state)): void {
    super.judge(when, state, page);
    const { goals, terms, before } = this.setting;
    const spent = this.setting.view(state.flash).spent(page, this.tally);
    const isSpent = terms.not(terms.ult(spent, this.#spentWith(before)));
    const wasUsed = terms.eq(state.noted, USED);
    goals.add(`P2 ${when}: the try stays spent`, state, terms.implies(wasUsed, terms.or(isSpent, state.right)));
  }

  /** P1. After a right try another key is derived, of what is sealed then. */
  #derived(state: State, [, use]: readonly Value[]): void {
    const { goals, terms, before, firmware } = this.setting;
    if (use !== this.use) throw new Error("a key of another use is derived");
    const slot = state.memory.get(firmware.layout.slot / 4);
    const word = isTerm(slot) ? 0 : state.flash.get((slot as number) / 4);
    const now = this.setting.view(state.flash).spent(this.current(state), this.tally);
    const add = (what: string, holds: Value) => goals.add(`P1: ${what}`, state, terms.or(state.right, holds));
    add("the slot reads back as spent", terms.eq(word, SPENT));
    add("one more is spent than before", terms.eq(now, this.#spentWith(before)));
    add("a try is used once", terms.eq(state.noted, 0));
    this.judge("P1, when a key is derived", state);
    state.noted = USED;
  }

  /** Tries spent with this one. */
  #spentWith(before: FlashView): Value {
    return this.setting.terms.add(before.spent(this.page, this.tally), 1);
  }
}

/** Noted of a path on which a key was derived from what was entered. */
const USED = 1;
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

  protected override mayGiveBack(tally: Tally, state: State): Value {
    return tally === PIN && state.right;
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
    const done = this.whereDone(end);
    if (!done) return;
    const { goals, terms, before } = this.setting;
    const page = this.current(done);
    const view = this.setting.view(done.flash);
    const isOther = terms.not(terms.eq(view.word(page, AT.LOCK_CODE), before.word(this.page, AT.LOCK_CODE)));
    goals.add("P5: a right code is followed by another lock code", done, isOther);
    for (const other of [0, 1, 2, 3].filter((each) => each !== page)) {
      const isErased = pageWords(other).every((index) => done.flash.get(index) === ERASED);
      goals.add("P5: no page with the old lock code is left", done, isErased);
    }
  }
}

/** A new PIN. It needs open secrets, which only a right PIN, a right unlock code or a personalization leaves. */
export class SetPin extends Operation {
  readonly name = "pin/set";
  override readonly args: readonly Value[];

  constructor(setting: Setting, taken: Taken) {
    super(setting, taken);
    this.args = [setting.terms.variable("digits")];
    this.watch("crypto/kdf/derive", (state) =>
      setting.goals.add("P2: a PIN is sealed while secrets are open", state, this.#isOpen()),
    );
  }

  protected override mayGiveBack(_tally: Tally, _state: State): Value {
    return this.#isOpen();
  }

  protected override maySeal(): Value {
    return this.#isOpen();
  }

  #isOpen(): Value {
    const { terms, start, firmware } = this.setting;
    return terms.eq(start.memory.get(firmware.layout.receipt / 4), GIVEN);
  }
}

/**
 * Notes of each state whether the tag of a wrap in flash and the receipt that came out of it were right, when they were
 * compared first: a wrap that is sealed later has a tag of its own.
 */
function noteRightTries({ firmware, hooks, terms, before, page }: Setting, wrap: number): void {
  const s2v = firmware.index("crypto/siv/s2v");
  const original = hooks.get(s2v) as Hook;
  hooks.set(s2v, (machine, state, args) => {
    const states = original(machine, state, args);
    for (const each of states.filter(({ right }) => right === false)) {
      const isSame = (i: number) =>
        terms.eq(each.memory.get((args[0] as number) / 4 + i), before.word(page, wrap + i * 4));
      const receipt = each.memory.get(firmware.layout.receipt / 4);
      const isOpened = isTerm(receipt) && receipt.name.startsWith(DECRYPTED);
      each.right = isOpened && terms.and(...[0, 1, 2, 3].map(isSame), terms.eq(receipt, GIVEN));
    }
    return states;
  });
}
/** Begins the names of words that come out of a wrap. */
const DECRYPTED = "crypto/siv/ctr!";

/** A card whose PIN a site judges opens its secrets without one: with a key that no digits go into. */
export class OpenUnchecked extends Operation {
  readonly name = "pin/openUnchecked";
  override readonly args: readonly Value[];

  constructor(setting: Setting, taken: Taken) {
    super(setting, taken);
    const { firmware, terms } = setting;
    const { parameters } = (
      firmware.module.functions[firmware.index(this.name) - firmware.module.imports.length] as WasmFunction
    ).type;
    this.args = parameters.map((_, i) => terms.variable(`argument${i}`));
    this.watch("crypto/kdf/derive", (state, [, use, , length]) => {
      const isOfNothing = use === Use.NOTHING && length === CONTEXT_SIZE;
      setting.goals.add("P1: without a try, a key is derived from nothing that was entered", state, isOfNothing);
    });
  }

  protected override operating({ state }: FlashOperation): void {
    this.setting.goals.add("nothing is written where no PIN is checked", state, false);
  }
}
/** Bytes that go into every key of a wrap besides what was entered. */
const CONTEXT_SIZE = 8;
