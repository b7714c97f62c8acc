// A session with one simulated card in the command language: a line in, a report out. No API of Node: whoever makes one gives it
// the algorithms (session.ts, and the page).
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

/** What a line of the language returns: the line of JSON, before it is one. */
export interface Report {
  /** The card's clock, in ms. */
  t: number;
  on: boolean;
  state: string;
  display: string;
  error?: string;
  /** Which line had the error, where lines are counted. */
  line?: number;
  /** What the line expected, and what was there instead. */
  expected?: string;
  actual?: string;
  /** Bytes that left on the serial line since the last report, in hex. */
  tx?: string;
  /** A power cut fell. */
  cut?: true;
  /** Flash operations so far. */
  ops?: number;
}

/** The part of a report that tells of an error. */
export type ErrorReport = Pick<Report, "error" | "line" | "expected" | "actual">;

export interface SessionOptions {
  readonly module: WebAssembly.Module;
  readonly seed: number;
  readonly demo?: boolean;
  readonly flash?: Flash;
  /** Opens what `flash FILE` names. */
  readonly openFlash: (file: string) => Flash;
  /** Called once, with the card as it is before the first command. */
  readonly onStart?: (card: Card, setup: Setup) => void;
  /** Called where the demo was asked for and the card is not blank. */
  readonly onNotBlank?: () => void;
}

/** What a session needs of the program that it runs in. */
export interface SessionTools {
  readonly response: Response;
  /** Personalizes a blank card as the demo card and leaves it off. */
  readonly personalize: (card: Card) => void;
}

/** How a card was made: enough to make it again. */
export interface Setup {
  readonly seed: number;
  readonly demo: boolean;
  /** The flash it began with, before the demo was put on it. */
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
  /** The bytes that left on the serial line last. */
  #sent: Uint8Array = new Uint8Array();

  constructor(options: SessionOptions, tools: SessionTools) {
    this.#options = options;
    this.#tools = tools;
    this.#seed = options.seed;
    this.#demo = options.demo ?? false;
    this.#flash = options.flash;
  }

  /** Whether `line` says nothing. */
  static isComment(line: string): boolean {
    return isComment(line);
  }

  /** Runs one line; `number` is its number in its file, for an error to name. */
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

  /** The session's card, made when it is first asked for. */
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
    return { extra, sent: this.#sent, patience: 0, keys: () => this.#keys(), response: this.#tools.response };
  }

  /** The suite is read from flash. Without other keys the card may be the demo card, and its serial number says so. */
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

  /** The card is as it is to be: from now on things happen to it. */
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

/** What was thrown, for a report; what is no error of a line is thrown on. */
export function errorReport(thrown: unknown, line?: number): ErrorReport {
  const where = line !== undefined && { line };
  if (thrown instanceof LineError) return { error: thrown.message, ...where };
  if (!(thrown instanceof Unmet)) throw thrown;
  return { error: thrown.message, ...where, expected: thrown.expected, actual: thrown.actual };
}

/** Takes the steps of a command, with the card's own clock. */
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

/** What `open` returns; a file that cannot be used is an error in its line. */
function opened(open: () => Flash): Flash {
  try {
    return open();
  } catch (error) {
    if (error instanceof UserError) throw new LineError(error.message);
    throw error;
  }
}
