// `dsc-sim --headless`: commands on stdin, one per line; for each, one line of JSON on stdout.

import { fstatSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { faultInWords } from "../../host-tools/files/faults.js";
import { LineReader } from "./lines.js";
import { Session } from "./session.js";
import { UserError } from "./usererror.js";

const STDIN = 0;

/**
 * Runs every line of `input`; `onError` is called for each line with an error. Throws a UserError if `input` cannot be
 * read.
 */
export async function runHeadless(
  session: Session,
  input: Readable,
  output: Writable,
  onError: () => void,
): Promise<void> {
  const player = new Player(session, output, onError);
  const lines = new LineReader();
  for await (const piece of piecesOf(input)) player.play(lines.feed(piece));
  player.play(lines.end());
}

class Player {
  readonly #session: Session;
  readonly #output: Writable;
  readonly #onError: () => void;
  #number = 0;

  constructor(session: Session, output: Writable, onError: () => void) {
    this.#session = session;
    this.#output = output;
    this.#onError = onError;
  }

  /**
   * Plays lines that arrived together and writes their reports together, since a write for each would take longer than
   * the card.
   */
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
    if (report.error !== undefined) this.#onError();
    return JSON.stringify(report);
  }
}

/** Throws a UserError if stdin is a folder, which Node would treat as empty input. */
export function needInput(): void {
  if (fstatSync(STDIN).isDirectory()) throw unreadable({ code: "EISDIR" });
}

async function* piecesOf(input: Readable): AsyncGenerator<string> {
  input.setEncoding("utf8");
  try {
    yield* input;
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(error: unknown): UserError {
  return new UserError(`cannot read the commands on stdin: ${faultInWords(error)}`);
}
