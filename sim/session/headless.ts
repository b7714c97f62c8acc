// `dsc-sim --headless`: commands on stdin, one a line; for each, one line of JSON on stdout.

import { fstatSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { LineReader } from "./lines.js";
import { Session } from "./session.js";
import { UserError } from "./usererror.js";

const STDIN = 0;

/** Runs every line of `input`. Returns whether none had an error; throws a UserError where `input` cannot be read. */
export async function runHeadless(session: Session, input: Readable, output: Writable): Promise<boolean> {
  const player = new Player(session, output);
  const lines = new LineReader();
  for await (const piece of piecesOf(input)) player.play(lines.feed(piece));
  player.play(lines.end());
  return player.clean;
}

class Player {
  /** No line had an error so far. */
  clean = true;
  readonly #session: Session;
  readonly #output: Writable;
  #number = 0;

  constructor(session: Session, output: Writable) {
    this.#session = session;
    this.#output = output;
  }

  /** Plays lines that came together, and writes their reports together: a write for each would cost more than the card. */
  play(lines: readonly string[]): void {
    let reports = "";
    try {
      for (const line of lines) {
        this.#number++;
        if (!Session.isComment(line)) reports += `${this.#report(line)}\n`;
      }
    } finally {
      if (reports !== "") this.#output.write(reports);
    }
  }

  #report(line: string): string {
    const report = this.#session.execute(line, this.#number);
    if (report.error !== undefined) this.clean = false;
    return JSON.stringify(report);
  }
}

/** Throws a UserError where stdin is a folder: Node would find it empty. */
export function needInput(): void {
  if (fstatSync(STDIN).isDirectory()) throw unreadable("EISDIR");
}

async function* piecesOf(input: Readable): AsyncGenerator<string> {
  input.setEncoding("utf8");
  try {
    yield* input;
  } catch (error) {
    throw unreadable((error as NodeJS.ErrnoException).code ?? String(error));
  }
}

function unreadable(why: string): UserError {
  return new UserError(`cannot read the commands on stdin (${why})`);
}
