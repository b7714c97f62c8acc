// A model of the SSD1306 (datasheet rev 1.1) on a glass of 128 x 32 pixels whose cable is below: I2C bytes become
// commands and RAM, and RAM becomes pixels. An unknown command throws.

import type { I2cDevice } from "./i2c.js";

export const WIDTH = 128;
export const HEIGHT = 32;

const ADDRESS = 0x78;
/** The pages of the controller's RAM. */
const PAGES = 8;

/** The controller got an invalid command, or one that this glass cannot show. */
export class Ssd1306Error extends Error {
  override name = "Ssd1306Error";
}

interface Command {
  readonly operands: number;
  readonly run: (first: number, second: number) => void;
}

interface Window {
  first: number;
  last: number;
  at: number;
}

export class Ssd1306 implements I2cDevice {
  /** Undefined, as after power-on. */
  readonly ram = Uint8Array.from({ length: WIDTH * PAGES }, (_, i) => (i * 167 + 13) & 0xff);
  /** Bytes written to RAM so far. */
  written = 0;
  on = false;

  readonly #commands = new Map<number, Command>();
  /** Bytes since the start: the address, the control byte, then commands or data. */
  #count = 0;
  #isData = false;
  #pending: number[] = [];

  #mode = 2;
  readonly #columns: Window = { first: 0, last: WIDTH - 1, at: 0 };
  readonly #pages: Window = { first: 0, last: PAGES - 1, at: 0 };
  #chargePump = false;
  #rows = 64;
  #comPins = 0x12;
  #offset = 0;
  #startLine = 0;
  #columnsRemapped = false;
  #rowsRemapped = false;
  #inverse = false;
  #all = false;

  constructor() {
    this.#define();
  }

  /** Pixels row by row, 1 where lit. */
  pixels(): Uint8Array {
    const pixels = new Uint8Array(WIDTH * HEIGHT);
    if (!this.on) return pixels;
    for (let i = 0; i < pixels.length; i++) pixels[i] = Number(this.#isLit(i % WIDTH, Math.floor(i / WIDTH)));
    return pixels;
  }

  // ---- I2C [8.1.5] ----

  start(): void {
    this.#count = 0;
  }

  byte(value: number): void {
    const place = this.#count++;
    if (place === 0) this.#address(value);
    else if (place === 1) this.#control(value);
    else if (this.#isData) this.#write(value);
    else this.#command(value);
  }

  stop(): void {
    this.#count = 0;
  }

  #address(value: number): void {
    if (value !== ADDRESS) throw new Ssd1306Error(`address byte ${hex(value)}: nobody answers`);
  }

  #control(value: number): void {
    if (value !== 0x00 && value !== 0x40) throw new Ssd1306Error(`control byte ${hex(value)}`);
    this.#isData = value === 0x40;
    if (this.#isData && this.#pending.length > 0) throw new Ssd1306Error("data within a command");
  }

  // ---- commands [9] ----

  #command(byte: number): void {
    this.#pending.push(byte);
    const [code = 0, first = 0, second = 0] = this.#pending;
    const command = this.#commands.get(code);
    if (!command) throw new Ssd1306Error(`command ${hex(code)}: unknown`);
    if (this.#pending.length <= command.operands) return;
    this.#pending = [];
    command.run(first, second);
  }

  #define(): void {
    const none = () => {};
    const add = (code: number, operands: number, run: Command["run"]) => this.#commands.set(code, { operands, run });
    // The lower half of a column address, in a memory mode that is not modelled.
    add(0x00, 0, none);
    add(0x20, 1, (mode) => this.#setMode(mode));
    add(0x21, 2, (first, last) => open(this.#columns, first, last, WIDTH));
    add(0x22, 2, (first, last) => open(this.#pages, first, last, PAGES));
    add(0x2e, 0, none);
    for (let line = 0; line < 64; line++) add(0x40 + line, 0, () => (this.#startLine = line));
    add(0x81, 1, none);
    add(0x8d, 1, (setting) => (this.#chargePump = setting === 0x14));
    for (const bit of [0, 1]) {
      add(0xa0 + bit, 0, () => (this.#columnsRemapped = bit === 1));
      add(0xa4 + bit, 0, () => (this.#all = bit === 1));
      add(0xa6 + bit, 0, () => (this.#inverse = bit === 1));
      add(0xae + bit, 0, () => this.#turn(bit === 1));
      add(0xc0 + 8 * bit, 0, () => (this.#rowsRemapped = bit === 1));
    }
    add(0xa8, 1, (ratio) => (this.#rows = ratio + 1));
    add(0xd3, 1, (offset) => (this.#offset = offset));
    add(0xd5, 1, none);
    add(0xd9, 1, none);
    add(0xda, 1, (pins) => (this.#comPins = pins));
    add(0xdb, 1, none);
    add(0xe3, 0, none);
  }

  #setMode(mode: number): void {
    if (mode > 1) throw new Ssd1306Error(`memory mode ${mode}: not modelled`);
    this.#mode = mode;
  }

  /** Checks that the settings that this glass needs have been made. */
  #turn(on: boolean): void {
    this.on = on;
    if (!on) return;
    const wanted = { chargePump: true, rows: HEIGHT, comPins: 0x02, offset: 0, startLine: 0 };
    const found = {
      chargePump: this.#chargePump,
      rows: this.#rows,
      comPins: this.#comPins,
      offset: this.#offset,
      startLine: this.#startLine,
    };
    if (JSON.stringify(found) !== JSON.stringify(wanted)) {
      throw new Ssd1306Error(`turned on with ${JSON.stringify(found)}`);
    }
  }

  // ---- RAM [8.7, 10.1.3] ----

  #write(value: number): void {
    this.written++;
    this.ram[this.#pages.at * WIDTH + this.#columns.at] = value;
    const [inner, outer] = this.#mode === 1 ? [this.#pages, this.#columns] : [this.#columns, this.#pages];
    if (advance(inner)) advance(outer);
  }

  #isLit(x: number, y: number): boolean {
    const column = this.#columnsRemapped ? x : WIDTH - 1 - x;
    const row = this.#rowsRemapped ? y : HEIGHT - 1 - y;
    const bit = ((this.ram[(row >> 3) * WIDTH + column] as number) >> (row & 7)) & 1;
    return this.#all || (bit === 1) !== this.#inverse;
  }
}

function open(window: Window, first: number, last: number, size: number): void {
  if (first > last || last >= size) throw new Ssd1306Error(`a window from ${first} to ${last} of ${size}`);
  Object.assign(window, { first, last, at: first });
}

/** Moves to the next place. Returns whether it wrapped around. */
function advance(window: Window): boolean {
  window.at = window.at === window.last ? window.first : window.at + 1;
  return window.at === window.first;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
