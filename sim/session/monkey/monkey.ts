// Random runs: makes steps, plays them, and makes a failing run as short as it can be.

import { Counts } from "./counts.js";
import { Generator } from "./generator.js";
import type { Difference } from "./invariants.js";
import { Disagreement, Play, type PlayOptions } from "./play.js";
import type { Start, Step } from "./steps.js";

export interface Run {
  readonly start: Start;
  readonly steps: readonly Step[];
}

/** A run whose last step showed a difference. */
export interface Finding extends Run {
  readonly difference: Difference;
}

/** How many steps a run has: long enough for deep states, short enough to be shrunk. */
export const RUN_LENGTH = 250;

/** Makes the run of a seed and plays it. Returns what was found, or nothing. */
export function explore(
  module: WebAssembly.Module,
  seed: number,
  options: PlayOptions & { readonly length?: number } = {},
): Finding | undefined {
  const generator = new Generator(seed);
  const start = generator.start();
  const steps: Step[] = [];
  const counts = options.counts;
  const play = new Play(module, start, options);
  try {
    for (let i = 0; i < (options.length ?? RUN_LENGTH); i++) {
      const step = generator.next(play.model);
      steps.push(step);
      if (counts) counts.steps++;
      play.step(step);
    }
  } catch (error) {
    if (!(error instanceof Disagreement)) throw error;
    return { start, steps, difference: error.difference };
  }
  return undefined;
}

/** Plays a run. Returns the difference and the number of the step that showed it, or nothing. */
export function replay(
  module: WebAssembly.Module,
  { start, steps }: Run,
  options: PlayOptions = {},
): { difference: Difference; at: number } | undefined {
  const play = new Play(module, start, options);
  for (const [at, step] of steps.entries()) {
    try {
      play.step(step);
    } catch (error) {
      if (!(error instanceof Disagreement)) throw error;
      return { difference: error.difference, at };
    }
  }
  return undefined;
}

/** The shortest run that still shows the same difference, by leaving steps out and making the others simpler. */
export function shrink(module: WebAssembly.Module, finding: Finding, options: PlayOptions = {}): Finding {
  let best = finding;
  const attempt = (steps: readonly Step[]): boolean => {
    const found = replay(module, { start: finding.start, steps }, options);
    if (found?.difference.what !== finding.difference.what) return false;
    best = { start: finding.start, steps: steps.slice(0, found.at + 1), difference: found.difference };
    return true;
  };
  for (let before = Number.POSITIVE_INFINITY; size(best) < before; ) {
    before = size(best);
    leaveOut(() => best.steps, attempt);
    simplify(() => best.steps, attempt);
  }
  return best;
}

/** Halves first, then ever smaller parts. */
function leaveOut(steps: () => readonly Step[], attempt: (steps: readonly Step[]) => boolean): void {
  for (let part = Math.ceil(steps().length / 2); part >= 1; part = Math.floor(part / 2)) {
    for (let at = 0; at < steps().length; ) {
      const without = [...steps().slice(0, at), ...steps().slice(at + part)];
      if (!attempt(without)) at += part;
    }
  }
}

function simplify(steps: () => readonly Step[], attempt: (steps: readonly Step[]) => boolean): void {
  for (let at = 0; at < steps().length; at++) {
    for (const simpler of simplerThan(steps()[at] as Step)) {
      if (attempt(steps().map((step, index) => (index === at ? simpler : step)))) break;
    }
  }
}

/** Simpler steps than this one, the simplest first. */
function simplerThan(step: Step): Step[] {
  if (step.do === "wait") {
    return [1, 1_000, 30_000, Math.floor(step.ms / 2)].filter((ms) => ms < step.ms).map((ms) => ({ do: "wait", ms }));
  }
  if (step.do === "press" && step.ms !== 80 && step.ms !== 1000)
    return [80, 1000].map((ms) => ({ do: "press", key: step.key, ms }));
  if (step.do === "type" && step.typed.what === "some" && step.typed.digits.length > 1)
    return [{ do: "type", typed: { what: "some", digits: step.typed.digits.slice(1) } }];
  if (step.do === "cut" && (step.torn || step.count > 1))
    return [{ do: "cut", count: step.torn ? step.count : step.count - 1, torn: false }];
  return [];
}

/** Fewer steps count first, then their numbers. */
function size({ steps }: Run): number {
  return steps.reduce((sum, step) => sum + 1 + JSON.stringify(step).length / 1000, 0);
}

/** The lines of the command language that play a run up to its difference. */
export function linesOf(module: WebAssembly.Module, run: Run, options: PlayOptions = {}): string[] {
  const lines: string[] = [];
  replay(module, run, { ...options, onLine: (line) => lines.push(line) });
  return lines;
}

export { Counts };
