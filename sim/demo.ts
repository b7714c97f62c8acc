// The demo card, and the workshop where a simulated card is personalized: over its serial line, by the
// steps of docs/PROTOCOL.md, with no line in between and no time passing.

import { Cla, Ins, Level, LifeCode, Sw } from "../firmware/wire.js";
import type { Command } from "../host-tools/apdu.js";
import { encodeRecord, type PersonalizationRecord } from "../host-tools/cardclient.js";
import { testKeys } from "../host-tools/keyset.js";
import { Card } from "./card.js";
import type { Flash } from "./flash.js";
import { exchange, openChannel } from "./workshop.js";

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

/** Personalizes a card under the public test keys and leaves it off. Throws where it refuses. */
export function personalize(card: Card, record: PersonalizationRecord): void {
  const keys = testKeys();
  const channel = openChannel(card, Level.FULL, keys);
  const steps: Command[] = [
    { cla: Cla.GP_SECURE, ins: Ins.STORE_DATA, p1: 0xe0, p2: 0, data: encodeRecord(record, keys.dek) },
    { cla: Cla.GP_SECURE, ins: Ins.SET_STATUS, p1: 0x80, p2: LifeCode.PERSONALIZED },
  ];
  for (const step of steps) {
    const { sw } = channel.unwrap(exchange(card, channel.wrap(step)));
    if (sw !== Sw.DONE) throw new Error(`the card refused its personalization (${sw.toString(16)})`);
  }
  channel.close();
  card.hold("press");
}

/**
 * Makes a blank flash the demo card's, on another card, so that this one's clock and counts begin at
 * zero. Returns false, with nothing done, where the flash is not blank.
 */
export function personalizeDemo(module: WebAssembly.Module, flash: Flash, seed: number): boolean {
  if (!flash.isBlank) return false;
  const workshop = new Card(module, { seed: ~seed });
  personalize(workshop, DEMO);
  flash.restore({ ...workshop.flash.copy(), ...flash.counts });
  return true;
}
