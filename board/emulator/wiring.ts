// The pins of the micro:bit, as in board/ports/microbit/pins.h (test/board/wiring.test.ts compares them). The
// emulator's keys and screen and the drawing of the wiring use them.

import type { KeyName } from "../../sim/core/card.js";

export interface Pin {
  /** The number of the GPIO on the chip. */
  readonly gpio: number;
  /** Its name on the edge connector. */
  readonly edge: string;
}

/** The contacts, each to ground. */
export const KEY_PINS: Readonly<Record<KeyName, Pin>> = {
  "0": { gpio: 3, edge: "P0" },
  "1": { gpio: 2, edge: "P1" },
  "2": { gpio: 1, edge: "P2" },
  "3": { gpio: 18, edge: "P8" },
  "4": { gpio: 20, edge: "P12" },
  "5": { gpio: 23, edge: "P13" },
  "6": { gpio: 22, edge: "P14" },
  "7": { gpio: 21, edge: "P15" },
  "8": { gpio: 16, edge: "P16" },
  "9": { gpio: 12, edge: "P6" },
  ok: { gpio: 26, edge: "P11" },
  press: { gpio: 17, edge: "P5" },
};

/** The screen's lines. */
export const SCREEN_PINS = {
  scl: { gpio: 0, edge: "P19" },
  sda: { gpio: 30, edge: "P20" },
} as const satisfies Record<string, Pin>;
