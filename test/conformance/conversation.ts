// What a target sends: answers to commands, in order, and frames of other kinds as they come.

import { answersOnChannel0, type Observed, type Plain, Splitter } from "../support/development.js";
import type { Step } from "./script.js";
import type { Target } from "./target.js";

/**
 * How long a target may be silent (ms). The longest step takes an emulated chip a few seconds, or many times that on a
 * busy computer. A target that ends is noticed at once.
 */
const TIME_LIMIT = 120_000;
/** How long a card may take to send the answer to an APDU that the simulator gave (ms). */
const APDU_TIME_LIMIT = 5000;

export class Conversation {
  readonly #target: Target;
  readonly #splitter: Splitter;
  readonly #observed: Observed[] = [];
  #ended: string | undefined;
  #wake = () => {};

  /** `heard` is called with each frame that does not answer a command. */
  constructor(target: Target, heard?: (frame: Plain) => void) {
    this.#target = target;
    this.#splitter = new Splitter((one) => this.#observed.push(one), heard);
    target.onBytes = (bytes) => {
      this.#splitter.take(bytes);
      this.#wake();
    };
    target.onEnd = (reason) => {
      this.#ended ??= reason;
      this.#wake();
    };
  }

  /** What was sent up to the next answer; or why none came. */
  async next(ms = TIME_LIMIT): Promise<Observed | string> {
    const there = this.#observed.shift();
    if (there) return there;
    await this.until(() => this.#observed.length > 0, ms);
    return this.#observed.shift() ?? this.#silence();
  }

  /** Waits for the answer to an APDU, if the simulator gave one, before it sends the command. */
  async sendCarefully(step: Step, should: Observed): Promise<void> {
    const { bytes, talks, command } = step;
    if (!talks) return this.#target.send(Buffer.concat([bytes, command]));
    this.#target.send(bytes);
    // The screen may follow later, with the next frame.
    const answers = answersOnChannel0(should.sent).length;
    await this.until(() => answersOnChannel0(this.#splitter.rest).length >= answers, APDU_TIME_LIMIT);
    this.#target.send(command);
  }

  /** Listens until `done`, at most `ms`. Returns whether `done` came true. */
  async until(done: () => boolean, ms: number): Promise<boolean> {
    const waiting = new AbortController();
    const late = this.#target.clock.sleep(ms, waiting.signal).then(() => true);
    while (!done() && !this.#ended) {
      const heard = new Promise<boolean>((resolve) => {
        this.#wake = () => resolve(false);
      });
      if (await Promise.race([late, heard])) break;
    }
    waiting.abort();
    return done();
  }

  #silence(): string {
    const rest = this.#splitter.rest.toString("hex");
    return `${this.#ended ? `it is gone: ${this.#ended}` : "no answer"}${rest && `, after ${rest}`}`;
  }
}
