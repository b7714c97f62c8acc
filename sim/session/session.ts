// A session with one simulated card in the command language: a line in, a report out.
//
// The first lines of a file may set the card up; the rest acts on it (language/table.ts).

import { Card } from "../core/card.js";
import { Flash } from "../core/flash.js";
import { currentPage, readImage } from "../core/image.js";
import { DEMO, personalizeDemo } from "./demo.js";
import { LineError } from "./language/arguments.js";
import { isComment, type Parsed, parseLine } from "./language/parse.js";
import { type Context, type Extra, type HostKeys, type SetUp, type Steps, Unmet } from "./language/steps.js";
import { UserError } from "./usererror.js";

/** The report of a line of the language, before it becomes a line of JSON. */
export interface Report {
  /** The card's clock, in ms. */
  t: number;
  on: boolean;
  state: string;
  display: string;
  error?: string;
  /** The line of the error, if lines are counted. */
  line?: number;
  /** What the line expected, and what it found. */
  expected?: string;
  actual?: string;
  /** Bytes that were sent on the serial line since the last report, in hex. */
  tx?: string;
  /** A power cut happened. */
  cut?: true;
  /** Flash operations so far. */
  ops?: number;
}

/** The part of a report that describes an error. */
export type ErrorReport = Pick<Report, "error" | "line" | "expected" | "actual">;

export interface SessionOptions {
  readonly module: WebAssembly.Module;
  readonly seed: number;
  readonly demo?: boolean;
  readonly flash?: Flash;
  /** Opens the file of `flash FILE`. */
  readonly openFlash: (file: string) => Flash;
  /** Called once, with the card before the first command. */
  readonly onStart?: (card: Card, setup: Setup) => void;
  /** Called if the demo card was requested and the card is not blank. */
  readonly onNotBlank?: () => void;
}

/** How a card was made: enough to make it again. */
export interface Setup {
  readonly seed: number;
  readonly demo: boolean;
  /** Its initial flash, before it was made the demo card. */
  readonly flash: Uint8Array;
}

export class Session {
  readonly #options: SessionOptions;
  #seed: number;
  #demo: boolean;
  #flash: Flash | undefined;
  #given: Pick<HostKeys, "key" | "unlockKey"> | undefined;
  #card: Card | undefined;
  #started = false;
  #ended = false;
  /** The bytes that were last sent on the serial line. */
  #sent: Uint8Array = new Uint8Array();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#seed = options.seed;
    this.#demo = options.demo ?? false;
    this.#flash = options.flash;
  }

  /** Whether `line` is blank or a comment. */
  static isComment(line: string): boolean {
    return isComment(line);
  }

  /** Runs one line; `number` is its number in its file, for errors. */
  execute(line: string, number?: number): Report {
    const extra: Extra = {};
    let error: ErrorReport | undefined;
    try {
      this.#carryOut(parseLine(line), extra);
    } catch (thrown) {
      error = errorReport(thrown, number);
    }
    const card = this.card;
    const cut = card.takeCut() || extra.cut;
    const sent = card.takeSent();
    if (sent.length > 0) this.#sent = sent;
    const tx = sent.length > 0 && { tx: Buffer.from(sent).toString("hex") };
    const state = { t: card.time, on: card.on, state: card.state, display: card.display };
    return { ...state, ...error, ...extra, ...tx, ...(cut && { cut }) };
  }

  /** The session's card, made at the first request. */
  get card(): Card {
    this.#card ??= this.#makeCard();
    return this.#card;
  }

  #carryOut({ word, carried }: Parsed, extra: Extra): void {
    if (this.#ended) throw new LineError(`${word}: nothing may follow the end`);
    if (carried.on === "setup") return this.#setUp(word, carried.apply);
    const card = this.card;
    this.begin();
    if (carried.on === "end") this.#ended = true;
    else take(carried.act(card, this.#context(extra)), card);
  }

  #setUp(word: string, apply: (setup: SetUp) => void): void {
    if (this.#started) throw new LineError(`${word}: only as one of the first lines of a file`);
    apply({
      seed: (seed) => {
        this.#seed = seed;
      },
      demo: () => {
        this.#demo = true;
      },
      flash: (file) => {
        this.#flash = opened(() => this.#options.openFlash(file));
      },
      keys: (key, unlockKey) => {
        this.#given = { key, unlockKey };
      },
    });
    this.#card = undefined;
  }

  #context(extra: Extra): Context {
    return { extra, sent: this.#sent, patience: 0, keys: () => this.#keys() };
  }

  /** The suite is read from flash. Without other keys the card may be the demo card, which its serial number shows. */
  #keys(): HostKeys {
    const head = currentPage(readImage(this.card.flash.bytes))?.head;
    const suite = head?.suite || DEMO.suite;
    if (this.#given) return { suite, ...this.#given };
    return { suite, key: DEMO.key, unlockKey: head?.serial === DEMO.serial ? DEMO.unlockKey : undefined };
  }

  /** The card is set up: from now on commands act on it. */
  begin(): void {
    const card = this.card;
    if (this.#started) return;
    this.#started = true;
    this.#options.onStart?.(card, { seed: this.#seed, demo: this.#demo, flash: this.#initial });
  }

  #initial = new Uint8Array();

  #makeCard(): Card {
    const { module } = this.#options;
    const flash = this.#flash ?? new Flash();
    this.#initial = flash.bytes.slice();
    if (this.#demo && !personalizeDemo(module, flash, this.#seed)) this.#options.onNotBlank?.();
    return new Card(module, { seed: this.#seed, flash });
  }
}

/** A thrown error as a report; anything but an error of a line is thrown on. */
export function errorReport(thrown: unknown, line?: number): ErrorReport {
  const where = line !== undefined && { line };
  if (thrown instanceof LineError) return { error: thrown.message, ...where };
  if (!(thrown instanceof Unmet)) throw thrown;
  return { error: thrown.message, ...where, expected: thrown.expected, actual: thrown.actual };
}

/** Carries out the steps of a command with the card's virtual clock. */
function take(steps: Steps | undefined, card: Card): void {
  if (!steps) return;
  let next = steps.next();
  while (!next.done) {
    const { ms, until } = next.value;
    if (until) next = steps.next(card.waitUntil(until, ms));
    else {
      card.wait(ms);
      next = steps.next(true);
    }
  }
}

/** The result of `open`; a file that cannot be used is an error in its line. */
function opened(open: () => Flash): Flash {
  try {
    return open();
  } catch (error) {
    if (error instanceof UserError) throw new LineError(error.message);
    throw error;
  }
}
