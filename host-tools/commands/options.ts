// What commands have in common: the options of those that speak to a card, and the keys that they need.

import { Command, InvalidArgumentError, Option } from "commander";
import type { CardClient, CardStatus } from "../cardclient.js";
import { WrongCard } from "../exit.js";
import { FileError } from "../files.js";
import { diversificationData, diversify, type Keyset, testKeys } from "../keyset.js";
import { openCard } from "../port.js";
import { AuthenticationFailed } from "../scp03.js";
import { checkSerialNumber } from "../serialnumber.js";
import { Trace } from "../trace.js";

export interface CardOptions {
  readonly port: string;
  readonly trace?: string;
}

/** A command that prints a result. */
export function printing(name: string, description: string, examples: readonly string[]): Command {
  return new Command(name)
    .description(description)
    .option("--json", "print the result as JSON")
    .allowExcessArguments(false)
    .addHelpText("after", `\nExamples:\n${examples.map(prompted).join("\n")}`);
}

/** A line that begins with a blank goes on with the one before. */
function prompted(line: string): string {
  return line.startsWith(" ") ? `  ${line}` : `  $ ${line}`;
}

/** A command that speaks to one card. */
export function speaking(name: string, description: string, examples: readonly string[]): Command {
  return printing(name, description, examples)
    .requiredOption("--port <path>", "the serial port that the card is on")
    .addOption(traceOption());
}

export function traceOption(): Option {
  return new Option("--trace <file>", "write what goes over the line to FILE, decoded, secrets masked");
}

export function transportOption(): Option {
  return new Option("--transport <file>", "the master key of the card's transport keys (dsc keys new)");
}

export function sharedFilesOption(): Option {
  return new Option("--insecure-key-file", "take secret files that others may read, too");
}

/** Runs `run` on the card at the port, and closes the port whatever comes. */
export async function withCard<T>(options: CardOptions, run: (card: CardClient) => Promise<T>): Promise<T> {
  const { trace } = options;
  const card = await openCard(options.port, trace === undefined ? {} : { trace: () => newTrace(trace) });
  try {
    return await run(card.client);
  } finally {
    await card.close();
  }
}

export function newTrace(path: string): Trace {
  try {
    return new Trace(path);
  } catch (error) {
    const { code = "failed" } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new FileError(`${path}: exists already, and is never overwritten`, "exists");
    throw new FileError(`${path}: cannot write it (${code})`);
  }
}

/** The transport keys that the card has now. Throws where they cannot be known. */
export function keysOf(status: CardStatus, master: Uint8Array | undefined): Keyset {
  if (status.testKeys) return testKeys();
  if (!master)
    throw new AuthenticationFailed("the card has transport keys of its own; give their master key with --transport");
  if (status.serial === undefined)
    throw new WrongCard("the card has transport keys of its own but no serial number to derive them from");
  return diversify(master, diversificationData(status.serial), status.kvn);
}

/** Zeroes whatever was read. */
export function wipeAll(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}

/** A number from `least` to `most`, for commander. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`A whole number from ${least} to ${most} is expected.`);
  };
}

/** A serial number, for commander. */
export function serialNumber(text: string): string {
  return checkSerialNumber(text);
}
