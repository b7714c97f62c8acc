// `--record`: everything that goes into a card, and its screens, as a command file that can be replayed.

import { closeSync, ftruncateSync, openSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import type { Card, CardWatcher, KeyName } from "../core/card.js";
import type { CutMode } from "../core/flash.js";
import { atExit } from "./atexit.js";
import { saveFlashFile } from "./flashfile.js";
import { END, recordHead } from "./recordmarks.js";
import type { Setup } from "./session.js";
import { UserError } from "./usererror.js";

/** A record that cannot be written; the message is for people. */
export class RecordError extends UserError {
  override name = "RecordError";
}

/** Records what happens to a card from now on, line by line. */
export class Recorder {
  readonly #file: number;
  readonly #path: string;
  readonly #failed: (error: RecordError) => void;
  readonly #close: () => void;
  /** The number of written bytes, always whole lines. */
  #size = 0;
  #begun = false;
  #broken = false;
  /** Writes the time since the last line. */
  #catchUp = () => {};

  /**
   * Makes the file, which only its owner can read; an existing file is not overwritten. If a later write fails,
   * `failed` is called: the record ends there, and the session continues. `firmware`: its hash.
   */
  constructor(path: string, firmware: string, failed: (error: RecordError) => void = raise) {
    this.#path = path;
    this.#failed = failed;
    this.#file = create(path);
    this.#close = atExit(() => this.#end());
    for (const line of recordHead(firmware)) this.#line(line);
  }

  /** Begins with a card as `setup` made it; its flash, unless blank, is saved beside the record. */
  start(card: Card, setup: Setup): void {
    this.#line(`seed ${setup.seed}`);
    if (setup.flash.some((byte) => byte !== 0xff)) {
      saveFlashFile(`${this.#path}.flash`, setup.flash);
      this.#line(`flash ${basename(this.#path)}.flash`);
    }
    if (setup.demo) this.#line("demo");
    this.#begun = true;
    card.watchers.push(this.#watcher(card));
  }

  /** Ends the record. A record that never began is deleted. May be called again. */
  close(): void {
    this.#close();
  }

  #end(): void {
    if (this.#begun) {
      this.#catchUp();
      this.#line(END);
    }
    closeSync(this.#file);
    if (!this.#begun) rmSync(this.#path, { force: true });
  }

  #watcher(card: Card): CardWatcher {
    let last = card.time;
    this.#catchUp = () => {
      if (card.time > last) this.#line(`wait ${card.time - last}`);
      last = card.time;
    };
    const write = (line: string) => {
      this.#catchUp();
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

  /** Writes a line completely or not at all, so that the file can always be replayed. */
  #line(text: string): void {
    if (this.#broken) return;
    const line = Buffer.from(`${text}\n`);
    try {
      writeFileSync(this.#file, line);
      this.#size += line.length;
    } catch (error) {
      this.#broken = true;
      ftruncateSync(this.#file, this.#size);
      const { code } = error as NodeJS.ErrnoException;
      const tell = this.#begun ? this.#failed : raise;
      tell(new RecordError(`${this.#path}: cannot be written (${code}); the record ends here, the session does not`));
    }
  }
}

function create(path: string): number {
  try {
    return openSync(path, "wx", 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "EEXIST" ? "exists already; choose another name" : `cannot be made (${code})`;
    throw new RecordError(`${path}: ${why}`);
  }
}

function raise(error: RecordError): void {
  throw error;
}
