// The demo card, and the record that personalizes a card (docs/ABI.md).

import { Outcome } from "../firmware/wire.js";
import { Card } from "./card.js";
import type { Flash } from "./flash.js";

/** Who judges the PIN. */
export type PinCheck = "card" | "server";

/** What a card is personalized with. */
export interface Personalization {
  readonly serial: string;
  readonly suite: string;
  readonly pinCheck: PinCheck;
  /** Wrong PINs in a row that lock the card: 3 to 10. */
  readonly tries: number;
  readonly pin: string;
  /** 16 to 64 bytes. */
  readonly key: Uint8Array;
  /** 32 bytes. */
  readonly unlockKey: Uint8Array;
}

/** The demo card: the public test key of RFC 6287. */
export const DEMO: Personalization = {
  serial: "IB3000001",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  pin: "4071",
  key: ascii("12345678901234567890123456789012"),
  unlockKey: Uint8Array.from({ length: 32 }, (_, i) => i),
};

/** Turns a blank card on, personalizes it and leaves it off. Throws where the card is not blank or refuses. */
export function personalize(card: Card, data: Personalization): void {
  card.hold("press");
  if (card.state !== "NO_KEY") {
    if (card.on) card.hold("press");
    throw new Error("the card is not blank");
  }
  const outcome = card.personalize(record(data));
  if (outcome !== Outcome.DONE) throw new Error(`the card refused its record (${Outcome[outcome]})`);
}

/**
 * Makes a blank flash the demo card's, at the workshop: on another card, so that this one's clock and
 * counts begin at zero. Returns false, with nothing done, where the flash is not blank.
 */
export function personalizeDemo(module: WebAssembly.Module, flash: Flash, seed: number): boolean {
  if (!flash.isBlank) return false;
  const workshop = new Card(module, { seed: ~seed });
  personalize(workshop, DEMO);
  flash.restore({ ...workshop.flash.copy(), ...flash.counts });
  return true;
}

/** The 152 bytes that `personalize` takes. */
export function record(data: Personalization): Uint8Array {
  const bytes = new Uint8Array(152);
  bytes.set([data.pinCheck === "card" ? 1 : 2, data.tries, data.suite.length, data.key.length], 0);
  bytes.set(ascii(data.pin), 4);
  bytes.set(ascii(data.serial), 8);
  bytes.set(ascii(data.suite), 20);
  bytes.set(data.key, 56);
  bytes.set(data.unlockKey, 120);
  return bytes;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
