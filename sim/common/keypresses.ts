// Key presses: typed keys and buttons held with a pointer become contacts that close and open one after another in the
// card's time, so that fast typing is not lost.

import { HOLD_TIME, type KeyName, TAP_TIME, UP_TIME } from "../core/card.js";
import { isLive, type Subject } from "../core/subject.js";

/** The most presses that wait: a whole login typed ahead, but not the repeats of a key held for long. */
const MOST_WAITING = 16;
/**
 * A key that comes again within this time (ms) counts as held down: longer than a keyboard waits before its first
 * repeat.
 */
const REPEAT_TIME = 700;
/** In a terminal, a mouse button that is held longer than this (ms) is taken for one whose release was not reported. */
const LOST_RELEASE = 5000;

interface Touch {
  readonly key: KeyName;
  /** ms until it is released. */
  left: number;
  /** ms that the contact has been closed. */
  held: number;
}

interface KeypressOptions {
  /** Called when a press is dropped because too many wait. */
  readonly full?: () => void;
  /** The user's time, in ms; default: the card's. */
  readonly clock?: () => number;
  /**
   * A pointer that holds a button longer than this (ms) was lost. Infinity: each release is reported, so none is lost.
   */
  readonly longest?: number;
}

export class Keypresses {
  readonly #card: Subject;
  readonly #queue: Touch[] = [];
  #now: Touch | undefined;
  #pause = 0;
  #mouse: Touch | undefined;
  #releasesLost = false;
  readonly #full: () => void;
  readonly #clock: () => number;
  readonly #longest: number;
  /** The last requested hold, and its time. */
  #lastHold: { readonly key: KeyName; readonly at: number } | undefined;

  constructor(
    card: Subject,
    { full = () => {}, clock = () => card.time, longest = LOST_RELEASE }: KeypressOptions = {},
  ) {
    this.#card = card;
    this.#full = full;
    this.#clock = clock;
    this.#longest = longest;
  }

  /** The key whose contact is closed. */
  get down(): KeyName | undefined {
    return this.#now?.key;
  }

  /** Whether the mouse holds a button. */
  get holding(): boolean {
    return this.#mouse !== undefined;
  }

  /** ms until a contact moves; Infinity: none moves by itself. */
  get due(): number {
    if (this.#now) return this.#now.left;
    return this.#queue.length > 0 ? this.#pause : Number.POSITIVE_INFINITY;
  }

  /** Queues a press of a key. */
  tap(key: KeyName): void {
    this.#lastHold = undefined;
    this.#enqueue({ key, left: TAP_TIME, held: 0 });
  }

  /** Queues a hold of a key. Repeats from a keyboard whose key is held down belong to the same hold. */
  hold(key: KeyName): void {
    const at = this.#clock();
    const repeated = this.#lastHold?.key === key && at - this.#lastHold.at < REPEAT_TIME;
    this.#lastHold = { key, at };
    if (!repeated) this.#enqueue({ key, left: HOLD_TIME, held: 0 });
  }

  /** Drops the waiting presses; the key that is down stays down for its time. */
  forget(): void {
    this.#queue.length = 0;
  }

  #enqueue(touch: Touch): void {
    if (this.#queue.length < MOST_WAITING) this.#queue.push(touch);
    else this.#full();
  }

  /** A mouse button was pressed on a key. */
  grab(key: KeyName): void {
    this.release();
    // A terminal that once lost a release reports none, so there a click is a tap.
    if (this.#releasesLost) return this.tap(key);
    this.#mouse = { key, left: this.#longest, held: 0 };
    this.#queue.push(this.#mouse);
  }

  /** The mouse button was released: the contact opens, after the time of a tap at the earliest. */
  release(): void {
    if (this.#mouse) this.#mouse.left = Math.max(0, TAP_TIME - this.#mouse.held);
    this.#mouse = undefined;
  }

  /** The release of the mouse button was reported after all. */
  released(): void {
    this.#releasesLost = false;
    this.release();
  }

  /** Releases all keys, and drops the waiting presses. */
  letGo(): void {
    this.#queue.length = 0;
    this.#mouse = undefined;
    if (this.#now) this.#lift(this.#now);
  }

  /** Advances the card by `ms`, moving the contacts at their times. */
  advance(ms: number): void {
    if (isLive(this.#card)) return this.#caughtUp(ms);
    let left = ms;
    while (left > 0) {
      this.#begin();
      const step = Math.min(left, this.#now ? this.#now.left : this.#pause || left);
      this.#card.wait?.(step);
      left -= step;
      this.#passed(step);
    }
  }

  /** The card's time has advanced by `ms` on its own. Reports that, then closes the next contact. */
  #caughtUp(ms: number): void {
    this.#passed(ms);
    this.#begin();
  }

  #begin(): void {
    if (this.#now || this.#pause > 0) return;
    this.#now = this.#queue.shift();
    if (this.#now) this.#card.down(this.#now.key);
  }

  #passed(ms: number): void {
    if (!this.#now) {
      this.#pause = Math.max(0, this.#pause - ms);
      return;
    }
    this.#now.left -= ms;
    this.#now.held += ms;
    if (this.#now.left > 0) return;
    if (this.#now === this.#mouse) {
      this.#releasesLost = true;
      this.#mouse = undefined;
    }
    this.#lift(this.#now);
  }

  #lift({ key }: Touch): void {
    this.#now = undefined;
    this.#pause = UP_TIME;
    this.#card.up(key);
  }
}
