// What serial commands leave in memory. Two cards with different transport keys, sessions, token keys, PINs and challenges
// run the same commands. After each command their memories must be equal, except for the session's state and the page
// that is also in flash. After power-off they must be entirely equal.

import * as assert from "uvu/assert";
import { Cla, Ins, SelfTest, SetStatusP2, Sw, Tag } from "../../../firmware/wire.js";
import { putKeyData } from "../../../host-tools/card/transportkeys.js";
import { DEMO } from "../../../sim/session/demo.js";
import { compile } from "../../mutants/apply.js";
import { unseenMutants } from "../../mutants/unseen.js";
import { askUnlock, failPin, turnOff, unlockCodeOf } from "../../support/cards.js";
import { Desk, HOLDERS, type Stage, sw } from "../../support/desk.js";
import { fails } from "../../support/fails.js";
import { differences } from "../../support/memory.js";
import { SCREENS } from "../../support/screens.js";
import { digits, module as firmware } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const residue = suite("residue of the serial line");

/** The commands that a desk sends; the memories are compared after each yield. */
type Motions = (desk: Desk) => Generator<string>;

interface Row {
  readonly stage?: Stage;
  /** The server checks the PIN. */
  readonly server?: true;
  readonly motions: Motions;
}

const NOTHING = new Uint8Array();
const EMPTY_BATTERY = 2000;
const FULL_BATTERY = 3000;

/** Sends a command in the session and asserts its status word, which shows that the row does what it says. */
function* command(desk: Desk, ins: Ins, p1: number, p2: number, data: Uint8Array, expected: number): Generator<string> {
  const name = `${Ins[ins]}, ${expected.toString(16)}`;
  assert.is(desk.secured(ins, p1, p2, data), expected, name);
  yield name;
}

const proof = (desk: Desk, text: string, expected: number) =>
  command(desk, Ins.INTERNAL_AUTHENTICATE, 0, 0, digits(text), expected);
const changePin = (desk: Desk, text: string, expected: number) =>
  command(desk, Ins.CHANGE_REFERENCE_DATA, 0, 0, digits(text), expected);
const unlockPin = (desk: Desk, text: string, expected: number) =>
  command(desk, Ins.RESET_RETRY_COUNTER, 0, 0, digits(text), expected);
const storeData = (desk: Desk, data: Uint8Array, expected: number) =>
  command(desk, Ins.STORE_DATA, 0xe0, 0, data, expected);
const setStatus = (desk: Desk, life: number, expected: number) =>
  command(desk, Ins.SET_STATUS, 0x80, life, NOTHING, expected);

/** A copy with one bit of the byte at `at` flipped. */
function spoilt(data: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(data);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

const server = { pinCheck: "server", suite: `${DEMO.suite}-PSHA256` } as const;

/** Every command, right and wrong. */
const ROWS: Readonly<Record<string, Row>> = {
  "SELECT, GET DATA and noise": {
    *motions(desk) {
      desk.plain(Cla.ISO, Ins.SELECT, 4, 0);
      yield "SELECT";
      for (const tag of Object.values(Tag).filter((tag) => typeof tag === "number")) {
        desk.plain(Cla.GP, Ins.GET_DATA, tag >> 8, tag & 0xff);
        yield `GET DATA ${tag.toString(16)}`;
      }
      desk.plain(Cla.GP, Ins.PUT_KEY, 1, 0x81, putKeyData(desk.holder.nextKeys, desk.holder.keys.dek));
      yield "a command that needs a channel";
      desk.card.receive(desk.encoded());
      desk.card.receive(Uint8Array.of(0xc0));
      yield "noise";
    },
  },
  "INITIALIZE UPDATE, and EXTERNAL AUTHENTICATE that is wrong": {
    *motions(desk) {
      desk.begin();
      yield "INITIALIZE UPDATE";
      desk.begin();
      yield "and again";
      const right = desk.session?.externalAuthenticate() as Buffer;
      assert.is(sw(desk.send(spoilt(right, 20))), Sw.NOT_AUTHENTIC);
      desk.ended();
      yield "EXTERNAL AUTHENTICATE, wrong";
      desk.begin();
      assert.is(sw(desk.send(desk.session?.externalAuthenticate(1) as Buffer)), Sw.NOT_AUTHENTIC);
      desk.ended();
      yield "a wrong cryptogram under a right MAC";
    },
  },
  "GET DATA, in a channel": {
    *motions(desk) {
      desk.open();
      for (const tag of [Tag.SERIAL, Tag.STATUS, Tag.CARD_ID, Tag.SUITE])
        yield* command(desk, Ins.GET_DATA, tag >> 8, tag & 0xff, NOTHING, Sw.DONE);
      yield* command(desk, Ins.GET_DATA, 0x12, 0x34, NOTHING, Sw.NO_SUCH_DATA);
      assert.is(desk.secured(0x77, 0, 0, desk.encoded()), Sw.UNKNOWN_COMMAND);
      yield "an unknown command";
    },
  },
  "the proof": {
    *motions(desk) {
      const { record, wrongPin, challenge } = desk.holder;
      desk.open();
      yield* proof(desk, record.pin + challenge, Sw.DONE);
      yield* proof(desk, wrongPin + challenge, 0x63c2);
      yield* proof(desk, `${record.pin}12345x`, Sw.WRONG_DATA);
      yield* proof(desk, record.pin, Sw.WRONG_LENGTH);
      yield* proof(desk, wrongPin + challenge, 0x63c1);
      yield* proof(desk, record.pin + challenge, Sw.DONE);
      for (const left of [2, 1, 0]) yield* proof(desk, wrongPin + challenge, 0x63c0 + left);
      yield* proof(desk, record.pin + challenge, Sw.NO_TRIES);
    },
  },
  "the proof, with the server's PIN check": {
    server: true,
    *motions(desk) {
      desk.open();
      yield* proof(desk, desk.holder.record.pin + desk.holder.challenge, Sw.DONE);
      yield* proof(desk, desk.holder.wrongPin + desk.holder.challenge, Sw.DONE);
      yield* changePin(desk, desk.holder.record.pin + desk.holder.newPin, Sw.NOT_USABLE);
    },
  },
  "CHANGE REFERENCE DATA": {
    *motions(desk) {
      const { record, wrongPin, newPin } = desk.holder;
      desk.open();
      yield* changePin(desk, wrongPin + newPin, 0x63c2);
      yield* changePin(desk, record.pin + newPin, Sw.DONE);
      yield* changePin(desk, record.pin + newPin, 0x63c2);
      yield* changePin(desk, `${newPin}12x4`, Sw.WRONG_DATA);
    },
  },
  "RESET RETRY COUNTER": {
    *motions(desk) {
      const { card, holder } = desk;
      failPin(card, 3);
      const right = unlockCodeOf(askUnlock(card), holder.record.unlockKey);
      turnOff(card);
      yield "a lock code was shown";
      desk.open();
      yield* unlockPin(desk, `${spoiltCode(right)}${holder.newPin}`, 0x63c4);
      yield* unlockPin(desk, right, Sw.WRONG_LENGTH);
      yield* unlockPin(desk, `1234567x${holder.newPin}`, Sw.WRONG_DATA);
      yield* unlockPin(desk, right + holder.newPin, Sw.DONE);
      yield* unlockPin(desk, right + holder.newPin, Sw.NOT_IN_THIS_STATE);
    },
  },
  "STORE DATA": {
    *motions(desk) {
      desk.open();
      yield* storeData(desk, spoilt(desk.encoded(), 1), Sw.WRONG_DATA);
      yield* storeData(desk, spoilt(desk.encoded(), 0), Sw.WRONG_DATA);
      yield* storeData(desk, spoilt(desk.encoded(), 160), Sw.WRONG_DATA);
      yield* storeData(desk, desk.encoded().subarray(1), Sw.WRONG_LENGTH);
      yield* storeData(desk, desk.encoded({ pin: desk.holder.newPin }), Sw.DONE);
      yield* storeData(desk, desk.encoded(server), Sw.DONE);
      yield* proof(desk, desk.holder.record.pin + desk.holder.challenge, Sw.DONE);
      yield* storeData(desk, desk.encoded(), Sw.DONE);
      yield* setStatus(desk, SetStatusP2.PERSONALIZED, Sw.DONE);
    },
  },
  "STORE DATA that cannot be done": {
    stage: "blank",
    *motions(desk) {
      desk.open();
      desk.card.randomFails = true;
      yield* storeData(desk, desk.encoded(), Sw.NOT_USABLE);
      desk.card.randomFails = false;
      desk.card.setBattery(EMPTY_BATTERY);
      yield* storeData(desk, desk.encoded(), Sw.NOT_IN_THIS_STATE);
      desk.card.setBattery(FULL_BATTERY);
      yield* storeData(desk, desk.encoded(), Sw.DONE);
    },
  },
  "PUT KEY": {
    *motions(desk) {
      const { keys, nextKeys } = desk.holder;
      desk.open();
      assert.is(desk.secured(Ins.PUT_KEY, 1, 0x81, putKeyData(nextKeys, keys.dek)), Sw.DONE);
      yield "PUT KEY";
      const data = putKeyData({ ...keys, kvn: 3 }, nextKeys.dek);
      yield* command(desk, Ins.PUT_KEY, 2, 0x81, spoilt(data, 69), Sw.WRONG_DATA);
      yield* command(desk, Ins.PUT_KEY, 2, 0x81, spoilt(data, 4), Sw.WRONG_DATA);
      yield* command(desk, Ins.PUT_KEY, 2, 0x81, data.subarray(1), Sw.WRONG_LENGTH);
      yield* command(desk, Ins.PUT_KEY, 2, 0x81, data, Sw.DONE);
    },
  },
  "SET STATUS": {
    stage: "seeded",
    *motions(desk) {
      desk.open();
      yield* setStatus(desk, SetStatusP2.PERSONALIZED, Sw.DONE);
      yield* setStatus(desk, SetStatusP2.PERSONALIZED, Sw.NOT_IN_THIS_STATE);
      yield* setStatus(desk, SetStatusP2.WIPED, Sw.DONE);
      yield* storeData(desk, desk.encoded(), Sw.DONE);
    },
  },
  "SELF TEST": {
    stage: "seeded",
    *motions(desk) {
      for (const test of Object.values(SelfTest).filter((test) => typeof test === "number")) {
        desk.plain(Cla.GP, Ins.SELF_TEST, test, 0);
        yield `SELF TEST ${test}`;
      }
      desk.open();
      for (const test of Object.values(SelfTest).filter((test) => typeof test === "number"))
        yield* command(desk, Ins.SELF_TEST, test, 0, NOTHING, Sw.DONE);
    },
  },
};

function spoiltCode(code: string): string {
  return `${(Number(code[0]) + 1) % 10}${code.slice(1)}`;
}

/** Every way to end a channel. */
const ENDS: Readonly<Record<string, (desk: Desk) => void>> = {
  SELECT: (desk) => void desk.plain(Cla.ISO, Ins.SELECT, 4, 0),
  "a new INITIALIZE UPDATE": (desk) => {
    const old = desk.session;
    desk.begin();
    for (const key of [old?.enc, old?.mac, old?.rmac])
      assert.is(Buffer.from(desk.card.memory).indexOf(key as Buffer), -1, "the old session's keys");
  },
  "a wrong MAC": (desk) => {
    const right = desk.session?.wrap(Ins.STORE_DATA, 0xe0, 0, desk.encoded()) as Buffer;
    assert.is(sw(desk.send(spoilt(right, right.length - 1))), Sw.WRONG_SECURE_MESSAGING);
  },
  "wrong padding": (desk) => {
    const block = desk.encoded().subarray(0, 32);
    const wrong = desk.session?.wrapPadded(Ins.STORE_DATA, 0xe0, 0, block) as Buffer;
    assert.is(sw(desk.send(wrong)), Sw.WRONG_SECURE_MESSAGING);
  },
  "a command without secure messaging": (desk) =>
    assert.is(sw(desk.plain(Cla.GP, Ins.GET_DATA, 0, 0x45)), Sw.NOT_IN_THIS_CHANNEL),
  PRESS: (desk) => desk.card.press("press"),
  "its time is over": (desk) => desk.card.wait(30_000),
  "a battery that is empty": (desk) => {
    let operations = 0;
    desk.card.flash.onChange = () => {
      if (++operations === 3) desk.card.setBattery(EMPTY_BATTERY);
    };
    desk.secured(Ins.SET_STATUS, 0x80, SetStatusP2.WIPED);
    assert.not(desk.card.on);
  },
  "a battery that is pulled": (desk) => desk.card.setBattery(0),
  ERROR: (desk) => {
    desk.card.randomFails = true;
    assert.is(desk.secured(Ins.SET_STATUS, 0x80, SetStatusP2.WIPED), Sw.NOT_USABLE);
    assert.is(desk.card.display, "ERROR 03");
  },
};

/** Both desks run the commands of the row, then their cards turn off. Returns the number of comparisons. */
function compareMotions(module: WebAssembly.Module, row: Row): number {
  const [one, other] = HOLDERS.map((holder) => {
    const record = row.server ? { ...holder.record, ...server } : holder.record;
    return new Desk(module, holder, row.stage, record);
  }) as [Desk, Desk];
  const theirs = row.motions(other);
  let compared = 0;
  const compare = (what: string) => {
    assert.is(one.card.display.replace(/^\d{8}$/, ""), other.card.display.replace(/^\d{8}$/, ""), what);
    assert.is(differences(one.visible(what), other.visible(what)), "", what);
    compared++;
  };
  for (const what of row.motions(one)) {
    assert.is(theirs.next().value, what);
    compare(what);
  }
  assert.ok(theirs.next().done);
  for (const desk of [one, other]) {
    turnOff(desk.card);
    desk.ended();
    assert.not(desk.card.on);
  }
  compare("off");
  return compared;
}

for (const [name, row] of Object.entries(ROWS)) {
  residue(`${name}: the memories of two cards with different secrets are equal`, () => {
    assert.ok(compareMotions(firmware, row) > 2);
  });
}

/** A channel carries a proof and then ends in this way. */
function ending(end: (desk: Desk) => void): Row {
  return {
    *motions(desk) {
      desk.open();
      yield "open";
      yield* proof(desk, desk.holder.record.pin + desk.holder.challenge, Sw.DONE);
      const before = desk.session;
      end(desk);
      if (desk.session === before) desk.ended();
      yield "ended";
    },
  };
}

for (const [name, end] of Object.entries(ENDS)) {
  residue(`a channel that ends by ${name} leaves nothing`, () => {
    assert.is(compareMotions(firmware, ending(end)), 4);
  });
}

/** A channel opens while the owner is at this screen. */
function fromScreen(name: string): Row {
  return {
    *motions(desk) {
      SCREENS[name]?.(desk.card, desk.holder);
      desk.open();
      yield "open";
    },
  };
}

for (const name of Object.keys(SCREENS)) {
  residue(`${name}: opening a channel leaves nothing of the screen in memory`, () => {
    assert.is(compareMotions(firmware, fromScreen(name)), 2);
  });
}

/** Flash does not program the word that sets a PIN: ERROR 02. */
const PIN_THAT_CANNOT_BE_SET: Row = {
  *motions(desk) {
    SCREENS["REP> with digits"]?.(desk.card, desk.holder);
    desk.card.flash.program = () => {};
    desk.card.press("ok");
    assert.is(desk.card.display, "ERROR 02");
    yield "ERROR";
  },
};

residue("an error during a PIN change by the card's keys leaves nothing", () => {
  assert.is(compareMotions(firmware, PIN_THAT_CANNOT_BE_SET), 2);
});

residue("every instruction is in a row", () => {
  const text = Object.entries(ROWS).map(([name]) => name);
  for (const ins of Object.values(Ins).filter((ins) => typeof ins === "string")) {
    const name = ins === "INTERNAL_AUTHENTICATE" ? "the proof" : ins.replaceAll("_", " ");
    assert.ok(
      text.some((row) => row.includes(name)),
      name,
    );
  }
});

/** Runs all comparisons. */
function everything(module: WebAssembly.Module): void {
  for (const row of Object.values(ROWS)) compareMotions(module, row);
  for (const end of Object.values(ENDS)) compareMotions(module, ending(end));
  for (const name of Object.keys(SCREENS)) compareMotions(module, fromScreen(name));
  compareMotions(module, PIN_THAT_CANNOT_BE_SET);
}

for (const mutant of unseenMutants("residue")) {
  residue(`noticed if it does not hold: ${mutant.breaks}`, async () => {
    assert.ok(fails(everything, await compile(mutant)), "the memories are the same");
  });
}

residue.run();
