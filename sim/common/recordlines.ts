// A session as lines of the command language (docs/SCRIPTING.md): keys as contacts with their times, and each screen as
// an `expect`, so that the record can be replayed.

import type { Card, CardWatcher } from "../core/card.js";

/** How the card of a session was made. */
export interface Beginning {
  readonly seed: number;
  /** Whether a blank card was made the demo card. */
  readonly demo?: boolean;
  /** The name of the file with its initial flash. */
  readonly flash?: string;
}

/** Passes on what happens to a card from now on, line by line. */
export class RecordLines {
  readonly #card: Card;
  readonly #write: (line: string) => void;
  readonly #watcher: CardWatcher;
  /** The card's time at the last line. */
  #last: number;

  constructor(card: Card, { seed, demo, flash }: Beginning, write: (line: string) => void) {
    this.#card = card;
    this.#write = write;
    this.#last = card.time;
    write(`seed ${seed}`);
    if (flash !== undefined) write(`flash ${flash}`);
    if (demo) write("demo");
    this.#watcher = {
      key: (key, down) => this.#line(`${down ? "down" : "up"} ${key}`),
      display: (text) => this.#line(`expect ${text}`.trimEnd()),
      battery: (millivolts) => this.#line(millivolts === 0 ? "cut" : `battery ${millivolts}`),
      cutAt: (count, mode) => this.#line(`cut-at ${count} ${mode}`),
      serial: (bytes) => this.#line(`serial ${hex(bytes)}`),
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

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
