// `--panel`: the screen of the emulated board in the terminal, pixel by pixel, and keys that press its pins.

import { HOLD_TIME, type KeyName, TAP_TIME, UP_TIME } from "../../sim/core/card.js";
import { asBraille, asHalfBlocks } from "./dots.js";
import type { EmulatedBoard } from "./emulatedboard.js";
import { WIDTH } from "./ssd1306.js";

const FRAME_TIME = 40;
/** The key of a typed character, and how long it is pressed, since terminals do not report the release of a key. */
const KEYS: Readonly<Record<string, readonly [KeyName, number]>> = {
  ...Object.fromEntries(Array.from("0123456789", (digit) => [digit, [digit as KeyName, TAP_TIME]])),
  "\r": ["ok", TAP_TIME],
  "\n": ["ok", TAP_TIME],
  o: ["ok", TAP_TIME],
  O: ["ok", HOLD_TIME],
  p: ["press", TAP_TIME],
  " ": ["press", TAP_TIME],
  P: ["press", HOLD_TIME],
};
const QUIT = "\x03";
const RESET = "r";
const HELP = "0-9   Enter: OK   p: PRESS   P, O: held   r: reset   Ctrl-C: quit";

/** Alternate screen, no cursor, no wrapping; and back. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const REST_OF_LINE = "\x1b[K";
const REST_OF_SCREEN = "\x1b[J";
const LIT = "\x1b[38;5;159;48;5;16m";
const PLAIN = "\x1b[0m";

export class Panel {
  /** Resolves when the user quits; rejects if the screen got invalid bytes. */
  readonly ended: Promise<void>;
  readonly #board: EmulatedBoard;
  readonly #note: string;
  #end: (error?: unknown) => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #drawn = "";
  /** Key presses that are waiting. */
  #keypresses: Promise<void> = Promise.resolve();
  readonly #onData = (text: string) => this.#typed(text);
  readonly #restore = () => this.close();

  /** Takes the terminal over until `close`. */
  constructor(board: EmulatedBoard, note: string) {
    this.#board = board;
    this.#note = note;
    this.ended = new Promise((resolve, reject) => {
      this.#end = (error) => (error === undefined ? resolve() : reject(error));
    });
    process.on("exit", this.#restore);
    process.stdin.setRawMode(true);
    process.stdin.setEncoding("latin1");
    process.stdin.on("data", this.#onData);
    process.stdout.write(ENTER);
    this.#timer = setInterval(() => this.#frame(), FRAME_TIME);
  }

  /** Restores the terminal. May be called again. */
  close(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    process.off("exit", this.#restore);
    process.stdin.off("data", this.#onData);
    process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stdout.write(LEAVE);
  }

  #typed(text: string): void {
    // An escape sequence is a key without a function.
    if (text.startsWith("\x1b")) return;
    for (const character of text) this.#key(character);
  }

  #key(character: string): void {
    const press = KEYS[character];
    if (character === QUIT) this.#end();
    else if (character === RESET) this.#queue(() => this.#board.reset());
    else if (press) this.#queue(() => this.#press(...press));
  }

  async #press(key: KeyName, time: number): Promise<void> {
    await this.#board.contact(key, true);
    await this.#board.wait(time);
    await this.#board.contact(key, false);
    await this.#board.wait(UP_TIME);
  }

  #queue(action: () => Promise<void>): void {
    this.#keypresses = this.#keypresses.then(action).catch((error) => this.#end(error));
  }

  #frame(): void {
    try {
      const lines = this.#lines(this.#board.pixels());
      const picture = `${HOME}${lines.map((line) => line + REST_OF_LINE).join("\r\n")}${REST_OF_SCREEN}`;
      if (picture === this.#drawn) return;
      this.#drawn = picture;
      process.stdout.write(picture);
    } catch (error) {
      this.#end(error);
    }
  }

  #lines(pixels: Uint8Array): string[] {
    const rows = process.stdout.columns >= WIDTH + 2 ? asHalfBlocks(pixels) : asBraille(pixels);
    const edge = "─".repeat(rows[0]?.length ?? 0);
    return [`┌${edge}┐`, ...rows.map((row) => `│${LIT}${row}${PLAIN}│`), `└${edge}┘`, HELP, this.#note];
  }
}
