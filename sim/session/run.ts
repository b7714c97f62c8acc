// Plays command files, each on a card of its own.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { Report } from "./cardsession.js";
import { type Failure, failuresOf, type Player, type Script } from "./playing.js";

/** What came of a script. */
export interface Result {
  readonly script: Script;
  readonly failures: readonly Failure[];
  /** How long it took, in seconds of real time. */
  readonly seconds: number;
}

export interface RunOptions {
  /** A script goes on after a line that failed. */
  readonly keepGoing?: boolean;
  /** Makes the player of a script. */
  readonly open: (script: Script) => Player<Report | Promise<Report>> | Promise<Player<Promise<Report>>>;
  /** Told of each result as it comes. */
  readonly onResult: (result: Result) => void;
}

/** Plays scripts one after the other. Between two of them signals and lost output are heard. */
export async function runScripts(scripts: readonly Script[], options: RunOptions): Promise<void> {
  for (const script of scripts) {
    const start = performance.now();
    const failures = await failuresOf(script, await options.open(script), options.keepGoing ?? false);
    options.onResult({ script, failures, seconds: (performance.now() - start) / 1000 });
    await nextTurn();
  }
}
