// Plays command files, each on a separate card, and reports where each failed.

import { setImmediate as nextTurn } from "node:timers/promises";
import { CardTrap } from "../core/card.js";
import { FlashMisuse } from "../core/flash.js";
import { isComment } from "./language/parse.js";
import { END, isRecord } from "./recordmarks.js";
import type { Report } from "./session.js";

/** A command file: its name and its lines. */
export interface Script {
  readonly name: string;
  readonly lines: readonly string[];
}

/** Plays the lines of a script. */
export interface Player<R extends Report | Promise<Report>> {
  execute(line: string, number: number): R;
}

/** A line that failed, and why. */
export interface Failure extends Pick<Report, "expected" | "actual"> {
  readonly line: number;
  readonly error: string;
  /** The firmware itself failed, not an expectation of the script. */
  readonly crashed?: true;
  readonly report?: Report;
}

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

/** Plays a script up to its first error, if reports come at once. */
export function firstFailure(script: Script, player: Player<Report>): Failure | undefined {
  for (const [number, line] of commandsOf(script)) {
    try {
      const failure = failureIn(player.execute(line, number), number);
      if (failure) return failure;
    } catch (error) {
      return crash(error, number);
    }
  }
  return cutOff(script);
}

async function failuresOf(
  script: Script,
  player: Player<Report | Promise<Report>>,
  keepGoing: boolean,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const [number, line] of commandsOf(script)) {
    const failure = await attempt(player, line, number);
    if (failure) failures.push(failure);
    if (failure && !keepGoing) return failures;
  }
  const missing = cutOff(script);
  return missing ? [...failures, missing] : failures;
}

async function attempt(
  player: Player<Report | Promise<Report>>,
  line: string,
  number: number,
): Promise<Failure | undefined> {
  try {
    return failureIn(await player.execute(line, number), number);
  } catch (error) {
    return crash(error, number);
  }
}

/** Commands with their line numbers. The last line of a truncated record may be incomplete. */
function* commandsOf(script: Script): Generator<[number, string]> {
  const lines = cutOff(script) ? script.lines.slice(0, -1) : script.lines;
  for (const [index, line] of lines.entries()) if (!isComment(line)) yield [index + 1, line];
}

function failureIn(report: Report, line: number): Failure | undefined {
  const { error, expected, actual } = report;
  if (error === undefined) return undefined;
  return { line, error, ...(expected !== undefined && { expected, actual: actual ?? "" }), report };
}

/** A failure of the firmware; any other error is no fault of a script either, and is thrown on. */
function crash(error: unknown, line: number): Failure {
  if (!(error instanceof CardTrap || error instanceof FlashMisuse)) throw error;
  return { line, error: error.message, crashed: true };
}

/** A record without its last line misses a part of what happened. */
function cutOff({ lines }: Script): Failure | undefined {
  if (!isRecord(lines) || lines.some((line) => line.trim() === END)) return undefined;
  return {
    line: Math.max(1, lines.findLastIndex((line) => line !== "") + 1),
    error: `the record was cut off: its last line is not ${END}`,
  };
}
