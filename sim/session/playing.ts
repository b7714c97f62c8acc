// Plays a command file on a card, and says where it failed. No API of Node.

import { CardTrap } from "../core/card.js";
import { FlashMisuse } from "../core/flash.js";
import type { Report } from "./cardsession.js";
import { isComment } from "./language/parse.js";
import { END, isRecord } from "./recordmarks.js";

/** A command file: its name and its lines. */
export interface Script {
  readonly name: string;
  readonly lines: readonly string[];
}

/** Executes the lines of a script. */
export interface Player<R extends Report | Promise<Report>> {
  execute(line: string, number: number): R;
}

/** A line that failed, and why. */
export interface Failure extends Pick<Report, "expected" | "actual"> {
  readonly line: number;
  readonly error: string;
  /** The firmware failed, not an expectation of the script. */
  readonly crashed?: true;
  readonly report?: Report;
}

/** Plays a script up to its first error, with a player that returns reports at once. */
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

/** Plays a script, up to its first error or to its end. */
export async function failuresOf(
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

/**
 * Commands with the numbers of their lines. The last line of a record that was cut off is left out, since it may be
 * incomplete.
 */
function* commandsOf(script: Script): Generator<[number, string]> {
  const lines = cutOff(script) ? script.lines.slice(0, -1) : script.lines;
  for (const [index, line] of lines.entries()) if (!isComment(line)) yield [index + 1, line];
}

function failureIn(report: Report, line: number): Failure | undefined {
  const { error, expected, actual } = report;
  if (error === undefined) return undefined;
  return { line, error, ...(expected !== undefined && { expected, actual: actual ?? "" }), report };
}

/** A failure of the firmware. Any other error is thrown again. */
function crash(error: unknown, line: number): Failure {
  if (!(error instanceof CardTrap || error instanceof FlashMisuse)) throw error;
  return { line, error: error.message, crashed: true };
}

/** A record without its end mark is incomplete. */
function cutOff({ lines }: Script): Failure | undefined {
  if (!isRecord(lines) || lines.some((line) => line.trim() === END)) return undefined;
  return {
    line: Math.max(1, lines.findLastIndex((line) => line !== "") + 1),
    error: `the record was cut off: its last line is not ${END}`,
  };
}
