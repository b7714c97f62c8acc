// Cards for the tests: personalized, turned on, and operated as their owner would.

import { Cla, Ins, Level, SetStatusP2, Sw } from "../../firmware/wire.js";
import type { Command } from "../../host-tools/card/apdu.js";
import type { PersonalizationRecord } from "../../host-tools/card/cardclient.js";
import { encryptUnderDek, testKeys } from "../../host-tools/card/transportkeys.js";
import { UNLOCK_SUITE } from "../../host-tools/seeds/suite.js";
import { Card, type CardOptions } from "../../sim/core/card.js";
import { currentBytes, Offset } from "../../sim/core/image.js";
import { exchange, openChannel, personalize } from "../../sim/session/cardcommands.js";
import { DEMO } from "../../sim/session/demo.js";
import { loadFirmware } from "../../sim/session/firmware.js";
import { oracle } from "./oracle.js";

/** The compiled firmware, loaded once. */
export const MODULE = loadFirmware();
/** A PIN that no card of these tests has. */
export const WRONG_PIN = "8888";

/** A factory-new card. */
export function blankCard(options: CardOptions = {}): Card {
  return new Card(MODULE, options);
}

/** A card that is off, personalized as the demo card but for `changes`. */
export function cardOf(changes: Partial<PersonalizationRecord> = {}, options: CardOptions = {}): Card {
  const card = blankCard(options);
  personalize(card, { ...DEMO, ...changes });
  return card;
}

/**
 * Seeds a card with a record, its plain 161 bytes (docs/PROTOCOL.md) changed by `patch`, and makes it personalized.
 * Leaves it off. Returns the name of the status word that STORE DATA answered.
 */
export function seed(card: Card, data: PersonalizationRecord, patch: (plain: Buffer) => void = () => {}): string {
  const keys = testKeys();
  const plain = plainRecord(data);
  patch(plain);
  const sealed = Buffer.concat([plain.subarray(0, 49), encryptUnderDek(keys.dek, plain.subarray(49))]);
  const channel = openChannel(card, Level.FULL, keys);
  const send = (command: Omit<Command, "cla">) =>
    channel.unwrap(exchange(card, channel.wrap({ cla: Cla.GP_SECURE, ...command }))).sw;
  const sw = send({ ins: Ins.STORE_DATA, p1: 0xe0, p2: 0, data: sealed });
  if (sw === Sw.DONE) send({ ins: Ins.SET_STATUS, p1: 0x80, p2: SetStatusP2.PERSONALIZED });
  turnOff(card);
  return Sw[sw] as string;
}

/** The record of STORE DATA, nothing in it checked or encrypted. */
function plainRecord(data: PersonalizationRecord): Buffer {
  const bytes = Buffer.alloc(161);
  bytes.set([data.pinCheck === "card" ? 1 : 2, data.tries, data.key.length, data.suite.length]);
  bytes.write(data.serial, 4, "latin1");
  bytes.write(data.suite, 14, "latin1");
  bytes.set(data.key, 49);
  bytes.set(data.unlockKey, 113);
  bytes.write(data.pin, 145, "latin1");
  return bytes;
}

/** Holds PRESS on a card that is off. Returns what it shows. */
export function turnOn(card: Card): string {
  card.hold("press");
  return card.display;
}

/** Holds PRESS on a card that is on. */
export function turnOff(card: Card): void {
  if (card.on) card.hold("press");
}

/** Types digits, presses OK and returns what the card shows. */
export function enter(card: Card, digits: string): string {
  card.type(digits);
  card.press("ok");
  return card.display;
}

/** Enters a PIN at the card's prompt for one. */
export function enterPin(card: Card, pin: string = DEMO.pin): string {
  return enter(card, pin);
}

/** Waits until a message of two seconds is over. */
export function passMessage(card: Card): string {
  card.wait(2000);
  return card.display;
}

/** Turns the card on, logs in, turns it off, and returns the response; undefined if the PIN was not accepted. */
export function login(card: Card, pin: string = DEMO.pin, challenge = "123456"): string | undefined {
  turnOff(card);
  turnOn(card);
  const response = enterPin(card, pin) === "CHALLNG>" ? enter(card, challenge) : undefined;
  turnOff(card);
  return response;
}

/** Enters a new PIN twice where the card shows NEW>. */
export function setPin(card: Card, pin: string): string {
  enter(card, pin);
  return enter(card, pin);
}

/** Turns the card on and enters wrong PINs, `count` of them, leaving it on. */
export function failPin(card: Card, count: number): string {
  turnOff(card);
  turnOn(card);
  for (let i = 0; i < count; i++) {
    enterPin(card, WRONG_PIN);
    if (card.state === "WRONG_PIN") passMessage(card);
  }
  return card.display;
}

/** From LOCKED to UNLOCK>. Returns the lock code that the card showed. */
export function askUnlock(card: Card): string {
  card.press("ok");
  const lockCode = card.display;
  card.press("ok");
  return lockCode;
}

/** The unlock code that the help desk computes. */
export function unlockCodeOf(lockCode: string, unlockKey: Uint8Array = DEMO.unlockKey): string {
  return oracle(UNLOCK_SUITE, unlockKey, { challenge: lockCode });
}

/** An unlock code that is wrong for this lock code. */
export function wrongCodeFor(lockCode: string): string {
  const right = unlockCodeOf(lockCode);
  return `${(Number(right[0]) + 1) % 10}${right.slice(1)}`;
}

/** From LOCKED with `count` wrong unlock codes; leaves the card at LOCKED or BLOCKED. */
export function failCode(card: Card, count: number): string {
  for (let i = 0; i < count; i++) {
    enter(card, wrongCodeFor(askUnlock(card)));
    if (card.state === "WRONG_CODE") passMessage(card);
  }
  return card.display;
}

/** The response by the tests' own computation. */
export function expected(challenge: string, data: Partial<PersonalizationRecord> = {}): string {
  const { suite, key, pin } = { ...DEMO, ...data };
  return oracle(suite, key, { challenge, pin });
}

/** A personalized card at LOCKED. */
export function lockedCard(changes: Partial<PersonalizationRecord> = {}, options: CardOptions = {}): Card {
  const card = cardOf(changes, options);
  failPin(card, changes.tries ?? DEMO.tries);
  return card;
}

/** The tries left of a card that is off; it is turned on to read them. */
export function triesOf(card: Card): number | undefined {
  turnOn(card);
  const tries = card.tries;
  turnOff(card);
  return tries;
}

/** The flash of a card whose root secret has a wrong bit: it shows ERROR 02. */
export function unreadableFlash(): Uint8Array {
  const bytes = Uint8Array.from(cardOf().flash.bytes);
  const page = currentBytes(bytes);
  page[Offset.ROOT] = (page[Offset.ROOT] as number) ^ 1;
  return bytes;
}
