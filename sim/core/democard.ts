// The demo card: its data, which are public, and a function that makes its flash. It has the public test key of RFC
// 6287.

import { Card } from "./card.js";
import type { Flash } from "./flash.js";

const KEY = "12345678901234567890123456789012";

/** Its personalization. */
export const DEMO_CARD = {
  serial: "IB3000001",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  pin: "4071",
  key: Uint8Array.from(KEY, (character) => character.charCodeAt(0)),
  unlockKey: Uint8Array.from({ length: 32 }, (_, i) => i),
} as const;

/**
 * Turns a blank flash into the demo card's. This is done on a temporary card, so that the clock and counts of the real
 * one begin at zero. `personalize` acts as the desk: it personalizes a blank card as the demo card and leaves it off.
 * Returns false and changes nothing if the flash is not blank.
 */
export function makeDemo(
  module: WebAssembly.Module,
  flash: Flash,
  seed: number,
  personalize: (card: Card) => void,
): boolean {
  if (!flash.isBlank) return false;
  const desk = new Card(module, { seed: ~seed });
  personalize(desk);
  flash.restore({ ...desk.flash.copy(), ...flash.counts });
  return true;
}
