// A session with one simulated card in the command language: each line returns a report. No API of Node: the caller
// supplies the algorithms (session.ts, or the page).
//
// The first lines of a file may set the card up; the rest acts on it (language/table.ts).

import { toHex } from "../../host-tools/files/hex.js";
import { Card } from "../core/card.js";
import { DEMO_CARD, makeDemo } from "../core/democard.js";
import { Flash } from "../core/flash.js";
import { currentPage, readImage } from "../core/image.js";
import { LineError } from "./language/arguments.js";
import { isComment, type Parsed, parseLine } from "./language/parse.js";
import {
  type Context,
  type Extra,
  type HostKeys,
  type Response,
  type SetUp,
  type Steps,
  Unmet,
} from "./language/steps.js";
import { UserError } from "./usererror.js";

/** The report of a line of the language, before it is written as JSON. */
export interface Report {
  /** The card's clock, in ms. */
  t: number;
  on: boolean;
  state: string;
  display: string;
  error?: string;
  /** The number of the line with the error, if lines are counted. */
  line?: number;
  /** The text that the line expected, and the actual text. */
  expected?: string;
  actual?: string;
  /** Bytes that the card sent on the serial line since the last report, in hex. */
  tx?: string;
  /** Power was cut. */
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
  /** Opens the file of a line `flash FILE`. */
  readonly openFlash: (file: string) => Flash;
  /** Called once, with the card in its state before the first command. */
  readonly onStart?: (card: Card, setup: Setup) => void;
  /** Called if the demo card was requested but the flash is not blank. */
  readonly onNotBlank?: () => void;
}

/** Functions that the surrounding program supplies. */
export interface SessionTools {
  readonly response: Response;
  /** Personalizes a blank card as the demo card and leaves it off. */
  readonly personalize: (card: Card) => void;
}

/** How a card was made, in enough detail to make it again. */
export interface Setup {
  readonly seed: number;
  readonly demo: boolean;
  /** The initial flash, before the card was personalized as the demo card. */
  readonly flash: Uint8Array;
}

export class CardSession {
  readonly #options: SessionOptions;
  readonly #tools: SessionTools;
  #seed: number;
  #demo: boolean;
  #flash: Flash | undefined;
  #given: Pick<HostKeys, "key" | "unlockKey"> | undefined;
  #card: Card | undefined;
  #started = false;
  #ended = false;
  /** The bytes that the card last sent on the serial line. */
  #sent: Uint8Array = new Uint8Array();

  constructor(options: SessionOptions, tools: SessionTools) {
    this.#options = options;
    this.#tools = tools;
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
    const tx = sent.length > 0 && { tx: toHex(sent) };
    const state = { t: card.time, on: card.on, state: card.state, display: card.display };
    return { ...state, ...error, ...extra, ...tx, ...(cut && { cut }) };
  }

  /** The session's card, made at the first use. */
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
    return { extra, sent: this.#sent, timeoutMs: 0, keys: () => this.#keys(), response: this.#tools.response };
  }

  /** The suite is read from flash. If no keys were given, a card with the demo card's serial number has its keys. */
  #keys(): HostKeys {
    const head = currentPage(readImage(this.card.flash.bytes))?.head;
    const suite = head?.suite || DEMO_CARD.suite;
    if (this.#given) return { suite, ...this.#given };
    return {
      suite,
      key: DEMO_CARD.key,
      unlockKey: head?.serial === DEMO_CARD.serial ? DEMO_CARD.unlockKey : undefined,
    };
  }

  /** Ends the setup: reports the card to `onStart`, and refuses further setup lines. */
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
    if (this.#demo && !makeDemo(module, flash, this.#seed, this.#tools.personalize)) this.#options.onNotBlank?.();
    return new Card(module, { seed: this.#seed, flash });
  }
}

/** The error of a line, for a report. Any other error is thrown again. */
export function errorReport(thrown: unknown, line?: number): ErrorReport {
  const where = line !== undefined && { line };
  if (thrown instanceof LineError) return { error: thrown.message, ...where };
  if (!(thrown instanceof Unmet)) throw thrown;
  return { error: thrown.message, ...where, expected: thrown.expected, actual: thrown.actual };
}

/** Carries out the steps of a command on the card's clock. */
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

/** Returns the result of `open`; a file that cannot be used is an error in its line. */
function opened(open: () => Flash): Flash {
  try {
    return open();
  } catch (error) {
    if (error instanceof UserError) throw new LineError(error.message);
    throw error;
  }
}
