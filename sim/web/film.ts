// A session that was played at once, as a card that shows it again at the card's pace. Keys have no effect on it.

import type { Timer } from "../common/cardtime.js";
import { type Card, type CardWatcher, KEYS, type KeyName } from "../core/card.js";
import type { Subject } from "../core/subject.js";

/** The visible state of the card from one moment on. */
interface Moment {
  /** ms since the session began. */
  readonly at: number;
  readonly on: boolean;
  readonly state: string;
  readonly display: string;
  readonly down: readonly KeyName[];
  readonly tell: (watcher: CardWatcher) => void;
}

export class Film implements Subject {
  readonly watchers: CardWatcher[] = [];
  readonly #card: Card;
  readonly #timer: Timer;
  readonly #keysLight: boolean;
  readonly #moments: Moment[] = [];
  readonly #recorder: CardWatcher = {
    key: (...what) => this.#add((watcher) => watcher.key?.(...what)),
    display: (...what) => this.#add((watcher) => watcher.display?.(...what)),
    power: (...what) => this.#add((watcher) => watcher.power?.(...what)),
    battery: (...what) => this.#add((watcher) => watcher.battery?.(...what)),
    cutAt: (...what) => this.#add((watcher) => watcher.cutAt?.(...what)),
    cut: () => this.#add((watcher) => watcher.cut?.()),
    serial: (...what) => this.#add((watcher) => watcher.serial?.(...what)),
    kept: (...what) => this.#add((watcher) => watcher.kept?.(...what)),
  };
  /** The card's clock at the last moment; `load` sets it back. */
  #last: number;
  #length = 0;
  #now: Moment;
  #telling = false;
  #start = 0;
  #callOff = () => {};
  #over: (seen: boolean) => void = () => {};

  /** Records what happens to a card from now on. `keysLight`: whether the show lights the pressed keys. */
  constructor(card: Card, timer: Timer, keysLight: boolean) {
    this.#card = card;
    this.#timer = timer;
    this.#keysLight = keysLight;
    this.#last = card.time;
    this.#now = this.#moment(() => {});
    card.watchers.push(this.#recorder);
  }

  get on(): boolean {
    return this.#now.on;
  }

  get state(): string {
    return this.#now.state;
  }

  get display(): string {
    return this.#now.display;
  }

  /** ms since the session began. While a watcher is called, it is the exact time of that event. */
  get time(): number {
    return this.#telling ? this.#now.at : Math.min(this.#elapsed, this.#length);
  }

  isDown(key: KeyName): boolean {
    return this.#keysLight && this.#now.down.includes(key);
  }

  down(): void {}

  up(): void {}

  /** Ends the recording and shows it, calling `changed` after each change. Resolves to true at its end, to false if stopped. */
  play(changed: () => void): Promise<boolean> {
    this.#add(() => {});
    this.#card.watchers.splice(this.#card.watchers.indexOf(this.#recorder), 1);
    this.#start = this.#timer.now();
    return new Promise((resolve) => {
      this.#over = resolve;
      this.#showNext(changed);
    });
  }

  /** Ends the show. `seen`: whether it counts as shown to its end. */
  end(seen: boolean): void {
    this.#callOff();
    this.#over(seen);
  }

  get #elapsed(): number {
    return this.#timer.now() - this.#start;
  }

  #showNext(changed: () => void): void {
    for (let next = this.#moments[0]; next && next.at <= this.#elapsed; next = this.#moments[0]) {
      this.#moments.shift();
      this.#tell(next);
    }
    changed();
    const [next] = this.#moments;
    if (next) this.#callOff = this.#timer.after(next.at - this.#elapsed, () => this.#showNext(changed));
    else this.end(true);
  }

  #tell(moment: Moment): void {
    this.#now = moment;
    this.#telling = true;
    for (const watcher of [...this.watchers]) moment.tell(watcher);
    this.#telling = false;
  }

  #add(tell: (watcher: CardWatcher) => void): void {
    const { time } = this.#card;
    this.#length += Math.max(0, time - this.#last);
    this.#last = time;
    this.#moments.push(this.#moment(tell));
  }

  #moment(tell: (watcher: CardWatcher) => void): Moment {
    const { on, state, display } = this.#card;
    return { at: this.#length, on, state, display, down: KEYS.filter((key) => this.#card.isDown(key)), tell };
  }
}
