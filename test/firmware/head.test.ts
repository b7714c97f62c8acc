// The head of a page (docs/FLASH.md): a wipe and a seeding write the same head whatever the card was before.

import * as assert from "uvu/assert";
import { Cla, Ins, Level, SetStatusP2, Sw, Tag } from "../../firmware/wire.js";
import { testKeys } from "../../host-tools/card/transportkeys.js";
import { Card } from "../../sim/core/card.js";
import { currentBytes } from "../../sim/core/image.js";
import { exchange, openChannel, personalize } from "../../sim/session/cardcommands.js";
import { DEMO } from "../../sim/session/demo.js";
import { compile } from "../mutants/apply.js";
import { unseenMutants } from "../mutants/unseen.js";
import { askUnlock, enter, failCode, failPin, MODULE, seed, turnOff, turnOn, unlockCodeOf } from "../support/cards.js";
import { type Case, fails } from "../support/fails.js";
import { suite } from "../support/suite.js";

const test = suite("head");

const UNLOCK_TRIES = 5;
const SERVER = { pinCheck: "server", suite: `${DEMO.suite}-PSHA1` } as const;
type Data = Parameters<typeof personalize>[1];

type Fields = Record<string, readonly [at: number, size: number]>;
const LOCK_CODE: Fields = { "lock code": [0x10, 4] };
const SERIAL: Fields = { "serial number": [0x14, 12] };
/** The fields of the head that a wipe and a seeding set, by the names of docs/FLASH.md. */
const FIELDS: Fields = {
  life: [0x08, 1],
  "PIN check": [0x09, 1],
  tries: [0x0a, 1],
  "length of the suite": [0x0b, 1],
  "PIN tries spent": [0x0c, 1],
  "unlock tries spent": [0x0d, 1],
  suite: [0x20, 36],
};

function fieldsOf(card: Card, fields: Fields): Record<string, string> {
  const head = Buffer.from(currentBytes(card.flash.bytes));
  const entries = Object.entries(fields);
  return Object.fromEntries(entries.map(([name, [at, size]]) => [name, head.toString("hex", at, at + size)]));
}

/** The earlier states of a card, and the actions that lead to them. */
const BEFORE: Record<string, (card: Card) => void> = {
  personalized: (card) => personalize(card, DEMO),
  "one PIN before LOCKED": (card) => {
    personalize(card, DEMO);
    failPin(card, DEMO.tries - 1);
  },
  locked: lock,
  "locked, with a wrong unlock code": (card) => {
    lock(card);
    failCode(card, 1);
  },
  blocked: (card) => {
    lock(card);
    failCode(card, UNLOCK_TRIES);
  },
  "unlocked after a wrong code, and has no new PIN yet": (card) => {
    lock(card);
    failCode(card, 1);
    assert.is(enter(card, unlockCodeOf(askUnlock(card))), "NEW>");
  },
  "judged by a site": (card) => personalize(card, { ...DEMO, ...SERVER }),
};

function lock(card: Card): void {
  personalize(card, DEMO);
  failPin(card, DEMO.tries);
}

function cardThatWas(name: string, module: WebAssembly.Module): Card {
  const card = new Card(module, { seed: 7 });
  BEFORE[name]?.(card);
  turnOff(card);
  return card;
}

/** The head of a card that was wiped; all of it that a wipe decides. */
function wiped(card: Card): Record<string, string> {
  const channel = openChannel(card, Level.FULL, testKeys());
  const wipe = { cla: Cla.GP_SECURE, ins: Ins.SET_STATUS, p1: 0x80, p2: SetStatusP2.WIPED };
  assert.is(channel.unwrap(exchange(card, channel.wrap(wipe))).sw, Sw.DONE);
  turnOff(card);
  return fieldsOf(card, { ...FIELDS, ...LOCK_CODE });
}

function suiteReportedBy(card: Card): string {
  const command = { cla: Cla.GP, ins: Ins.GET_DATA, p1: Tag.SUITE >> 8, p2: Tag.SUITE & 0xff, le: 256 };
  return exchange(card, command).data.toString("hex");
}

/** The head of a card that was seeded. A lock code is drawn, where there is one. */
function seeded(card: Card, data: Data): Record<string, string> {
  assert.is(seed(card, data), "DONE");
  return fieldsOf(card, { ...FIELDS, ...SERIAL, ...(data.pinCheck === "server" && LOCK_CODE) });
}

function wipedAsNew(name: string, module: WebAssembly.Module): void {
  const blank = new Card(module);
  turnOn(blank);
  turnOff(blank);
  const card = cardThatWas(name, module);
  assert.equal(wiped(card), fieldsOf(blank, { ...FIELDS, ...LOCK_CODE }));
  assert.is(suiteReportedBy(card), "");
}

function seededAsFirst(name: string, data: Data, module: WebAssembly.Module): void {
  assert.equal(seeded(cardThatWas(name, module), data), seeded(new Card(module), data));
}

for (const name of Object.keys(BEFORE)) {
  test(`a wiped card that was ${name} has the head of a new card, and reports no suite`, () =>
    wipedAsNew(name, MODULE));
  test(`a card that was ${name} and is seeded again has the head of a first seeding`, () => {
    seededAsFirst(name, DEMO, MODULE);
    seededAsFirst(name, { ...DEMO, ...SERVER }, MODULE);
  });
}

for (const mutant of unseenMutants("head")) {
  test(`noticed if it does not hold: ${mutant.breaks}`, async () => {
    const module = await compile(mutant);
    const checks = Object.keys(BEFORE).flatMap((name): Case[] => [
      (of) => wipedAsNew(name, of),
      (of) => seededAsFirst(name, DEMO, of),
      (of) => seededAsFirst(name, { ...DEMO, ...SERVER }, of),
    ]);
    assert.ok(checks.some((check) => fails(check, module)));
  });
}

test.run();
