// The output of `dsc`. For people: results on stdout, everything else on stderr. With --json: one value on stdout at
// the end, with the result, its warnings, and any error.

import { styleText } from "node:util";
import type { Command } from "commander";
import { isScreen, withoutControls } from "../files/commandline.js";
import type { ErrorReport } from "./exit.js";

type Style = Parameters<typeof styleText>[0];

/** A result with its own warnings, such as the plan of a dry run. */
interface Warned {
  readonly warnings?: readonly string[];
}

/** The output that --json collects until the end. */
interface Kept {
  json: boolean;
  concluded: boolean;
  result: object | undefined;
  warnings: string[];
}

let kept: Kept = empty(false);

/** Starts a new command line with empty output. */
export function begin(json: boolean): void {
  kept = empty(json);
}

function empty(json: boolean): Kept {
  return { json, concluded: false, result: undefined, warnings: [] };
}

/** Sets whether the following output is JSON. */
export function answerInJson(json: boolean): void {
  kept.json = json;
}

export function answersInJson(): boolean {
  return kept.json;
}

/** Prints a result: `lines`, or with --json the object, once the command has ended. */
export function show(command: Command, result: object, lines: readonly string[]): void {
  if (command.opts<{ json?: boolean }>().json) kept.result = result;
  else if (lines.length > 0) process.stdout.write(`${lines.join("\n")}\n`);
}

/** Prints an event at once: with --json one value per line, all before the result. */
export function showEvent(event: object): void {
  if (kept.json) process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** Prints a text that is the whole output: help, or the version. In JSON its key is `name`. */
export function tell(name: string, text: string): void {
  if (kept.json) kept.result = { [name]: text.trimEnd() };
  else process.stdout.write(text);
}

/** Prints something that is no error but that the user should know. */
export function warn(text: string): void {
  if (kept.json) kept.warnings.push(text);
  else process.stderr.write(`${painted("yellow", "warning:", process.stderr)} ${withoutControls(text)}\n`);
}

/** Prints the one line on stderr that says why the command failed. */
export function complain(text: string): void {
  process.stderr.write(`${painted("red", "dsc:", process.stderr)} ${withoutControls(text)}\n`);
}

/**
 * Ends the output: with --json, prints all of it. Only the first call counts. `further`: more lines about the error; in
 * JSON they are among the warnings.
 */
export function conclude(error?: ErrorReport, further: readonly string[] = []): void {
  if (kept.concluded) return;
  kept.concluded = true;
  if (kept.json) {
    kept.warnings.push(...further);
    process.stdout.write(`${JSON.stringify(jsonAnswer(error))}\n`);
  } else if (error) for (const line of [error.message, ...further]) complain(line);
}

/** An error without warnings has no list of warnings. */
function jsonAnswer(error: ErrorReport | undefined): object {
  const { result } = kept;
  const { warnings: own = [] }: Warned = result ?? {};
  const warnings = [...own, ...kept.warnings];
  return { ...result, ...(error && { error }), ...((result || warnings.length > 0) && { warnings }) };
}

/** Colours text for stdout. */
export function coloured(style: Style, text: string): string {
  return painted(style, text, process.stdout);
}

/** Two columns: names and their values. */
export function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

/** Colours are used on terminals, unless their owners disable them. */
function painted(style: Style, text: string, stream: NodeJS.WriteStream): string {
  return isScreen(stream) && !process.env.NO_COLOR ? styleText(style, text) : text;
}
