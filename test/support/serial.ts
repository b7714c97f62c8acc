// A card on the bench, for the tests of its serial line.

import { Ins } from "../../firmware/wire.js";
import type { Command } from "../../host-tools/card/apdu.js";
import type { SecureChannel } from "../../host-tools/card/scp03.js";
import { Card } from "../../sim/core/card.js";
import { exchange, personalize } from "../../sim/session/cardcommands.js";
import { DEMO } from "../../sim/session/demo.js";
import { loadFirmware } from "../../sim/session/firmware.js";

export const module = loadFirmware();
export const CHANGE = { ins: Ins.CHANGE_REFERENCE_DATA, p1: 0, p2: 0 } as const;
export const UNLOCK = { ins: Ins.RESET_RETRY_COUNTER, p1: 0, p2: 0 } as const;
export const PROVE = { ins: Ins.INTERNAL_AUTHENTICATE, p1: 0, p2: 0 } as const;
export const WIPE = { ins: Ins.SET_STATUS, p1: 0x80, p2: 0x01 } as const;
export const FINISH = { ins: Ins.SET_STATUS, p1: 0x80, p2: 0x0f } as const;
export const STORE = { ins: Ins.STORE_DATA, p1: 0xe0, p2: 0 } as const;

export function blank(): Card {
  return new Card(module, { seed: 7 });
}

export function demo(): Card {
  const card = blank();
  personalize(card, DEMO);
  return card;
}

export function send(card: Card, channel: SecureChannel, command: Omit<Command, "cla">): { sw: number; data: Buffer } {
  return channel.unwrap(exchange(card, channel.wrap({ cla: 0x84, ...command })));
}

export function getData(card: Card, tag: number): { sw: number; data: Buffer } {
  return exchange(card, { cla: 0x80, ins: Ins.GET_DATA, p1: tag >> 8, p2: tag & 0xff, le: 256 });
}

export function digits(text: string): Buffer {
  return Buffer.from(text, "ascii");
}

/** Enters a PIN by hand and returns what the card shows. */
export function enter(card: Card, pin: string): string {
  if (!card.on) card.hold("press");
  card.type(pin);
  card.press("ok");
  return card.display;
}

export function lock(card: Card): string {
  for (let i = 0; i < DEMO.tries; i++) {
    enter(card, "9999");
    if (card.display !== "LOCKED") card.wait(2000);
  }
  card.press("ok");
  const code = card.display;
  card.hold("press");
  return code;
}
