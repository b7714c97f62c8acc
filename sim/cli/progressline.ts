// How far something is: one line that is written anew in a terminal, and plain lines now and then where there is none.

import type { WriteStream } from "node:tty";

/** How often the line is written anew, and how often a plain one is written, in ms. */
const ANEW = 200;
const PLAIN = 10_000;
/** Of a terminal that does not say. */
const COLUMNS = 80;
const CLEAR = "\r\x1b[K";

export class ProgressLine {
  readonly #out: WriteStream;
  /** Whether a line can be written over. */
  readonly #over: boolean;
  readonly #clock: () => number;
  #next: number;
  #isShown = false;

  /** `terminal`: its kind, as TERM has it; `clock`: ms. */
  constructor(out: WriteStream, { terminal = process.env.TERM, clock = () => performance.now() } = {}) {
    this.#out = out;
    this.#over = out.isTTY === true && terminal !== "dumb";
    this.#clock = clock;
    this.#next = clock() + (this.#over ? 0 : PLAIN);
  }

  /** Shows how far it is, where it is time for that. */
  show(text: string): void {
    const now = this.#clock();
    if (now < this.#next) return;
    this.#next = now + (this.#over ? ANEW : PLAIN);
    if (!this.#over) this.#out.write(`${text}\n`);
    else {
      this.#out.write(`${CLEAR}${text.slice(0, (this.#out.columns || COLUMNS) - 1)}`);
      this.#isShown = true;
    }
  }

  /** A line that stays. */
  say(text: string): void {
    this.end();
    this.#out.write(`${text}\n`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#isShown) this.#out.write(CLEAR);
    this.#isShown = false;
  }
}
