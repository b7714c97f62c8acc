// The screen: one line of eight characters.

import * as host from "./host";

const WIDTH: u32 = 8;
/** What the screen shows. */
export const LINE: usize = memory.data(8);
const BLANK: u8 = 0x20;
const STAR: u8 = 0x2a;

/** The texts, eight characters each. */
export enum Text {
  PIN = 0,
  CHALLENGE,
  LEFT,
  NEW,
  REPEAT,
  WEAK,
  NO_MATCH,
  PIN_SET,
  LOCKED,
  UNLOCK,
  WRONG,
  BLOCKED,
  NO_KEY,
  ERROR,
  BATTERY,
  SERIAL,
  TEST,
}
/** In the order of Text, in ASCII: a literal would be UTF-16 and take twice the room. */
// biome-ignore format: a text on each line
const TEXTS: usize = memory.data<u8>([
  0x50, 0x49, 0x4e, 0x3e, 0x20, 0x20, 0x20, 0x20, // PIN>
  0x43, 0x48, 0x41, 0x4c, 0x4c, 0x4e, 0x47, 0x3e, // CHALLNG>
  0x4c, 0x45, 0x46, 0x54, 0x20, 0x20, 0x20, 0x20, // LEFT
  0x4e, 0x45, 0x57, 0x3e, 0x20, 0x20, 0x20, 0x20, // NEW>
  0x52, 0x45, 0x50, 0x3e, 0x20, 0x20, 0x20, 0x20, // REP>
  0x57, 0x45, 0x41, 0x4b, 0x20, 0x50, 0x49, 0x4e, // WEAK PIN
  0x4e, 0x4f, 0x20, 0x4d, 0x41, 0x54, 0x43, 0x48, // NO MATCH
  0x50, 0x49, 0x4e, 0x20, 0x53, 0x45, 0x54, 0x20, // PIN SET
  0x4c, 0x4f, 0x43, 0x4b, 0x45, 0x44, 0x20, 0x20, // LOCKED
  0x55, 0x4e, 0x4c, 0x4f, 0x43, 0x4b, 0x3e, 0x20, // UNLOCK>
  0x57, 0x52, 0x4f, 0x4e, 0x47, 0x20, 0x20, 0x20, // WRONG
  0x42, 0x4c, 0x4f, 0x43, 0x4b, 0x45, 0x44, 0x20, // BLOCKED
  0x4e, 0x4f, 0x20, 0x4b, 0x45, 0x59, 0x20, 0x20, // NO KEY
  0x45, 0x52, 0x52, 0x4f, 0x52, 0x20, 0x20, 0x20, // ERROR
  0x42, 0x41, 0x54, 0x54, 0x20, 0x4c, 0x4f, 0x57, // BATT LOW
  0x53, 0x45, 0x52, 0x49, 0x41, 0x4c, 0x20, 0x20, // SERIAL
  0x54, 0x45, 0x53, 0x54, 0x20, 0x20, 0x20, 0x20, // TEST
]);

/** Shows a text. */
export function text(which: Text): void {
  write(which);
  host.display(LINE);
}

/** Shows a text that ends in `stars` stars. */
export function stars(which: Text, stars: u32): void {
  write(which);
  memory.fill(LINE + 4, STAR, stars);
  host.display(LINE);
}

/** Shows a text with a number of `digits` digits (1 or 2) behind it, from column `at` on. */
export function number(which: Text, at: u32, digits: u32, value: u32): void {
  write(which);
  if (digits === 2) store<u8>(LINE + at, (0x30 + value / 10) as u8);
  store<u8>(LINE + at + digits - 1, (0x30 + (value % 10)) as u8);
  host.display(LINE);
}

/** Shows the `length` digits at `digits`, from the left. */
export function digits(digits: usize, length: u32): void {
  memory.fill(LINE, BLANK, WIDTH);
  memory.copy(LINE, digits, length);
  host.display(LINE);
}

/** Lights what a screen can light: eight stars. */
export function all(): void {
  memory.fill(LINE, STAR, WIDTH);
  host.display(LINE);
}

/** Darkens the screen. */
export function dark(): void {
  memory.fill(LINE, BLANK, WIDTH);
  host.display(LINE);
}

function write(which: Text): void {
  memory.copy(LINE, TEXTS + which * WIDTH, WIDTH);
}
