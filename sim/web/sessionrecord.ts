// The session with the card of the page, as a file that `dsc-sim run` and the page replay.

import { RecordLines } from "../common/recordlines.js";
import { isBlank } from "../core/flash.js";
import { END, hashOf, recordHead } from "../session/recordmarks.js";
import type { MadeCard } from "./democard.js";
import { saveFile } from "./savefile.js";

/** Inserted by the bundler: the version of the simulator from which the page was built. */
declare const DSC_SIMULATOR: string;

const NAME = "session.dsc";
/** The separate file for the initial flash. The demo card needs none. */
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

  /** Offers the session so far to the user, and the initial flash unless that of a fresh demo card. */
  save(): void {
    this.#record.catchUp();
    const lines = [...recordHead(DSC_SIMULATOR, hashOf(this.#module)), ...this.#lines, END];
    saveFile(NAME, `${lines.join("\n")}\n`);
    if (!isBlank(this.#flash)) saveFile(FLASH_NAME, this.#flash);
  }
}
