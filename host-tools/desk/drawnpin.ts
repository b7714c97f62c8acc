// A PIN that the desk draws.

import { randomInt } from "node:crypto";
import { secretBytes } from "../files/secretbytes.js";
import { isWeakPin } from "./weakpin.js";

const DIGITS = 4;
const ZERO = 0x30;

/** Four digits as ASCII, none of those that are guessed first. Wipe them after use. */
export function drawPin(): Buffer {
  const pin = secretBytes(DIGITS);
  do for (let at = 0; at < DIGITS; at++) pin[at] = ZERO + randomInt(10);
  while (isWeakPin(pin));
  return pin;
}
