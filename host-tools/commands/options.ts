// What commands have in common: the options of those that speak to a card, and the keys that they need.

import { Command, InvalidArgumentError, Option } from "commander";
import type { CardClient, CardStatus } from "../cardclient.js";
import { UsageError, WrongCard } from "../errors.js";
import { diversificationData, diversify, type Keyset, testKeys } from "../keyset.js";
import { useCard } from "../port.js";
import { AuthenticationFailed } from "../scp03.js";
import { STDIN } from "../secretfile.js";
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

function traceOption(): Option {
  return new Option("--trace <file>", "write what goes over the line to FILE (or add to it), decoded, secrets masked");
}

export function transportOption(): Option {
  return new Option("--transport <file>", "the master key of the card's transport keys (dsc keys new)");
}

export function sharedFilesOption(): Option {
  return new Option("--insecure-key-file", "take secret files that others may read, too");
}

/** Runs `run` on the card at the port, and closes the port whatever comes. */
export function withCard<T>(options: CardOptions, run: (card: CardClient) => Promise<T>): Promise<T> {
  const { trace } = options;
  return useCard(options.port, run, trace === undefined ? {} : { trace: () => new Trace(trace) });
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

/** Keys in the clear go into files; who writes - would find them in one of that name. */
export function refuseStdout(file: string): void {
  if (file === STDIN) throw new UsageError("-: keys are not written to standard output; give the name of a file");
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
