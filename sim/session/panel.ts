// A card that is elsewhere, by its front panel (docs/PROTOCOL.md, channel 1): keys go out, screens come in, and time
// passes by itself.

import { PanelAt, State } from "../../firmware/wire.js";
import type { Link } from "../../host-tools/card/link.js";
import { type CardWatcher, KEYS, type KeyName } from "../core/card.js";
import type { Subject } from "./subject.js";

/** How often the screen is asked for, in ms: a board may reset, and frames get lost. */
const ASK_TIME = 1000;
/** How often in a row nothing may come before that is said. */
const MOST_UNANSWERED = 4;

const SHOW = new Uint8Array();

/** The front panel over a link. */
export class Panel implements Subject {
  readonly watchers: CardWatcher[] = [];
  /** Resolves at the first screen. */
  readonly shown: Promise<true>;
  /** Resolves when the line is closed, from either side. */
  readonly closed: Promise<void>;

  readonly #link: Link;
  readonly #start = performance.now();
  readonly #asking: NodeJS.Timeout;
  readonly #down = new Set<KeyName>();
  #tellShown = () => {};
  #open = true;
  /** How often the screen was asked for since it came. */
  #asked = 0;
  #screen = { on: false, state: State.OFF, display: "" };

  constructor(link: Link) {
    this.#link = link;
    link.onPanel = (report) => this.#received(report);
    this.shown = new Promise((resolve) => {
      this.#tellShown = () => resolve(true);
    });
    this.closed = new Promise((resolve) => {
      link.watchers.push({ closed: () => this.#closed(resolve) });
    });
    this.#asking = setInterval(() => this.#ask(), ASK_TIME);
    this.#ask();
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
    return performance.now() - this.#start;
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

  /** Lets go of the keys, and then of the link. */
  close(): void {
    for (const key of [...this.#down]) this.up(key);
    this.#link.close();
  }

  #contact(key: KeyName, down: boolean): void {
    for (const watcher of this.watchers) watcher.key?.(key, down);
    this.#send(Uint8Array.of(KEYS.indexOf(key), down ? 1 : 0));
  }

  #ask(): void {
    this.#asked++;
    this.#send(SHOW);
  }

  #send(payload: Uint8Array): void {
    if (this.#open) this.#link.sendPanel(payload);
  }

  #received(report: Buffer): void {
    if (report.length !== PanelAt.SIZE) return;
    const before = this.#screen;
    const display = printable(report.toString("latin1", PanelAt.TEXT)).trimEnd();
    this.#screen = { on: report[0] !== 0, state: report[1] as number, display };
    this.#asked = 0;
    this.#tellShown();
    const { on } = this.#screen;
    if (on !== before.on) for (const watcher of [...this.watchers]) watcher.power?.(on);
    if (display !== before.display) for (const watcher of [...this.watchers]) watcher.display?.(display);
  }

  #closed(tell: () => void): void {
    this.#open = false;
    clearInterval(this.#asking);
    tell();
  }
}

/** Zeros before a card showed anything; and nothing that it sends may mean anything to the terminal. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, " ");
}
