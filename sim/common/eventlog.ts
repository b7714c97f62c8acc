// The log: what happened, at the card's time.
//
// It records that a digit was pressed and that a response is shown, never which one, since people show their logs.

import type { CardWatcher, KeyName } from "../core/card.js";
import type { Subject } from "../core/subject.js";

const KEPT = 500;
const HOLD_TIME = 800;
/** Screens that reveal nothing, although some contain digits. */
const HARMLESS = /^(\D*|LEFT \d|ERROR \d\d)$/;

/** Something that happened. */
export interface Entry {
  /** The card's clock, in ms. */
  readonly time: number;
  readonly text: string;
  /** How often in a row it happened. */
  count: number;
}

/** The card's time in seconds, as the log and the state show it. */
export function seconds(ms: number, digits: number): string {
  return (ms / 1000).toFixed(digits);
}

export class EventLog {
  readonly #card: Subject;
  readonly #watcher: CardWatcher;
  readonly #entries: Entry[] = [];
  #downAt = 0;
  #screen = "";
  #operations: number;
  #changes = 0;

  /** Logs what `card` does from now on. */
  constructor(card: Subject) {
    this.#card = card;
    this.#operations = operations(card);
    this.#watcher = {
      key: (key, down) => this.#key(key, down),
      display: (text) => this.#display(text),
      power: (on) => this.add(on ? "power on" : "power off"),
      battery: (mV) => this.add(mV ? `battery ${mV} mV` : "battery pulled"),
      cutAt: (count, mode) => this.add(`${mode} cut armed, ${count} ops ahead`),
      cut: () => this.add("power failed at a cut"),
      serial: (bytes) => this.add(`serial: ${bytes.length} bytes in`),
      kept: (_name, back) => this.add(back ? "card brought back" : "card kept"),
    };
    card.watchers.push(this.#watcher);
  }

  /** Grows with each entry and each change of screen or power: a new value means that there is something to show. */
  get changes(): number {
    return this.#changes;
  }

  /** Adds an entry; a repetition of the last one only raises its count. */
  add(text: string): void {
    this.#changes++;
    const last = this.#entries.at(-1);
    if (last?.text === text) last.count++;
    else this.#entries.push({ time: this.#card.time, text, count: 1 });
    if (this.#entries.length > KEPT) this.#entries.shift();
  }

  /** Records flash operations since the last call. */
  poll(): void {
    const more = operations(this.#card) - this.#operations;
    this.#operations += more;
    if (more > 0) this.add(`flash: ${more} op${more > 1 ? "s" : ""}`);
  }

  /** Stops watching. */
  close(): void {
    const at = this.#card.watchers.indexOf(this.#watcher);
    if (at >= 0) this.#card.watchers.splice(at, 1);
  }

  /** The last `count` entries, the oldest first. */
  last(count: number): readonly Entry[] {
    return count > 0 ? this.#entries.slice(-count) : [];
  }

  #key(key: KeyName, down: boolean): void {
    if (down) {
      this.#downAt = this.#card.time;
      return;
    }
    const held = this.#card.time - this.#downAt;
    const name = key === "ok" || key === "press" ? key.toUpperCase() : "digit";
    this.add(held < HOLD_TIME ? name : `${name} held ${seconds(held, 1)} s`);
  }

  /** Records a new screen; typed input does not count as one. */
  #display(text: string): void {
    this.#changes++;
    const screen = this.#name(text.replace(/\*+$/, ""));
    if (screen === this.#screen) return;
    this.#screen = screen;
    if (screen) this.add(`shows ${screen}`);
  }

  #name(text: string): string {
    if (HARMLESS.test(text)) return text;
    const state = this.#card.state;
    if (state === "RESPONSE") return "a response";
    return state === "LOCK_CODE" ? "a lock code" : this.#screen;
  }
}

/** The number of flash operations; a board does not report them. */
function operations(card: Subject): number {
  return card.flash?.operations ?? 0;
}
