// A card elsewhere, through its front panel (docs/PROTOCOL.md, channel 1): keys go out, screens come in, and time
// passes by itself.

import { PanelAt, State } from "../../firmware/wire.js";
import type { Link } from "../../host-tools/card/link.js";
import { type CardWatcher, KEYS, type KeyName } from "../core/card.js";
import type { Subject } from "./subject.js";

/** How often the screen is requested, in ms: a board may reset, and frames may get lost. */
const ASK_TIME = 1000;
/** The number of unanswered requests in a row after which the silence is reported. */
const MOST_UNANSWERED = 4;
/** The same, before a waiting caller gives up: a busy computer does not mean that the card is gone. */
const MOST_LOOKS = 60;

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
  /** How often the screen was requested since it last came. */
  #asked = 0;
  #screen = { on: false, state: State.OFF, display: "" };
  /** Callers that wait for a report, and how many unanswered requests each tolerates. */
  #looking: { readonly most: number; readonly tell: (came: boolean) => void }[] = [];

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

  /**
   * Resolves to true when a screen is reported after this call, and to false if the line is closed or more than `most`
   * requests stay unanswered. One report may already be under way from before; the next one is new.
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

  /** Releases the keys, and then the link. */
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
    this.#looked(false, ({ most }) => this.#asked > most);
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
    this.#looked(true);
    const { on } = this.#screen;
    if (on !== before.on) for (const watcher of [...this.watchers]) watcher.power?.(on);
    if (display !== before.display) for (const watcher of [...this.watchers]) watcher.display?.(display);
  }

  #looked(came: boolean, done: (one: { readonly most: number }) => boolean = () => true): void {
    const over = this.#looking.filter(done);
    this.#looking = this.#looking.filter((one) => !over.includes(one));
    for (const { tell } of over) tell(came);
  }

  #closed(tell: () => void): void {
    this.#open = false;
    this.#looked(false);
    clearInterval(this.#asking);
    tell();
  }
}

/** Zeros before a card has shown anything. Characters that a terminal would act on are removed. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, " ");
}
