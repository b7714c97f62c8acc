// Random steps for a card of which only the keys can be reached, in real time: no long waits, and nothing that blocks it for
// good, since nobody could unlock it again.

import { Key, State } from "../../../firmware/wire.js";
import type { Model } from "../../core/model/model.js";
import { Generator } from "./generator.js";
import { rightCode } from "./host.js";
import { LONG, type Step } from "./steps.js";

/** The longest wait, in ms; who would have to wait longer turns the card off. */
const LONGEST_WAIT = 4_000;
/** A little later than when the card does something by itself. */
const AFTER = 50;
/** So many wrong unlock codes stay untried. */
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

/** The step as keys can do it; nothing where they cannot, or must not. */
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

/** An unlock code is entered, and few are left. */
function isSpared({ state, kept }: Model): boolean {
  return state === State.UNLOCK && kept.codes <= SPARED_CODES;
}

/** OK would give another code than the right one. */
function mayBlock(key: number, model: Model): boolean {
  return isSpared(model) && key === Key.OK && model.ram.entered !== rightCode(model.kept);
}
