// `dsc-sim --headless`: commands on stdin, one a line; for each, one line of JSON on stdout.

import { fstatSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { Session } from "./session.js";
import { UserError } from "./usererror.js";

const STDIN = 0;

/** Runs every line of `input`. Returns whether none had an error; throws a UserError where `input` cannot be read. */
export async function runHeadless(session: Session, input: Readable, output: Writable): Promise<boolean> {
  let clean = true;
  for await (const line of linesOf(input)) {
    if (Session.isComment(line)) continue;
    const report = session.execute(line);
    if (report.error !== undefined) clean = false;
    output.write(`${JSON.stringify(report)}\n`);
  }
  return clean;
}

/** Throws a UserError where stdin is a folder: Node would find it empty. */
export function needInput(): void {
  if (fstatSync(STDIN).isDirectory()) throw unreadable("EISDIR");
}

async function* linesOf(input: Readable): AsyncGenerator<string> {
  let broken: NodeJS.ErrnoException | undefined;
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  input.on("error", (error) => {
    broken = error;
    lines.close();
  });
  try {
    yield* lines;
  } catch (error) {
    broken ??= error as NodeJS.ErrnoException;
  }
  if (broken) throw unreadable(broken.code ?? broken.message);
}

function unreadable(why: string): UserError {
  return new UserError(`cannot read the commands on stdin (${why})`);
}
