// The demo card: what everybody may know of it, and how a flash becomes its flash. It has the public test key of RFC 6287.

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
 * Makes a blank flash the demo card's, on another card, so that this one's clock and counts begin at zero. `personalize` is
 * the desk: it personalizes a blank card as the demo card and leaves it off. Returns false, with nothing done, where the
 * flash is not blank.
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
