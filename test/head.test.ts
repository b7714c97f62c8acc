// The head of a page (docs/FLASH.md): what a wipe and a seeding write there is the same whatever the card was before.

import * as assert from "uvu/assert";
import { Ins, LifeCode, Sw, Tag } from "../firmware/wire.js";
import { testKeys } from "../host-tools/keyset.js";
import type { Card } from "../sim/card.js";
import { DEMO } from "../sim/demo.js";
import { currentBytes } from "../sim/image.js";
import { exchange, openChannel, personalize } from "../sim/workshop.js";
import { blankCard, cardOf, failCode, lockedCard, seed, turnOff } from "./support/cards.js";
import { suite } from "./support/suite.js";

const test = suite("head");

const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const SERVER = { pinCheck: "server", suite: `${SUITE}-PSHA1` } as const;

/** The bytes of the head that a wipe and a seeding decide, by their name in docs/FLASH.md, with where they lie. */
const FIELDS = {
  life: [0x08, 1],
  "PIN check": [0x09, 1],
  tries: [0x0a, 1],
  "length of the suite": [0x0b, 1],
  "PIN tries spent": [0x0c, 1],
  "unlock tries spent": [0x0d, 1],
  suite: [0x20, 36],
} as const;
const LOCK_CODE = { "lock code": [0x10, 4] } as const;
const SERIAL = { "serial number": [0x14, 12] } as const;

function fieldsOf(card: Card, fields: Record<string, readonly [number, number]>): Record<string, string> {
  const head = Buffer.from(currentBytes(card.flash.bytes));
  const entries = Object.entries(fields);
  return Object.fromEntries(entries.map(([name, [at, size]]) => [name, head.toString("hex", at, at + size)]));
}

/** Cards that have every field of the head in use, and what they are. */
const WORN: Record<string, () => Card> = {
  personalized: () => cardOf(),
  locked: () => lockedCard(),
  "locked, with a wrong unlock code": () => {
    const card = lockedCard();
    failCode(card, 1);
    return card;
  },
  blocked: () => {
    const card = lockedCard();
    failCode(card, 5);
    return card;
  },
  "judged by a site": () => cardOf(SERVER),
};

for (const [name, worn] of Object.entries(WORN)) {
  test(`a card that was ${name} and is wiped has the head of a new card, and tells no suite`, () => {
    const [blank, wiped] = [blankCard(), worn()];
    blank.hold("press");
    turnOff(wiped);
    const channel = openChannel(wiped, 0x33, testKeys());
    const wipe = { cla: 0x84, ins: Ins.SET_STATUS, p1: 0x80, p2: LifeCode.WIPED };
    assert.is(channel.unwrap(exchange(wiped, channel.wrap(wipe))).sw, Sw.DONE);
    const fields = { ...FIELDS, ...LOCK_CODE };
    assert.equal(fieldsOf(wiped, fields), fieldsOf(blank, fields));
    const [p1, p2] = [Tag.SUITE >> 8, Tag.SUITE & 0xff];
    turnOff(wiped);
    assert.is(exchange(wiped, { cla: 0x80, ins: Ins.GET_DATA, p1, p2, le: 256 }).data.length, 0);
  });

  for (const [judge, changes] of [
    ["itself", {}],
    ["a site", SERVER],
  ] as const) {
    test(`a card that was ${name} and is seeded again, to be judged by ${judge}, has the head of its first seeding`, () => {
      const again = worn();
      turnOff(again);
      const data = { ...DEMO, ...changes };
      assert.is(seed(again, data), "DONE");
      const first = blankCard();
      personalize(first, data);
      const fields = { ...FIELDS, ...SERIAL, ...("pinCheck" in changes && LOCK_CODE) };
      assert.equal(fieldsOf(again, fields), fieldsOf(first, fields));
    });
  }
}

test.run();
