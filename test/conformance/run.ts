// All scenarios on a target, one after the other.

import { loadFirmware } from "../../sim/session/firmware.js";
import type { Script } from "../../sim/session/playing.js";
import type { Observed } from "../support/development.js";
import { type Difference, expectedOf, play } from "./play.js";
import { type Play, playOf } from "./script.js";
import type { Target } from "./target.js";

/** A scenario with what the simulator shows. */
export interface Prepared {
  readonly play: Play;
  readonly expected: readonly Observed[];
}

export interface Result {
  readonly name: string;
  readonly steps: number;
  readonly difference: Difference | undefined;
}

export function prepare(scripts: readonly Script[]): Prepared[] {
  const module = loadFirmware();
  return scripts.map((script) => {
    const one = playOf(script, module);
    return { play: one, expected: expectedOf(one, module) };
  });
}

/** Plays all scenarios. After a difference the target is opened anew. */
export async function runAll(
  open: () => Promise<Target>,
  scenarios: readonly Prepared[],
  tell: (result: Result, target: Target) => void = () => {},
): Promise<Result[]> {
  const results: Result[] = [];
  let target = await open();
  try {
    for (const { play: one, expected } of scenarios) {
      const difference = await play(target, one, expected);
      const result = { name: one.name, steps: one.steps.length, difference };
      results.push(result);
      tell(result, target);
      if (!difference) continue;
      await target.close();
      target = await open();
    }
  } finally {
    await target.close();
  }
  return results;
}
