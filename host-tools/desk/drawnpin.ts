// Draws PINs for the desk.

import { randomInt } from "node:crypto";
import { secretBytes } from "../files/secretbytes.js";
import { isWeakPin } from "./weakpin.js";

const DIGITS = 4;
const ZERO = 0x30;

/** Four digits as ASCII, never one of the PINs that are guessed first. Wipe them after use. */
export function drawPin(): Buffer {
  const pin = secretBytes(DIGITS);
  do fill(pin, randomInt(10 ** DIGITS));
  while (isWeakPin(pin));
  return pin;
}

/** Writes a number as decimal digits with leading zeros, without making a string of it. */
function fill(digits: Buffer, number: number): void {
  for (let at = digits.length - 1, left = number; at >= 0; at--, left = Math.floor(left / 10))
    digits[at] = ZERO + (left % 10);
}
