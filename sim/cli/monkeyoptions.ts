// The options of `dsc-sim monkey`. They do not load the monkey, so that other commands start sooner.

import { type Command, InvalidArgumentError, Option } from "commander";
import { parseName, parseSeed } from "./options.js";

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;
const MOST_RUNS = 1_000_000_000;

export interface MonkeyOptions {
  readonly seed?: number;
  /** In ms. */
  readonly for?: number;
  readonly runs?: number;
  /** A serial port with a front panel. */
  readonly port?: string;
}

/** The options of `dsc-sim monkey`, on its command. */
export function withMonkeyOptions(command: Command): Command {
  return command
    .description("random keys, times, batteries, power cuts and serial commands, checked against the reference model")
    .option("--seed <n>", "the seed of the first run; the next run has the next one", parseSeed)
    .addOption(new Option("--for <time>", "the duration: 30s, 10m, 2h (default: 1m)").argParser(parseTime))
    .addOption(new Option("--runs <n>", "how many runs").argParser(parseRuns).conflicts("for"))
    .option("--port <path>", "play the keys of a blank card, or of the demo card, on a serial port", parseName);
}

function parseTime(text: string): number {
  const [, number, unit] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  if (number === undefined || Number(number) === 0) {
    throw new InvalidArgumentError("a time is a whole number with s, m or h, such as 30s or 10m.");
  }
  return Number(number) * UNITS[unit as keyof typeof UNITS];
}

function parseRuns(text: string): number {
  const runs = Number(text);
  if (!/^\d+$/.test(text) || runs < 1 || runs > MOST_RUNS) {
    throw new InvalidArgumentError(`runs are a whole number from 1 to ${MOST_RUNS}.`);
  }
  return runs;
}
