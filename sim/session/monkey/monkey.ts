// Random runs: made by a seed and played, or played again.

import { Disagreement } from "./comparison.js";
import { Generator } from "./generator.js";
import type { Difference } from "./invariants.js";
import { Play, type PlayOptions } from "./play.js";
import type { Start, Step } from "./steps.js";

export interface Run {
  readonly start: Start;
  readonly steps: readonly Step[];
  /** Known differences that are skipped. */
  readonly ignores?: readonly string[];
}

/** A run whose last step showed a difference. */
export interface Finding extends Run {
  readonly difference: Difference;
}

/** What a run showed, and in which step. */
export interface Shown {
  readonly difference: Difference;
  readonly at: number;
}

/** The number of steps in a run: enough for deep states, few enough to shrink. */
export const RUN_LENGTH = 250;

/** Makes the run of a seed and plays it. Returns the finding, if any. */
export function explore(
  module: WebAssembly.Module,
  seed: number,
  options: PlayOptions & { readonly length?: number; readonly ignores?: readonly string[] } = {},
): Finding | undefined {
  const { ignores = [] } = options;
  const generator = new Generator(seed);
  const start = generator.start();
  const steps: Step[] = [];
  const counts = options.counts;
  const play = playOf(module, { start, ignores }, options);
  try {
    for (let i = 0; i < (options.length ?? RUN_LENGTH); i++) {
      const step = generator.next(play.model);
      steps.push(step);
      if (counts) counts.steps++;
      play.step(step);
    }
  } catch (error) {
    if (!(error instanceof Disagreement)) throw error;
    return { start, steps, ignores, difference: error.difference };
  }
  return undefined;
}

/** The play of a run, before its first step. */
export function playOf(
  module: WebAssembly.Module,
  { start, ignores = [] }: Pick<Run, "start" | "ignores">,
  options: PlayOptions = {},
): Play {
  return new Play(module, start, { ...options, ignore: new Set(ignores) });
}

/** Plays a run. Returns what it showed, if anything. */
export function replay(module: WebAssembly.Module, run: Run, options: PlayOptions = {}): Shown | undefined {
  const play = playOf(module, run, options);
  for (const [at, step] of run.steps.entries()) {
    try {
      play.step(step);
    } catch (error) {
      if (!(error instanceof Disagreement)) throw error;
      return { difference: error.difference, at };
    }
  }
  return undefined;
}
