// A card on the page: its drawing, its keys under the user's hands, and its time.

import { CardTime } from "../common/cardtime.js";
import { Keypresses } from "../common/keypresses.js";
import { KEYS, type KeyName } from "../core/card.js";
import { isLive, type Subject } from "../core/subject.js";
import { CardDrawing } from "./carddrawing.js";
import { beforeNextFrame } from "./frames.js";
import { REAL_TIME } from "./realtime.js";
import { listen } from "./touch.js";

export class LiveCard {
  readonly drawing = new CardDrawing();
  readonly #passed: () => void;
  #subject: Subject;
  #keypresses: Keypresses;
  #time: CardTime;
  /** The key under a finger: it lights up at once, even while the previous contact is still open. */
  #held: KeyName | undefined;
  readonly #show = beforeNextFrame(() => this.#draw());

  /** `passed` is called whenever something may have changed. */
  constructor(subject: Subject, passed: () => void) {
    this.#passed = passed;
    this.#subject = subject;
    [this.#keypresses, this.#time] = this.#handsOn(subject);
    listen(this.drawing, {
      grab: (key) => this.act(() => this.#grab(key)),
      release: () => this.act(() => this.#release()),
      tap: (key) => this.tap(key),
    });
    document.addEventListener("visibilitychange", () => {
      // The browser suspends a hidden page, and the card with it.
      if (!document.hidden) this.#time.start();
    });
    this.#time.start();
    this.#show();
  }

  /** The card that is shown. */
  get subject(): Subject {
    return this.#subject;
  }

  /** Replaces the card. */
  set subject(subject: Subject) {
    this.letGo();
    this.#time.stop();
    this.#subject = subject;
    [this.#keypresses, this.#time] = this.#handsOn(subject);
    this.#time.start();
    this.#show();
  }

  /** How fast its time runs. */
  get speed(): number {
    return this.#time.speed;
  }

  toggleFast(): void {
    this.act(() => this.#time.toggleFast());
  }

  /** Presses a key for a moment. */
  tap(key: KeyName): void {
    this.act(() => this.#keypresses.tap(key));
  }

  /** Holds a key for a second. */
  hold(key: KeyName): void {
    this.act(() => this.#keypresses.hold(key));
  }

  /** Called when a card on another host has sent something. */
  changed(): void {
    this.#show();
    this.#passed();
  }

  /** Releases the keys, and drops waiting presses. */
  letGo(): void {
    this.#held = undefined;
    this.#keypresses.letGo();
  }

  /** Does something to the card, at the right time, and shows the result. */
  act<T>(work: () => T): T {
    this.#time.catchUp();
    try {
      return work();
    } finally {
      this.#time.catchUp();
      this.#show();
      this.#passed();
    }
  }

  #handsOn(subject: Subject): [Keypresses, CardTime] {
    const keypresses = new Keypresses(subject, { clock: REAL_TIME.now, longest: Number.POSITIVE_INFINITY });
    const time = new CardTime(subject, keypresses, isLive(subject), REAL_TIME, () => {
      this.#show();
      this.#passed();
    });
    return [keypresses, time];
  }

  #grab(key: KeyName): void {
    this.#held = key;
    this.#keypresses.grab(key);
  }

  #release(): void {
    this.#held = undefined;
    this.#keypresses.release();
  }

  #draw(): void {
    const { on, state, display } = this.#subject;
    const down = new Set(KEYS.filter((key) => key === this.#held || this.#subject.isDown(key)));
    this.drawing.show({ on, state, display, down });
  }
}
