// The screen: one line of eight characters.

import * as host from "./host";

const WIDTH: u32 = 8;
/** What the screen shows. */
export const LINE: usize = memory.data(8);
const BLANK: u8 = 0x20;
const STAR: u8 = 0x2a;

/** The texts, eight characters each; "_" is a blank. */
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
// biome-ignore format: in the order of Text
const TEXTS =
  "PIN>____,CHALLNG>,LEFT____,NEW>____,REP>____,WEAK_PIN,NO_MATCH,PIN_SET_,LOCKED__,UNLOCK>_,WRONG___,BLOCKED_,NO_KEY__,ERROR___,BATT_LOW,SERIAL__,TEST____";

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
  const from = changetype<usize>(TEXTS) + which * (WIDTH + 1) * 2;
  for (let i: u32 = 0; i < WIDTH; i++) {
    const c = load<u8>(from + (i << 1));
    store<u8>(LINE + i, c === 0x5f /* _ */ ? BLANK : c);
  }
}
