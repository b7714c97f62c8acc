// What commands share: the options of those that speak to a card, and the keys that they need.

import { Command, InvalidArgumentError, Option } from "commander";
import type { CardClient } from "../../card/cardclient.js";
import { useCard } from "../../card/port.js";
import { checkSerialNumber } from "../../card/serialnumber.js";
import { Trace } from "../../card/trace.js";
import { type Master, wipeMaster } from "../../card/transportkeys.js";
import { UsageError } from "../../files/errors.js";
import { STDIN } from "../../files/secretfile.js";
import { parseSuite, type Suite } from "../../seeds/suite.js";
import { readMaster } from "../masterkey.js";
import type { SecretFileOptions } from "../secretoptions.js";

export interface CardOptions {
  readonly port: string;
  readonly trace?: string;
}

export interface TransportOptions extends SecretFileOptions {
  readonly transport?: string;
}

/** A command that prints a result. */
export function printing(name: string, description: string, examples: readonly string[]): Command {
  return new Command(name)
    .description(description)
    .option("--json", "print the result, or the error, as JSON")
    .allowExcessArguments(false)
    .addHelpText("after", `\nExamples:\n${examples.map(prompted).join("\n")}`);
}

/** A line that begins with a blank continues the previous one. */
function prompted(line: string): string {
  return line.startsWith(" ") ? `  ${line}` : `  $ ${line}`;
}

/** A command that speaks to one card. */
export function speaking(name: string, description: string, examples: readonly string[]): Command {
  return printing(name, description, examples)
    .requiredOption("--port <path>", "the serial port that the card is on")
    .addOption(traceOption());
}

/** For a command that takes several ports: give --port once for each. */
export function portsOption(description: string): Option {
  const collect = (path: string, before: readonly string[] = []) => [...before, path];
  return new Option("--port <path>", description).argParser(collect);
}

export function traceOption(): Option {
  return new Option("--trace <file>", "write what goes over the line to FILE (or add to it), decoded, secrets masked");
}

export function transportOption(): Option {
  return new Option(
    "--transport <file>",
    "the master key of the card's transport keys (dsc keys new), or its pkcs11: URI",
  );
}

export function sharedFilesOption(): Option {
  return new Option("--insecure-key-file", "accept secret files that others may read");
}

/** The parsed suite of --suite. */
export function suiteOf(text: string): Suite {
  try {
    return parseSuite(text);
  } catch (error) {
    throw new UsageError(`--suite: ${(error as Error).message}`);
  }
}

/** Runs `run` on the card at the port, and closes the port in any case. */
export function withCard<T>(options: CardOptions, run: (card: CardClient) => Promise<T>): Promise<T> {
  const { trace } = options;
  return useCard(options.port, run, trace === undefined ? {} : { trace: () => new Trace(trace) });
}

/**
 * For commands that open a secure channel: calls `use` with the master key that --transport names, then wipes the key.
 */
export async function withMasterKey<T>(
  options: TransportOptions,
  use: (master: Master | undefined) => Promise<T>,
): Promise<T> {
  const { transport } = options;
  const master = transport === undefined ? undefined : await readMaster(transport, options);
  try {
    return await use(master);
  } finally {
    wipeMaster(master);
  }
}

/** Refuses `-` as an output: keys in the clear must go into a file, and `-` would become the name of that file. */
export function refuseStdout(file: string): void {
  if (file === STDIN) throw new UsageError("-: keys are not written to standard output; give a file name");
}

/** Parses a number from `least` to `most`, for commander. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`A whole number from ${least} to ${most} is expected.`);
  };
}

/** Parses a serial number, for commander. */
export function serialNumber(text: string): string {
  return checkSerialNumber(text);
}
