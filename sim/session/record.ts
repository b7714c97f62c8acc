// `--record`: everything that goes into a card, and its screens, as a command file that can be replayed.

import { closeSync, ftruncateSync, openSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { faultInWords } from "../../host-tools/files/faults.js";
import { version } from "../../host-tools/files/project.js";
import { RecordLines } from "../common/recordlines.js";
import type { Card } from "../core/card.js";
import { atExit } from "./atexit.js";
import type { Setup } from "./cardsession.js";
import { saveFlashFile } from "./flashfile.js";
import { END, recordHead } from "./recordmarks.js";
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
  #lines: RecordLines | undefined;

  /**
   * Makes the file, which only its owner can read; an existing file is not overwritten. If a later write fails,
   * `failed` is called: the record ends there, and the session continues. `firmware`: its hash.
   */
  constructor(path: string, firmware: string, failed: (error: RecordError) => void = raise) {
    this.#path = path;
    this.#failed = failed;
    this.#file = create(path);
    this.#close = atExit(() => this.#end());
    for (const line of recordHead(version(), firmware)) this.#line(line);
  }

  /** Begins with a card as `setup` made it; its flash, unless blank, is saved beside the record. */
  start(card: Card, setup: Setup): void {
    const keepFlash = (flash: Uint8Array) => {
      saveFlashFile(`${this.#path}.flash`, flash);
      return `${basename(this.#path)}.flash`;
    };
    this.#lines = new RecordLines(card, setup, keepFlash, (line) => this.#line(line));
    this.#begun = true;
  }

  /** Ends the record. A record that never began is deleted. May be called again. */
  close(): void {
    this.#close();
  }

  #end(): void {
    if (this.#begun) {
      this.#lines?.catchUp();
      this.#line(END);
    }
    closeSync(this.#file);
    if (!this.#begun) rmSync(this.#path, { force: true });
  }

  /** Writes a whole line or nothing, so that the file can always be replayed. */
  #line(text: string): void {
    if (this.#broken) return;
    const line = Buffer.from(`${text}\n`);
    try {
      writeFileSync(this.#file, line);
      this.#size += line.length;
    } catch (error) {
      this.#broken = true;
      ftruncateSync(this.#file, this.#size);
      const why = `cannot be written: ${faultInWords(error)}`;
      const tell = this.#begun ? this.#failed : raise;
      tell(new RecordError(`${this.#path}: ${why}; the record ends here, but the session continues`));
    }
  }
}

function create(path: string): number {
  try {
    return openSync(path, "wx", 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "EEXIST" ? "exists already; choose another name" : `cannot be made: ${faultInWords(error)}`;
    throw new RecordError(`${path}: ${why}`);
  }
}

function raise(error: RecordError): void {
  throw error;
}
