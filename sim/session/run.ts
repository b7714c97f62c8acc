// Plays command files, each on a card of its own.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { Report } from "./cardsession.js";
import { type Failure, failuresOf, type Player, type Script } from "./playing.js";

/** The result of a script. */
export interface Result {
  readonly script: Script;
  readonly failures: readonly Failure[];
  /** Duration in seconds of real time. */
  readonly seconds: number;
}

export interface RunOptions {
  /** Continue a script after a line that failed. */
  readonly keepGoing?: boolean;
  /** Makes the player of a script. */
  readonly open: (script: Script) => Player<Report | Promise<Report>> | Promise<Player<Promise<Report>>>;
  /** Called with each result as it comes. */
  readonly onResult: (result: Result) => void;
}

/** Plays scripts one after the other. Signals and lost output are handled between them. */
export async function runScripts(scripts: readonly Script[], options: RunOptions): Promise<void> {
  for (const script of scripts) {
    const start = performance.now();
    const failures = await failuresOf(script, await options.open(script), options.keepGoing ?? false);
    options.onResult({ script, failures, seconds: (performance.now() - start) / 1000 });
    await nextTurn();
  }
}
