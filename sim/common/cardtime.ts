// How the card's time follows the computer's: it stands still while nothing can happen, and is exact to the millisecond
// otherwise.
//
// A timer wakes only when the card or a pressed key needs it, so an idle card costs almost nothing.

import { isLive, type Subject } from "../core/subject.js";
import type { Keypresses } from "./keypresses.js";

/**
 * If more time than this passes at once (ms), the program was suspended, and the card's time is not advanced for it.
 */
const LONGEST_STEP = 1000;
/** The longest sleep in ms; far below LONGEST_STEP, so that a busy machine is not mistaken for a suspended one. */
const LONGEST_SLEEP = 500;
/** The sleep in ms while something is active: a serial line, where bytes may arrive at any time, or fast-forward. */
const SHORT_SLEEP = 25;
const FAST = 30;

/** The computer's time. */
export interface Timer {
  /** ms since some moment, never running backwards. */
  now(): number;
  /** Calls `run` after `ms`. Returns a function that cancels it. */
  after(ms: number, run: () => void): () => void;
}

export class CardTime {
  readonly #card: Subject;
  readonly #keypresses: Keypresses;
  /** Bytes may arrive at any time, and the gaps between them matter. */
  readonly #onLine: boolean;
  readonly #passed: () => void;
  #fast = false;
  readonly #timer: Timer;
  #callOff = () => {};
  #last = 0;
  #fraction = 0;

  /** `passed` is called after time has passed. */
  constructor(card: Subject, keypresses: Keypresses, onLine: boolean, timer: Timer, passed: () => void) {
    this.#timer = timer;
    this.#card = card;
    this.#keypresses = keypresses;
    this.#onLine = onLine;
    this.#passed = passed;
  }

  /** The speed of the card's time. While the mouse holds a button, it is real time. */
  get speed(): number {
    return this.#fast && !this.#keypresses.holding ? FAST : 1;
  }

  /** Turns fast-forward on or off. */
  toggleFast(): void {
    this.#fast = !this.#fast;
  }

  /** Starts the card's time. */
  start(): void {
    this.#last = this.#timer.now();
    this.#sleep();
  }

  /** Stops the card's time. */
  stop(): void {
    this.#callOff();
  }

  /** Advances the card to the present; call it before doing anything to the card. */
  catchUp(): void {
    this.#callOff();
    const now = this.#timer.now();
    const ms = Math.min(now - this.#last, LONGEST_STEP) * this.speed + this.#fraction;
    this.#last = now;
    this.#fraction = ms % 1;
    this.#keypresses.advance(Math.floor(ms));
    this.#passed();
    this.#sleep();
  }

  #sleep(): void {
    this.#callOff();
    this.#callOff = this.#timer.after(this.#sleepTime(), () => this.catchUp());
  }

  #sleepTime(): number {
    const moving = this.#onLine || (this.speed > 1 && this.#card.on);
    const longest = moving ? SHORT_SLEEP : LONGEST_SLEEP;
    const toSecond = this.#card.on ? 1000 - (this.#card.time % 1000) : longest;
    const due = isLive(this.#card) ? longest : (this.#card.due ?? longest);
    return Math.max(1, Math.ceil(Math.min(longest, toSecond, due, this.#keypresses.due)));
  }
}
