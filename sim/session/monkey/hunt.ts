// `dsc-sim monkey`: plays the runs of one seed after another until one finds something or the time is over. A finding
// is shrunk and shown as lines of a command file.

import { setImmediate as pause } from "node:timers/promises";
import { Counts } from "./counts.js";
import { explore, type Finding, replay } from "./monkey.js";
import { scriptOf, shows } from "./script.js";
import { shrinkings } from "./shrink.js";

/** The progress. */
export interface Progress {
  readonly runs: number;
  readonly counts: Counts;
}

export interface Found {
  /** The seed of the first run that found something. */
  readonly seed: number;
  /** The shortest run that shows it. */
  readonly finding: Finding;
  /** The lines of a command file. */
  readonly lines: readonly string[];
  /** Whether that fails in its last line. */
  readonly shown: boolean;
}

export interface Hunted extends Progress {
  readonly found?: Found;
}

export interface HuntOptions {
  /** Called before each run. */
  readonly isOver: (progress: Progress) => boolean;
  /** Called when something was found, before it is shrunk. */
  readonly onFound?: (seed: number, finding: Finding) => void;
}

/** The number of further runs that look for something a command file can show. */
const FURTHER_RUNS = 400;

/** Plays runs from that of `seed` on. Between them, signals and timers are handled. */
export async function hunt(module: WebAssembly.Module, seed: number, options: HuntOptions): Promise<Hunted> {
  const counts = new Counts();
  let runs = 0;
  for (let next = seed; !options.isOver({ runs, counts }); next = following(next)) {
    runs++;
    const finding = explore(module, next, { counts });
    if (finding) {
      options.onFound?.(next, finding);
      return { runs, counts, found: await told(module, next, finding) };
    }
    await pause();
  }
  return { runs, counts };
}

function following(seed: number): number {
  return (seed + 1) >>> 0;
}

/**
 * Shrinks a finding and writes its lines. Some differences show neither on the screen nor in an answer, such as when
 * the card wants to be called next: then the search continues without them, until their consequences are visible.
 */
async function told(module: WebAssembly.Module, seed: number, first: Finding): Promise<Found> {
  const found = await short(module, seed, first);
  if (found.shown) return found;
  const ignores = [first.difference.what];
  let next = seed;
  for (let run = 0; run < FURTHER_RUNS; run++) {
    const further = explore(module, next, { ignores });
    const other = further && (await short(module, seed, further));
    if (other?.shown) return other;
    if (further && !ignores.includes(further.difference.what)) ignores.push(further.difference.what);
    next = following(next);
    await pause();
  }
  return found;
}

async function short(module: WebAssembly.Module, seed: number, finding: Finding): Promise<Found> {
  const shortest = await shrunk(module, finding);
  const lines = scriptOf(module, shortest);
  return { seed, finding: shortest, lines, shown: shows(module, lines) };
}

async function shrunk(module: WebAssembly.Module, finding: Finding): Promise<Finding> {
  const shrinking = shrinkings(finding);
  for (let next = shrinking.next(); ; ) {
    if (next.done) return next.value;
    await pause();
    next = shrinking.next(replay(module, next.value));
  }
}
