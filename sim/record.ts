// `--record`: everything that goes into a card, and the screens it shows, as a command file that replays.

import { closeSync, openSync, writeSync } from "node:fs";
import { basename } from "node:path";
import type { Card, CardWatcher, KeyName } from "./card.js";
import type { CutMode } from "./flash.js";
import { saveFlashFile } from "./flashfile.js";
import type { Setup } from "./session.js";

const WARNING =
  "# This record holds the PIN and all else as it was typed: treat it like the card. Replay: dsc-sim run FILE";

/** A record that cannot be written; the message is for people. */
export class RecordError extends Error {
  override name = "RecordError";
}

/** Writes what happens to a card from now on, line by line as it happens. */
export class Recorder {
  readonly #file: number;
  readonly #path: string;

  /** Makes the file, readable by its owner only; one that is there is not overwritten. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = openSync(path, "wx", 0o600);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      const why = code === "EEXIST" ? "is there already; choose another name" : `cannot be made (${code})`;
      throw new RecordError(`${path}: ${why}`);
    }
    this.#line(WARNING);
  }

  /** Begins with a card as `setup` made it; its flash, unless blank, is saved beside the record. */
  start(card: Card, setup: Setup): void {
    this.#line(`seed ${setup.seed}`);
    if (setup.flash.some((byte) => byte !== 0xff)) {
      saveFlashFile(`${this.#path}.flash`, setup.flash);
      this.#line(`flash ${basename(this.#path)}.flash`);
    }
    if (setup.demo) this.#line("demo");
    card.watchers.push(this.#watcher(card));
  }

  close(): void {
    closeSync(this.#file);
  }

  #watcher(card: Card): CardWatcher {
    let last = card.time;
    const write = (line: string) => {
      if (card.time > last) this.#line(`wait ${card.time - last}`);
      last = card.time;
      this.#line(line);
    };
    return {
      key: (key: KeyName, down: boolean) => write(`${down ? "down" : "up"} ${key}`),
      display: (text: string) => write(`expect ${text}`.trimEnd()),
      battery: (millivolts: number) => write(millivolts === 0 ? "cut" : `battery ${millivolts}`),
      cutAt: (count: number, mode: CutMode) => write(`cut-at ${count} ${mode}`),
      serial: (bytes: Uint8Array) => write(`serial ${Buffer.from(bytes).toString("hex")}`),
      kept: (name: string, back: boolean) => {
        if (back) last = card.time;
        write(`${back ? "load" : "save"} ${name}`);
      },
    };
  }

  #line(text: string): void {
    writeSync(this.#file, `${text}\n`);
  }
}
