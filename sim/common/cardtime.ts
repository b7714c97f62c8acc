// How the card's time follows the computer's: not at all while nothing can happen, and to the millisecond where it can.
//
// It wakes when the card or a key that is pressed needs it, so an idle card costs next to nothing.

import { isLive, type Subject } from "../core/subject.js";
import type { Keypresses } from "./keypresses.js";

/** More than this at once, in ms, and the program was asleep: the card was too. */
const LONGEST_STEP = 1000;
/** The longest sleep in ms; far below LONGEST_STEP, so that a busy machine is not taken for one that was asleep. */
const LONGEST_SLEEP = 500;
/** The sleep in ms while something moves: a serial line, where bytes may come at any time, or fast-forward. */
const SHORT_SLEEP = 25;
const FAST = 30;

/** The computer's time. */
export interface Timer {
  /** ms since some moment, never backwards. */
  now(): number;
  /** Calls `run` after `ms`. Returns what calls it off. */
  after(ms: number, run: () => void): () => void;
}

export class CardTime {
  readonly #card: Subject;
  readonly #keypresses: Keypresses;
  /** Bytes may arrive at any time, and the gaps between them count. */
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

  /** How fast the card's time runs. While the mouse holds a button its time is the user's. */
  get speed(): number {
    return this.#fast && !this.#keypresses.holding ? FAST : 1;
  }

  /** Fast-forward on, or off. */
  toggleFast(): void {
    this.#fast = !this.#fast;
  }

  /** From now on the card's time goes on. */
  start(): void {
    this.#last = this.#timer.now();
    this.#sleep();
  }

  /** The card's time stands still. */
  stop(): void {
    this.#callOff();
  }

  /** Lets the time pass that has passed; call it before anything is done to the card. */
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
