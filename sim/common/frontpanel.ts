// A card at a serial port of Node or of a browser, reached through its front panel (docs/PROTOCOL.md, channel 1): keys
// go out, screens come in, and time passes by itself.

import { PanelAt, State } from "../../firmware/wire.js";
import { type CardWatcher, KEYS, type KeyName } from "../core/card.js";
import type { Subject } from "../core/subject.js";
import type { Timer } from "./cardtime.js";

/** The interval of requests for the screen, in ms. They repeat since a board may reset and frames may be lost. */
const ASK_TIME = 1000;
/** The number of requests in a row without an answer before the state says so. */
const MOST_UNANSWERED = 4;
/** The same before a caller gives up waiting: a busy computer may answer late. */
const MOST_LOOKS = 60;

const SHOW = new Uint8Array();

/** The line to a panel. */
export interface PanelLine {
  /** Makes the line call `hear` with each report of the front panel. */
  onReport(hear: (report: Uint8Array) => void): void;
  /** Makes the line call `tell` when it is closed, from either side. */
  onClosed(tell: () => void): void;
  /** Sends a payload on the front panel's channel. */
  sendPanel(payload: Uint8Array): void;
}

export class FrontPanel implements Subject {
  readonly watchers: CardWatcher[] = [];
  /** Resolves at the first screen. */
  readonly shown: Promise<true>;
  /** Resolves when the line is closed, from either side. */
  readonly closed: Promise<void>;

  readonly #line: PanelLine;
  readonly #timer: Timer;
  readonly #changed: () => void;
  readonly #start: number;
  #callOff = () => {};
  readonly #down = new Set<KeyName>();
  #tellShown = () => {};
  #open = true;
  /** Requests for the screen since its last report. */
  #asked = 0;
  #screen = { on: false, state: State.OFF, display: "" };
  /** The callers that wait for a report, and the number of unanswered requests after which each gives up. */
  #looking: { readonly most: number; readonly tell: (came: boolean) => void }[] = [];

  /** `changed` is called after each report and after each request for the screen. */
  constructor(line: PanelLine, timer: Timer, changed = () => {}) {
    this.#line = line;
    this.#timer = timer;
    this.#changed = changed;
    this.#start = timer.now();
    line.onReport((report) => this.#received(report));
    this.shown = new Promise((resolve) => {
      this.#tellShown = () => resolve(true);
    });
    this.closed = new Promise((resolve) => {
      line.onClosed(() => this.#closed(resolve));
    });
    this.#askAgain();
  }

  get on(): boolean {
    return this.#screen.on;
  }

  get state(): string {
    if (this.#asked > MOST_UNANSWERED) return "no answer";
    return State[this.#screen.state] ?? `unknown: ${this.#screen.state}`;
  }

  get display(): string {
    return this.#screen.display;
  }

  /** Real time, in ms since the panel was made. */
  get time(): number {
    return this.#timer.now() - this.#start;
  }

  /** Whether the line is open. */
  get open(): boolean {
    return this.#open;
  }

  down(key: KeyName): void {
    this.#down.add(key);
    this.#contact(key, true);
  }

  up(key: KeyName): void {
    this.#down.delete(key);
    this.#contact(key, false);
  }

  isDown(key: KeyName): boolean {
    return this.#down.has(key);
  }

  /**
   * Waits for a report of the screen that was made after this call. Resolves to false if the line was closed, or if
   * more than `most` requests got no answer. Waits for two reports, since the first may have been sent before the call.
   */
  async look(most = MOST_LOOKS): Promise<boolean> {
    for (let reports = 0; reports < 2; reports++) {
      if (!this.#open) return false;
      const coming = new Promise<boolean>((tell) => this.#looking.push({ most, tell }));
      this.#ask();
      if (!(await coming)) return false;
    }
    return true;
  }

  /** Releases the keys and stops asking for the screen. */
  leave(): void {
    this.#callOff();
    for (const key of [...this.#down]) this.up(key);
  }

  #contact(key: KeyName, down: boolean): void {
    for (const watcher of this.watchers) watcher.key?.(key, down);
    this.#send(Uint8Array.of(KEYS.indexOf(key), down ? 1 : 0));
  }

  #askAgain(): void {
    this.#callOff = this.#timer.after(ASK_TIME, () => this.#askAgain());
    this.#ask();
  }

  #ask(): void {
    this.#asked++;
    this.#looked(false, ({ most }) => this.#asked > most);
    this.#send(SHOW);
    this.#changed();
  }

  #send(payload: Uint8Array): void {
    if (this.#open) this.#line.sendPanel(payload);
  }

  #received(report: Uint8Array): void {
    if (report.length !== PanelAt.SIZE) return;
    const before = this.#screen;
    const display = printable(report.subarray(PanelAt.TEXT)).trimEnd();
    this.#screen = { on: report[0] !== 0, state: report[1] as number, display };
    this.#asked = 0;
    this.#tellShown();
    this.#looked(true);
    const { on } = this.#screen;
    if (on !== before.on) for (const watcher of [...this.watchers]) watcher.power?.(on);
    if (display !== before.display) for (const watcher of [...this.watchers]) watcher.display?.(display);
    this.#changed();
  }

  #looked(came: boolean, done: (one: { readonly most: number }) => boolean = () => true): void {
    const over = this.#looking.filter(done);
    this.#looking = this.#looking.filter((one) => !over.includes(one));
    for (const { tell } of over) tell(came);
  }

  #closed(tell: () => void): void {
    this.#open = false;
    this.#looked(false);
    this.#callOff();
    tell();
  }
}

/**
 * Replaces control characters by blanks, since a terminal would obey them. A card that has shown nothing yet sends
 * zeros.
 */
function printable(text: Uint8Array): string {
  return String.fromCharCode(...text).replace(/[^ -~]/g, " ");
}
