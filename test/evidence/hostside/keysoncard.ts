// Finds whose key is in a card, by comparing the card's answers with the register.
//
// The questions go to a copy of the flash, so that they change nothing.

import { Ins, Level, Sw, Tag } from "../../../firmware/wire.js";
import { diversificationData, diversify, type Keyset, testKeys } from "../../../host-tools/card/transportkeys.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { Card } from "../../../sim/core/card.js";
import { Flash } from "../../../sim/core/flash.js";
import { exchange, openChannel } from "../../../sim/session/cardcommands.js";
import { askUnlock, enter, failPin, login, MODULE, unlockCodeOf } from "../../support/cards.js";
import type { KeptKeys } from "./deskregister.js";

const CHALLENGE = "271828";
const LIVES = ["?", "blank", "seeded", "personalized"] as const;

/** The state of a card as it reports it. */
export interface Life {
  readonly life: (typeof LIVES)[number];
  readonly serial: string;
  readonly kvn: number;
}

export function copyOf(flash: Uint8Array): Card {
  return new Card(MODULE, { flash: new Flash(flash), seed: 11 });
}

function read(card: Card, tag: number): Buffer {
  const { data, sw } = exchange(card, { cla: 0x80, ins: Ins.GET_DATA, p1: tag >> 8, p2: tag & 0xff, le: 256 });
  return sw === Sw.DONE ? data : Buffer.alloc(0);
}

export function lifeOf(flash: Uint8Array): Life {
  const card = copyOf(flash);
  const life = LIVES[read(card, Tag.STATUS)[0] ?? 0] ?? "?";
  return { life, serial: read(card, Tag.SERIAL).toString("ascii"), kvn: read(card, Tag.KEY_INFORMATION)[5] ?? 0 };
}

/** The card's response to a fixed challenge, by the keypad or, if it still shows NO KEY, by its proof. */
export function responseOf(flash: Uint8Array, pin: string, masters: readonly Uint8Array[]): string | undefined {
  const { life } = lifeOf(flash);
  if (life === "personalized") return login(copyOf(flash), pin, CHALLENGE);
  if (life !== "seeded") return undefined;
  return transportKeysOf(flash, masters) && proofOf(flash, pin, transportKeysOf(flash, masters) as Keyset);
}

function proofOf(flash: Uint8Array, pin: string, keys: Keyset): string {
  const card = copyOf(flash);
  const channel = openChannel(card, Level.FULL, keys);
  const data = Buffer.from(`${pin}${CHALLENGE}`, "ascii");
  const prove = { cla: 0x84, ins: Ins.INTERNAL_AUTHENTICATE, p1: 0, p2: 0, data, le: 256 };
  return channel.unwrap(exchange(card, channel.wrap(prove))).data.toString("ascii");
}

/** The transport keys that open the card: the test keys, or those of one of the masters. */
export function transportKeysOf(flash: Uint8Array, masters: readonly Uint8Array[]): Keyset | undefined {
  const { serial, kvn } = lifeOf(flash);
  const own = () => masters.map((master) => diversify(master, diversificationData(serial), kvn));
  return [testKeys(), ...(serial ? own() : [])].find((keys) => opens(flash, keys));
}

function opens(flash: Uint8Array, keys: Keyset): boolean {
  try {
    openChannel(copyOf(flash), Level.FULL, keys);
    return true;
  } catch {
    return false;
  }
}

/** Whether the response was computed with the token key of these keys. */
export function isKeyOf({ suite, key }: KeptKeys, response: string, pin: string): boolean {
  return ocra(suite, key, { challenge: CHALLENGE, pin }) === response;
}

/** Whether the unlock key of these keys opens the card after its owner locked it. */
export function unlocks(flash: Uint8Array, { tries, unlockKey }: KeptKeys): boolean {
  const card = copyOf(flash);
  failPin(card, tries);
  return enter(card, unlockCodeOf(askUnlock(card), unlockKey)) === "NEW>";
}
