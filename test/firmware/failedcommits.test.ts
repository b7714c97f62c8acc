// Flash operations that fail: the battery gets low, or a word is not programmed. Memory must agree with flash
// afterwards, so that the card behaves the same before and after a power cut.

import * as assert from "uvu/assert";
import { Channel, Cla, Ins, Level, SetStatusP2, Tag } from "../../firmware/wire.js";
import { encodeCommand } from "../../host-tools/card/apdu.js";
import { encodeRecord } from "../../host-tools/card/cardclient.js";
import { encodeFrame } from "../../host-tools/card/frame.js";
import { diversificationData, diversify, putKeyData, testKeys } from "../../host-tools/card/transportkeys.js";
import { Card } from "../../sim/core/card.js";
import { Flash } from "../../sim/core/flash.js";
import { currentBytes } from "../../sim/core/image.js";
import { exchange, openChannel, personalize } from "../../sim/session/cardcommands.js";
import { DEMO } from "../../sim/session/demo.js";
import { compile } from "../mutants/apply.js";
import { unseenMutants } from "../mutants/unseen.js";
import { askUnlock, enter, enterPin, failPin, login, MODULE, turnOff, turnOn, unlockCodeOf } from "../support/cards.js";
import { fails } from "../support/fails.js";
import { PAGE_IMAGE, type Places, placesOf } from "../support/memory.js";
import { digits, getData, STORE, send } from "../support/serial.js";
import { suite } from "../support/suite.js";

const commits = suite("commits that fail");

const EMPTY_BATTERY = 2000;
const FULL_BATTERY = 3000;
const OTHER_OWNER = { ...DEMO, serial: "IB3000002", pin: "8053", key: new Uint8Array(32).fill(7), tries: 3 };
/** All public data of the card, without the kind of host and the firmware. */
const PUBLIC = [Tag.STATUS, Tag.SERIAL, Tag.SUITE, Tag.KEY_INFORMATION, Tag.CARD_ID];
/** Slots for tries of PINs on a page (docs/FLASH.md). */
const SLOTS = 74;
/** The records of a page: head, root secret and transport keys, each with its check value (docs/FLASH.md). */
const RECORDS_END = 0x90;
/** The offset of the transport keys on a page, and in memory (docs/FLASH.md). */
const KEYS_AT = 0x5c;

/** Makes a card ready, and returns what then writes its flash. */
type Act = (card: Card) => () => void;

/** Prepares a command of a channel; the returned function sends it. */
function command(ins: Ins, p1: number, p2: number, data: Uint8Array): Act {
  return (card) => {
    const channel = openChannel(card, Level.FULL, testKeys());
    const frame = encodeFrame(Channel.APDU, encodeCommand(channel.wrap({ cla: Cla.GP_SECURE, ins, p1, p2, data })));
    return () => card.receive(frame);
  };
}

const { dek } = testKeys();
const SERVER = { ...OTHER_OWNER, pinCheck: "server", suite: `${DEMO.suite}-PSHA1` } as const;
const OWN_KEYS = diversify(Buffer.alloc(16, 9), diversificationData(DEMO.serial), 1);

const ACTS: Readonly<Record<string, Act>> = {
  "STORE DATA": command(Ins.STORE_DATA, 0xe0, 0, encodeRecord(OTHER_OWNER, dek)),
  "STORE DATA for a server": command(Ins.STORE_DATA, 0xe0, 0, encodeRecord(SERVER, dek)),
  "PUT KEY": command(Ins.PUT_KEY, 0xff, 0x81, putKeyData(OWN_KEYS, dek)),
  "SET STATUS": (card) => {
    const channel = openChannel(card, Level.FULL, testKeys());
    send(card, channel, { ...STORE, data: encodeRecord(OTHER_OWNER, dek) });
    return command(Ins.SET_STATUS, 0x80, SetStatusP2.PERSONALIZED, new Uint8Array())(card);
  },
  "CHANGE REFERENCE DATA": command(Ins.CHANGE_REFERENCE_DATA, 0, 0, digits(`${DEMO.pin}8053`)),
  "CHANGE REFERENCE DATA with the last wrong PIN": (card) => {
    failPin(card, DEMO.tries - 1);
    return command(Ins.CHANGE_REFERENCE_DATA, 0, 0, digits("00018053"))(card);
  },
  "RESET RETRY COUNTER": (card) => {
    failPin(card, DEMO.tries);
    const code = unlockCodeOf(askUnlock(card));
    return command(Ins.RESET_RETRY_COUNTER, 0, 0, digits(`${code}8053`))(card);
  },
  "a new PIN": (card) => {
    turnOn(card);
    enterPin(card);
    card.hold("ok");
    enter(card, "8053");
    card.type("8053");
    return () => card.press("ok");
  },
  "an unlock code": (card) => {
    failPin(card, DEMO.tries);
    card.type(unlockCodeOf(askUnlock(card)));
    return () => card.press("ok");
  },
  "a PIN for which the page has no slot": (card) => {
    for (let i = 0; i < SLOTS; i++) login(card);
    turnOn(card);
    card.type(DEMO.pin);
    return () => card.press("ok");
  },
};

/** The ways in which the flash operation with a number fails. */
const FAILURES: Readonly<Record<string, (card: Card, at: number) => void>> = {
  "a battery that gets low": (card, at) => {
    let done = 0;
    const drain = () => {
      if (++done === at) card.setBattery(EMPTY_BATTERY);
    };
    drain();
    card.flash.onChange = drain;
  },
  "a word that does not take": (card, at) => {
    let done = 0;
    card.flash.program = (address, value) => {
      if (++done !== at) Flash.prototype.program.call(card.flash, address, value);
    };
  },
};

class FailingWrite {
  readonly card: Card;
  readonly act: () => void;
  readonly operations: number;
  readonly #places: Places;

  /** A demo card that is about to write its flash. */
  constructor(module: WebAssembly.Module, ready: Act) {
    this.card = new Card(module, { seed: 7 });
    this.#places = placesOf(this.card.flash);
    personalize(this.card, DEMO);
    this.act = ready(this.card);
    this.card.save("ready");
    const before = this.card.flash.operations;
    this.act();
    this.operations = this.card.flash.operations - before;
  }

  /** One operation fails; memory and flash agree then. */
  check(name: string, failure: (card: Card, at: number) => void, at: number): void {
    const { card } = this;
    card.load("ready");
    failure(card, at);
    this.act();
    card.flash.onChange = undefined;
    card.flash.program = Flash.prototype.program;
    card.setBattery(FULL_BATTERY);
    if (card.on) this.#memoryIsFlash(name);
    // A card in ERROR sends no other data; it starts again after a power cut.
    const before = card.state === "ERROR" ? undefined : publicData(card);
    card.setBattery(0);
    card.setBattery(FULL_BATTERY);
    const after = publicData(card);
    assert.not.equal(card.state, "ERROR", `${name}: it begins anew`);
    if (before) assert.equal(after, before, `${name}: the same before and after power was gone`);
  }

  #memoryIsFlash(name: string): void {
    const { card } = this;
    const image = Buffer.from(card.memory).subarray(this.#places.page, this.#places.page + PAGE_IMAGE);
    const page = currentBytes(card.flash.bytes).subarray(0, PAGE_IMAGE);
    assert.ok(image.equals(page), `${name}: memory has the page that flash has`);
  }
}

function publicData(card: Card): string[] {
  exchange(card, { cla: Cla.ISO, ins: Ins.SELECT, p1: 4, p2: 0 });
  return PUBLIC.map((tag) => {
    const { sw, data } = getData(card, tag);
    return `${tag.toString(16)}: ${sw.toString(16)} ${data.toString("hex")}`;
  });
}

/** The operations that fail: all of them, or the first, the last and some between. */
function operationsOf(count: number, all: boolean): number[] {
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  return all ? numbers : numbers.filter((at) => at <= 3 || at % 9 === 0 || at > count - 4);
}

function failsWell(module: WebAssembly.Module, name: string): number {
  const write = new FailingWrite(module, ACTS[name] as Act);
  let checks = 0;
  for (const [how, failure] of Object.entries(FAILURES)) {
    for (const at of operationsOf(write.operations, name === "STORE DATA")) {
      write.check(`${name}, ${how} at operation ${at} of ${write.operations}`, failure, at);
      checks++;
    }
  }
  return checks;
}

for (const name of Object.keys(ACTS)) {
  commits(`${name}: if flash is not written as meant, the memory agrees with flash`, () => {
    assert.ok(failsWell(MODULE, name) >= 2 * 10);
  });
}

/** If the transport keys in memory are overwritten, flash keeps those of the desk. */
function overwrittenKeysAreNotWritten(module: WebAssembly.Module): void {
  const keysOf = (bytes: Uint8Array, page: number) => Buffer.from(bytes).subarray(page + KEYS_AT, page + KEYS_AT + 48);
  for (const [name, ready] of Object.entries(ACTS).filter(([name]) => name !== "PUT KEY")) {
    const card = new Card(module, { seed: 7 });
    const places = placesOf(card.flash);
    personalize(card, DEMO);
    const act = ready(card);
    const before = keysOf(currentBytes(card.flash.bytes), 0);
    const memory = new Uint8Array(card.beyond.buffer);
    assert.equal(keysOf(memory, places.page), before, `${name}: the keys are in memory`);
    memory.fill(0, places.page + KEYS_AT, places.page + KEYS_AT + 48);
    act();
    assert.equal(keysOf(currentBytes(card.flash.bytes), 0), before, `${name}: the keys in flash`);
  }
}

commits("overwritten transport keys in memory are never written to flash", () => overwrittenKeysAreNotWritten(MODULE));

/** A page is valid only if all of its records are. */
function brokenRecordsAreSeen(module: WebAssembly.Module): void {
  const card = new Card(module, { seed: 7 });
  personalize(card, DEMO);
  for (let at = 0; at < RECORDS_END; at++) {
    const flash = new Flash(card.flash.bytes.slice());
    const page = currentBytes(flash.bytes);
    page[at] = (page[at] as number) ^ 0x10;
    const other = new Card(module, { seed: 7, flash: new Flash(flash.bytes) });
    assert.is(turnOn(other), "ERROR 02", `byte ${at}`);
    turnOff(other);
  }
}

commits("a page whose head, root secret or transport keys have gone bad is ERROR 02", () =>
  brokenRecordsAreSeen(MODULE),
);

for (const mutant of unseenMutants("failed commits")) {
  commits(`noticed if it does not hold: ${mutant.breaks}`, async () => {
    const check = (module: WebAssembly.Module) => {
      brokenRecordsAreSeen(module);
      overwrittenKeysAreNotWritten(module);
      for (const name of Object.keys(ACTS)) failsWell(module, name);
    };
    assert.ok(fails(check, await compile(mutant)), "memory is what flash says");
  });
}

commits.run();
