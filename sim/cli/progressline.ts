// A progress line: one line that is rewritten on a terminal, or plain lines now and then.

import type { WriteStream } from "node:tty";

/** The interval between rewrites, and between plain lines, in ms. */
const ANEW = 200;
const PLAIN = 10_000;
/** The width of a terminal that does not report it. */
const COLUMNS = 80;
const CLEAR = "\r\x1b[K";

export class ProgressLine {
  readonly #out: WriteStream;
  /** Whether a line can be overwritten. */
  readonly #over: boolean;
  readonly #clock: () => number;
  #next: number;
  #isShown = false;

  /** `terminal`: its kind, as in TERM; `clock`: ms. */
  constructor(out: WriteStream, { terminal = process.env.TERM, clock = () => performance.now() } = {}) {
    this.#out = out;
    this.#over = out.isTTY === true && terminal !== "dumb";
    this.#clock = clock;
    this.#next = clock() + (this.#over ? 0 : PLAIN);
  }

  /** Shows the progress, if enough time has passed. */
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

  /** Prints a line that stays. */
  say(text: string): void {
    this.end();
    this.#out.write(`${text}\n`);
  }

  /** Removes the progress line. */
  end(): void {
    if (this.#isShown) this.#out.write(CLEAR);
    this.#isShown = false;
  }
}
