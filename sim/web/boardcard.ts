// A real card at the other end of a serial line, through its front panel (docs/PROTOCOL.md, channel 1): keys go out,
// screens come in.

import { PanelAt, State } from "../../firmware/wire.js";
import { type CardWatcher, KEYS, type KeyName } from "../core/card.js";
import type { Subject } from "../core/subject.js";
import type { SerialLine } from "./serialline.js";

/** How often the screen is requested, in ms: a board may reset, and frames may get lost. */
const ASK_TIME = 1000;
/** The number of unanswered requests in a row after which the silence is reported. */
const MOST_UNANSWERED = 4;

export class BoardCard implements Subject {
  readonly watchers: CardWatcher[] = [];
  readonly #line: SerialLine;
  readonly #changed: () => void;
  readonly #start = performance.now();
  readonly #down = new Set<KeyName>();
  readonly #asking: ReturnType<typeof setInterval>;
  #unanswered = 0;
  #screen = { on: false, state: State.OFF as number, display: "" };

  /** `changed` is called when a screen came. */
  constructor(line: SerialLine, changed: () => void) {
    this.#line = line;
    this.#changed = changed;
    line.onPanel = (report) => this.#received(report);
    this.#asking = setInterval(() => this.#ask(), ASK_TIME);
    this.#ask();
  }

  get on(): boolean {
    return this.#screen.on;
  }

  get state(): string {
    if (this.#unanswered > MOST_UNANSWERED) return "no answer";
    return State[this.#screen.state] ?? `unknown: ${this.#screen.state}`;
  }

  get display(): string {
    return this.#screen.display;
  }

  get time(): number {
    return performance.now() - this.#start;
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

  /** Releases the keys and stops the requests. */
  leave(): void {
    clearInterval(this.#asking);
    for (const key of [...this.#down]) this.up(key);
  }

  #contact(key: KeyName, down: boolean): void {
    for (const watcher of this.watchers) watcher.key?.(key, down);
    this.#line.sendPanel(Uint8Array.of(KEYS.indexOf(key), down ? 1 : 0));
  }

  #ask(): void {
    this.#unanswered++;
    this.#line.sendPanel(new Uint8Array());
    this.#changed();
  }

  #received(report: Uint8Array): void {
    if (report.length !== PanelAt.SIZE) return;
    const before = this.#screen;
    // Zeros before the card has shown anything.
    const text = String.fromCharCode(...report.subarray(PanelAt.TEXT)).replace(/[^ -~]/g, " ");
    this.#screen = { on: report[0] !== 0, state: report[1] as number, display: text.trimEnd() };
    this.#unanswered = 0;
    const { on, display } = this.#screen;
    if (on !== before.on) for (const watcher of this.watchers) watcher.power?.(on);
    if (display !== before.display) for (const watcher of this.watchers) watcher.display?.(display);
    this.#changed();
  }
}
