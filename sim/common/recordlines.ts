// A session as lines of the command language (docs/SCRIPTING.md): keys as contacts with their times, and each screen as
// an `expect`, so that the record can be replayed.

import { toHex } from "../../host-tools/files/hex.js";
import type { Card, CardWatcher } from "../core/card.js";
import { isBlank } from "../core/flash.js";

/** How the card of a session was made. */
export interface Beginning {
  readonly seed: number;
  /** A blank card was personalized as the demo card. */
  readonly demo: boolean;
  /** The initial flash, before the card was personalized as the demo card. */
  readonly flash: Uint8Array;
}

/** Passes on what happens to a card from now on, line by line. */
export class RecordLines {
  readonly #card: Card;
  readonly #write: (line: string) => void;
  readonly #watcher: CardWatcher;
  /** The card's time at the last line. */
  #last: number;

  /** `keepFlash` saves a flash that is not blank beside the record, and returns the name of its file. */
  constructor(
    card: Card,
    { seed, demo, flash }: Beginning,
    keepFlash: (flash: Uint8Array) => string,
    write: (line: string) => void,
  ) {
    this.#card = card;
    this.#write = write;
    this.#last = card.time;
    write(`seed ${seed}`);
    if (!isBlank(flash)) write(`flash ${keepFlash(flash)}`);
    if (demo) write("demo");
    this.#watcher = {
      key: (key, down) => this.#line(`${down ? "down" : "up"} ${key}`),
      display: (text) => this.#line(`expect ${text}`.trimEnd()),
      battery: (millivolts) => this.#line(millivolts === 0 ? "cut" : `battery ${millivolts}`),
      cutAt: (count, mode) => this.#line(`cut-at ${count} ${mode}`),
      serial: (bytes) => this.#line(`serial ${toHex(bytes)}`),
      kept: (name, back) => {
        if (back) this.#last = card.time;
        this.#line(`${back ? "load" : "save"} ${name}`);
      },
    };
    card.watchers.push(this.#watcher);
  }

  /** Writes the time since the last line. */
  catchUp(): void {
    const { time } = this.#card;
    if (time > this.#last) this.#write(`wait ${time - this.#last}`);
    this.#last = time;
  }

  #line(text: string): void {
    this.catchUp();
    this.#write(text);
  }
}
