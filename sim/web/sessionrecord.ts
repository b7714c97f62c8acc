// The session with the card of the page, as a file that `dsc-sim run` replays.

import { RecordLines } from "../common/recordlines.js";
import type { MadeCard } from "./democard.js";
import { saveFile } from "./savefile.js";

const NAME = "session.dsc";
/** The initial flash, in a separate file: a demo card needs none. */
const FLASH_NAME = `${NAME}.flash`;
const WARNING =
  "# This record holds the PIN and all else as it was typed: treat it like the card. Replay: dsc-sim run FILE";

export class SessionRecord {
  readonly #made: MadeCard;
  readonly #lines: string[] = [WARNING];
  readonly #record: RecordLines;

  /** Records what happens to a card from now on. */
  constructor(made: MadeCard) {
    this.#made = made;
    const { card, seed, flash } = made;
    const beginning = flash ? { seed, flash: FLASH_NAME } : { seed, demo: true };
    this.#record = new RecordLines(card, beginning, (line) => this.#lines.push(line));
  }

  /** Offers the session so far to the user, and, unless the card was a fresh demo card, its initial flash. */
  save(): void {
    this.#record.catchUp();
    saveFile(NAME, `${[...this.#lines, "end"].join("\n")}\n`);
    if (this.#made.flash) saveFile(FLASH_NAME, this.#made.flash);
  }
}
