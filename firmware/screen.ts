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

/** Shows a text and, at column `at`, a number of `digits` digits (1 or 2). */
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

/** Lights the whole screen, with eight stars. */
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
  store<u64>(LINE, bswap<u64>(textOf(which)));
}

/**
 * A text in ASCII. It is in code, since a fault may overwrite a text in memory with a key, which the screen would show.
 */
function textOf(which: Text): u64 {
  switch (which) {
    case Text.PIN:
      return 0x50494e3e20202020; // PIN>
    case Text.CHALLENGE:
      return 0x4348414c4c4e473e; // CHALLNG>
    case Text.LEFT:
      return 0x4c45465420202020; // LEFT
    case Text.NEW:
      return 0x4e45573e20202020; // NEW>
    case Text.REPEAT:
      return 0x5245503e20202020; // REP>
    case Text.WEAK:
      return 0x5745414b2050494e; // WEAK PIN
    case Text.NO_MATCH:
      return 0x4e4f204d41544348; // NO MATCH
    case Text.PIN_SET:
      return 0x50494e2053455420; // PIN SET
    case Text.LOCKED:
      return 0x4c4f434b45442020; // LOCKED
    case Text.UNLOCK:
      return 0x554e4c4f434b3e20; // UNLOCK>
    case Text.WRONG:
      return 0x57524f4e47202020; // WRONG
    case Text.BLOCKED:
      return 0x424c4f434b454420; // BLOCKED
    case Text.NO_KEY:
      return 0x4e4f204b45592020; // NO KEY
    case Text.ERROR:
      return 0x4552524f52202020; // ERROR
    case Text.BATTERY:
      return 0x42415454204c4f57; // BATT LOW
    case Text.SERIAL:
      return 0x53455249414c2020; // SERIAL
    case Text.TEST:
      return 0x5445535420202020; // TEST
    default:
      return 0x2020202020202020;
  }
}
