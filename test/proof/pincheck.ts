// The whole PIN check: any PIN, any battery, any content of flash that satisfies the invariant, and a power cut in any
// flash operation with any of its bits changed. P1: before a key is derived from a PIN, its try is spent in the current
// page. P2: tries are given back only if the tag and the receipt were right. If no slot is free, the check commits a new
// page first.

import { AT, SIZE } from "./invariant.js";
import type { Hook, State } from "./machine.js";
import { Operation, type Taken, Told } from "./operation.js";
import type { Setting } from "./setting.js";
import { GIVEN, PIN, SPENT, type Tally } from "./spec.js";
import type { Value } from "./terms.js";

/** Where the four digits lie. */
const DIGITS = 0xf00;
/** The use of a derived key (docs/FLASH.md, wraps). */
const USE_PIN = 0x81;

export class PinCheck extends Operation {
  readonly name = "pin/check";
  override readonly args = [DIGITS];
  readonly #right: RightTry;

  constructor(setting: Setting, taken: Taken = 1) {
    super(setting, taken);
    this.#right = new RightTry(setting, AT.PIN_WRAP);
    this.watch("crypto/kdf/derive", (state, args) => this.#derived(state, args));
  }

  protected override mayGiveBack(tally: Tally): Value {
    return tally === PIN && this.#right.was;
  }

  /** The card's answer: WRONG if a try is left; LAST if none is left, and then the wrap is destroyed. */
  protected override ended(end: State): void {
    super.ended(end);
    const { goals, terms } = this.setting;
    const page = this.current(end);
    const view = this.setting.view(end.flash);
    const isLeft = terms.ult(view.spent(page, PIN), view.tries(page));
    const isTold = (told: Told) => terms.eq(end.top(), told);
    const isGone = view.isZero(page, AT.PIN_WRAP, SIZE.WRAP + 4);
    goals.add("told: one of five", end, terms.or(...ANSWERS.map(isTold)));
    goals.add("told: WRONG, and a try is left", end, terms.implies(isTold(Told.WRONG), isLeft));
    goals.add("told: LAST, and no try is left", end, terms.implies(isTold(Told.LAST), terms.not(isLeft)));
    goals.add("told: LAST, and the wrap is destroyed", end, terms.implies(isTold(Told.LAST), isGone));
    goals.add("told: DONE, and tag and receipt were right", end, terms.implies(isTold(Told.DONE), this.#right.was));
  }

  /** P1. */
  #derived(state: State, [, use]: readonly Value[]): void {
    const { goals, terms, before, firmware } = this.setting;
    if (use !== USE_PIN) throw new Error("a PIN check derives another key than that of a PIN");
    const slot = state.memory.get(firmware.layout.slot / 4) as number;
    const now = this.setting.view(state.flash).spent(this.current(state), PIN);
    goals.add("P1: the slot reads back as spent", state, terms.eq(state.flash.get(slot / 4), SPENT));
    goals.add("P1: one more is spent than before", state, terms.eq(now, terms.add(before.spent(this.page, PIN), 1)));
    this.judge("P1, when a PIN is derived with", state);
  }
}

const ANSWERS = [Told.DONE, Told.FLASH, Told.BATTERY, Told.WRONG, Told.LAST];

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
