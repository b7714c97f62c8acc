// `dsc-sim --headless`: commands on stdin, one a line; for each, one line of JSON on stdout.

import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { Session } from "./session.js";

/** Runs every line of `input`. Returns whether none had an error. */
export async function runHeadless(session: Session, input: Readable, output: Writable): Promise<boolean> {
  let clean = true;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (Session.isComment(line)) continue;
    const report = session.execute(line);
    if (report.error !== undefined) clean = false;
    output.write(`${JSON.stringify(report)}\n`);
  }
  return clean;
}
