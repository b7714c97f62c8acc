// What `dsc` says: results on stdout, as lines for people or as one JSON object; everything else on stderr.

import { styleText } from "node:util";
import type { Command } from "commander";

type Style = Parameters<typeof styleText>[0];

/** Prints a result: `lines`, or with --json the object, on one line. */
export function show(command: Command, result: object, lines: readonly string[]): void {
  const text = command.optsWithGlobals<{ json?: boolean }>().json ? JSON.stringify(result) : lines.join("\n");
  if (text !== "") process.stdout.write(`${text}\n`);
}

/** A line on stderr that is no error. */
export function warn(text: string): void {
  process.stderr.write(`${painted("yellow", "warning:", process.stderr)} ${text}\n`);
}

/** The one line on stderr that says why nothing came of it. */
export function complain(text: string): void {
  process.stderr.write(`${painted("red", "dsc:", process.stderr)} ${text}\n`);
}

/** Colours text for stdout. */
export function coloured(style: Style, text: string): string {
  return painted(style, text, process.stdout);
}

/** Two columns: names, and what belongs to them. */
export function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

/** Colours are for terminals whose owners want them. */
function painted(style: Style, text: string, stream: NodeJS.WriteStream): string {
  return stream.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text;
}
