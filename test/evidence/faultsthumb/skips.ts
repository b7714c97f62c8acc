// Which executions of which instructions are skipped.

import { Random } from "../../../sim/core/random.js";

const SEED = 1;

/** An executed instruction, counted from the release of OK. */
export interface Step {
  readonly index: number;
  readonly address: number;
}

/**
 * All executions of each instruction up to this number; beyond it the first, the last and a seeded choice. Code that
 * decides runs rarely, code that encrypts runs often.
 */
export function choose(steps: readonly Step[], most: number): Step[] {
  const random = new Random(SEED);
  const byAddress = new Map<number, Step[]>();
  for (const step of steps) {
    const list = byAddress.get(step.address);
    if (list) list.push(step);
    else byAddress.set(step.address, [step]);
  }
  return [...byAddress.values()].flatMap((list) => someOf(list, most, random));
}

function someOf(list: readonly Step[], most: number, random: Random): Step[] {
  if (list.length <= most) return [...list];
  const first = list[0] as Step;
  const last = list.at(-1) as Step;
  const chosen = new Set(most > 1 ? [first, last] : [first]);
  while (chosen.size < most) chosen.add(list[random.next() % list.length] as Step);
  return [...chosen];
}

/** A seeded sample of a plan. */
export function sample(steps: readonly Step[], size: number): Step[] {
  const random = new Random(SEED);
  return Array.from({ length: Math.min(size, steps.length) }, () => steps[random.next() % steps.length] as Step);
}
