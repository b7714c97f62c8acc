// The session with the card of the page, as a file that `dsc-sim run` and the page replay.

import { RecordLines } from "../common/recordlines.js";
import { isBlank } from "../core/flash.js";
import { END, hashOf, recordHead } from "../session/recordmarks.js";
import type { MadeCard } from "./democard.js";
import { saveFile } from "./savefile.js";

/** Put in by the bundler: the version of the simulator that the page was built of. */
declare const DSC_SIMULATOR: string;

const NAME = "session.dsc";
/** The initial flash, in a separate file: a demo card needs none. */
const FLASH_NAME = `${NAME}.flash`;

export class SessionRecord {
  readonly #module: WebAssembly.Module;
  readonly #flash: Uint8Array;
  readonly #lines: string[] = [];
  readonly #record: RecordLines;

  /** Records what happens to a card of the firmware `module` from now on. */
  constructor(module: WebAssembly.Module, { card, setup }: MadeCard) {
    this.#module = module;
    this.#flash = setup.flash;
    this.#record = new RecordLines(
      card,
      setup,
      () => FLASH_NAME,
      (line) => this.#lines.push(line),
    );
  }

  /** Offers the session so far to the user, and, unless the card was a fresh demo card, its initial flash. */
  save(): void {
    this.#record.catchUp();
    const lines = [...recordHead(DSC_SIMULATOR, hashOf(this.#module)), ...this.#lines, END];
    saveFile(NAME, `${lines.join("\n")}\n`);
    if (!isBlank(this.#flash)) saveFile(FLASH_NAME, this.#flash);
  }
}
