// `dsc-sim run`: command files, each on a fresh card, reported as TAP.

import type { Writable } from "node:stream";
import { CardTrap } from "../core/card.js";
import { FlashMisuse } from "../core/flash.js";
import { type Report, Session } from "./session.js";

/** A command file: its name and its lines. */
export interface Script {
  readonly name: string;
  readonly lines: readonly string[];
}

/** Where a script stopped, and why. */
export interface Failure extends Pick<Report, "expected" | "actual"> {
  readonly line: number;
  readonly error: string;
  readonly report?: Report;
}

/** Runs the scripts, each on the session that `open` makes. Returns whether none failed. */
export function runScripts(scripts: readonly Script[], open: (script: Script) => Session, output: Writable): boolean {
  output.write(`TAP version 13\n1..${scripts.length}\n`);
  let clean = true;
  scripts.forEach((script, index) => {
    const failure = firstFailure(script, open(script));
    if (failure) clean = false;
    output.write(`${failure ? "not ok" : "ok"} ${index + 1} - ${script.name}\n`);
    if (failure) output.write(describe(script, failure));
  });
  return clean;
}

/** Runs a script up to its first error. */
export function firstFailure(script: Script, session: Session): Failure | undefined {
  for (const [index, line] of script.lines.entries()) {
    if (Session.isComment(line)) continue;
    try {
      const report = session.execute(line, index + 1);
      const { error, expected, actual } = report;
      if (error !== undefined)
        return { line: index + 1, error, ...(expected !== undefined && { expected, actual }), report };
    } catch (error) {
      if (!(error instanceof CardTrap || error instanceof FlashMisuse)) throw error;
      return { line: index + 1, error: error.message };
    }
  }
  return undefined;
}

/** The failure as TAP's block of YAML. The display is the card's own; the line is for the reader to look up. */
function describe(script: Script, failure: Failure): string {
  const lines = ["  ---", `  at: ${JSON.stringify(`${script.name}:${failure.line}`)}`];
  lines.push(`  error: ${JSON.stringify(failure.error)}`);
  if (failure.report) {
    lines.push(`  t: ${failure.report.t}`, `  state: ${failure.report.state}`);
    lines.push(`  display: ${JSON.stringify(failure.report.display)}`);
  }
  return `${[...lines, "  ..."].join("\n")}\n`;
}
