// Random steps for a card that is reached only by its keys, in real time: no long waits, and nothing that blocks the
// card for good.

import { Key, State } from "../../../firmware/wire.js";
import type { Model } from "../../core/model/model.js";
import { Generator } from "./generator.js";
import { rightCode } from "./host.js";
import { LONG, type Step } from "./steps.js";

/** The longest wait, in ms; instead of waiting longer, the card is turned off. */
const LONGEST_WAIT = 4_000;
/** Slightly after the card does something by itself. */
const AFTER = 50;
/** The number of code tries that are never used. */
const SPARED_CODES = 2;
const TURN_OFF: Step = { do: "press", key: Key.PRESS, ms: LONG };

export class KeySteps {
  readonly #generator: Generator;

  constructor(seed: number) {
    this.#generator = new Generator(seed);
  }

  /** The next step; `model` is the card as it is. */
  next(model: Model): Step {
    for (;;) {
      const step = playable(this.#generator.next(model), model);
      if (step) return step;
    }
  }
}

/** The step as keys; undefined if keys cannot do it, or must not. */
function playable(step: Step, model: Model): Step | undefined {
  switch (step.do) {
    case "contact":
      return mayBlock(step.key, model) ? undefined : step;
    case "press":
      return mayBlock(step.key, model) ? undefined : { ...step, ms: Math.min(step.ms, LONG) };
    case "type":
      return isSpared(model) && step.typed.what !== "right code" ? undefined : step;
    case "wait":
      return { do: "wait", ms: 1 + (step.ms % LONGEST_WAIT) };
    case "await":
      return model.due > LONGEST_WAIT ? TURN_OFF : { do: "wait", ms: model.due + AFTER };
    default:
      return undefined;
  }
}

/** An unlock code is entered, and few code tries are left. */
function isSpared({ state, kept }: Model): boolean {
  return state === State.UNLOCK && kept.codes <= SPARED_CODES;
}

/** OK would submit a wrong code. */
function mayBlock(key: number, model: Model): boolean {
  return isSpared(model) && key === Key.OK && model.ram.entered !== rightCode(model.kept);
}
