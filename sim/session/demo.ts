// The demo card.

import type { PersonalizationRecord } from "../../host-tools/card/cardclient.js";
import { Card } from "../core/card.js";
import type { Flash } from "../core/flash.js";
import { personalize } from "./cardcommands.js";

/** The demo card: the public test key of RFC 6287. */
export const DEMO: PersonalizationRecord = {
  serial: "IB3000001",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  pin: "4071",
  key: Buffer.from("12345678901234567890123456789012"),
  unlockKey: Uint8Array.from({ length: 32 }, (_, i) => i),
};

/**
 * Makes a blank flash the demo card's, on another card, so that this one's clock and counts begin at
 * zero. Returns false, with nothing done, where the flash is not blank.
 */
export function personalizeDemo(module: WebAssembly.Module, flash: Flash, seed: number): boolean {
  if (!flash.isBlank) return false;
  const desk = new Card(module, { seed: ~seed });
  personalize(desk, DEMO);
  flash.restore({ ...desk.flash.copy(), ...flash.counts });
  return true;
}
