// The situations in which the inputs of the fuzzing targets begin (test/rig/fuzzing/situations.c reads them): memory and flash
// of cards that the simulator brought into each situation, with the module that is fuzzed.

import { Cla, Ins, Level, SetStatusP2 } from "../../../firmware/wire.js";
import { encodeCommand } from "../../../host-tools/card/apdu.js";
import { encodeRecord, type PersonalizationRecord } from "../../../host-tools/card/cardclient.js";
import { testKeys } from "../../../host-tools/card/transportkeys.js";
import { Card } from "../../../sim/core/card.js";
import { converse, exchange, openChannel, personalize } from "../../../sim/session/cardcommands.js";
import { DEMO } from "../../../sim/session/demo.js";
import {
  askUnlock,
  enter,
  enterPin,
  expected,
  failCode,
  failPin,
  login,
  turnOff,
  turnOn,
  unlockCodeOf,
  WRONG_PIN,
} from "../../support/cards.js";

const NAME_SIZE = 16;
const CHALLENGE = "123456";
const SERVER_SUITE = "OCRA-1:HOTP-SHA256-8:QN06-PSHA1";
/** Near the wrap of the card's clock at 2^32 ms, with a login still to come. */
const HALF = 2 ** 31 - 10_000;

/** Keys that differ from every text and constant. */
const RECORD: PersonalizationRecord = {
  ...DEMO,
  key: Uint8Array.from({ length: 32 }, (_, i) => 0x80 ^ ((i * 73 + 41) & 0xff)),
  unlockKey: Uint8Array.from({ length: 32 }, (_, i) => 0xff & (i * 151 + 77)),
};

/** The actions that lead to each situation. The card begins off, and personalized unless it is in BLANK. */
const PERSONALIZED: Readonly<Record<string, (card: Card) => void>> = {
  off: () => {},
  pin: turnOn,
  "wrong-pin": (card) => {
    turnOn(card);
    enterPin(card, WRONG_PIN);
  },
  challenge: logIn,
  response: (card) => {
    logIn(card);
    enter(card, CHALLENGE);
  },
  "new-pin": changePin,
  "repeat-pin": (card) => {
    changePin(card);
    enter(card, "2580");
  },
  "weak-pin": (card) => {
    changePin(card);
    enter(card, "1111");
  },
  "clock-wraps": (card) => {
    card.wait(HALF);
    card.wait(HALF);
    logIn(card);
  },
  "last-try": (card) => {
    failPin(card, RECORD.tries - 1);
  },
  "full-page": (card) => {
    fillPage(card);
    turnOn(card);
  },
  "full-off": fillPage,
  locked: lock,
  "locked-off": (card) => {
    lock(card);
    turnOff(card);
  },
  unlock: (card) => {
    lock(card);
    askUnlock(card);
  },
  unlocked: (card) => {
    lock(card);
    enter(card, unlockCodeOf(askUnlock(card), RECORD.unlockKey));
  },
  "last-code": (card) => {
    lock(card);
    failCode(card, 4);
    askUnlock(card);
  },
  blocked: (card) => {
    lock(card);
    failCode(card, 5);
  },
  "low-battery": (card) => {
    card.setBattery(2300);
    turnOn(card);
  },
  "wipe-torn": (card) => {
    const channel = openChannel(card, Level.FULL, testKeys());
    const wipe = channel.wrap({ cla: Cla.GP_SECURE, ins: Ins.SET_STATUS, p1: 0x80, p2: SetStatusP2.WIPED });
    cutDuring(card, 3, () => converse(card, encodeCommand(wipe)));
  },
  "commit-torn": (card) => {
    changePin(card);
    enter(card, "2580");
    cutDuring(card, 30, () => enter(card, "2580"));
  },
};

const SERVER: Readonly<Record<string, (card: Card) => void>> = { "server-off": () => {}, "server-pin": turnOn };

const BLANK: Readonly<Record<string, (card: Card) => void>> = {
  "blank-off": () => {},
  blank: hello,
  fab: (card) => {
    hello(card);
    turnOff(card);
  },
  test: (card) => {
    exchange(card, { cla: Cla.GP, ins: Ins.SELF_TEST, p1: 1, p2: 0 });
  },
  seeded: (card) => {
    seed(card);
    hello(card);
  },
  "seeded-off": seed,
  "first-torn": (card) => cutDuring(card, 20, () => hello(card)),
};

function logIn(card: Card): void {
  turnOn(card);
  enterPin(card, RECORD.pin);
}

function changePin(card: Card): void {
  logIn(card);
  card.hold("ok");
}

function lock(card: Card): void {
  failPin(card, RECORD.tries);
}

/** Uses all slots of a page except one, the last for a wrong PIN. */
function fillPage(card: Card): void {
  for (let i = 0; i < 72; i++) login(card, RECORD.pin);
  failPin(card, 1);
  turnOff(card);
}

function hello(card: Card): void {
  converse(card, new Uint8Array());
}

function seed(card: Card): void {
  const keys = testKeys();
  const channel = openChannel(card, Level.FULL, keys);
  const data = encodeRecord(RECORD, keys.dek);
  exchange(card, channel.wrap({ cla: Cla.GP_SECURE, ins: Ins.STORE_DATA, p1: 0xe0, p2: 0, data }));
  turnOff(card);
}

/** Lets power fail in the middle of a flash operation, and come back. */
function cutDuring(card: Card, operation: number, action: () => void): void {
  card.cutAt(operation, "torn");
  action();
  if (!card.takeCut()) throw new Error("power did not fail: there are fewer flash operations");
  card.setBattery(3000);
}

/** All of them, as a file. */
export function situations(module: WebAssembly.Module): Buffer {
  const { key, unlockKey, pin, suite } = RECORD;
  const texts = [pin, CHALLENGE, expected(CHALLENGE, { key, suite })].map((text) => Buffer.from(text));
  const parts: Uint8Array[] = [key, unlockKey, ...texts];
  const add = (name: string, card: Card) => parts.push(...pictureOf(name, card));
  for (const [name, reach] of Object.entries(BLANK)) add(name, brought(new Card(module), reach));
  for (const [name, reach] of Object.entries(PERSONALIZED)) add(name, brought(cardOf(module, RECORD), reach));
  const server = { ...RECORD, pinCheck: "server", suite: SERVER_SUITE } as const;
  for (const [name, reach] of Object.entries(SERVER)) add(name, brought(cardOf(module, server), reach));
  return Buffer.concat(parts);
}

function cardOf(module: WebAssembly.Module, record: PersonalizationRecord): Card {
  const card = new Card(module);
  personalize(card, record);
  return card;
}

function brought(card: Card, reach: (card: Card) => void): Card {
  reach(card);
  return card;
}

function pictureOf(name: string, card: Card): Uint8Array[] {
  const title = Buffer.alloc(NAME_SIZE);
  title.write(name);
  return [title, card.memory, card.flash.bytes, Uint8Array.of(card.on ? 1 : 0), Buffer.from(card.display.padEnd(8))];
}
