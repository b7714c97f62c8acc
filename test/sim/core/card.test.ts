// A card that takes the state of another.

import * as assert from "uvu/assert";
import { Card, type KeyName } from "../../../sim/core/card.js";
import { type CutMode, Flash, PAGES } from "../../../sim/core/flash.js";
import { personalizeDemo } from "../../../sim/session/demo.js";
import { loadFirmware } from "../../../sim/session/firmware.js";
import { suite } from "../../support/suite.js";

const FIRMWARE = loadFirmware();

const test = suite("card");

/** A demo card on which a PIN is half entered and OK is down. */
function inUse(): Card {
  const flash = new Flash();
  personalizeDemo(FIRMWARE, flash, 7);
  const card = new Card(FIRMWARE, { flash, seed: 7, battery: 2300 });
  card.hold("press");
  card.wait(1000);
  card.type("48");
  card.down("ok");
  card.wait(5);
  return card;
}

/** The whole state of a card, for comparison. */
function stateOf(card: Card): unknown {
  const { display, state, on, time, due, battery, memory, tries } = card;
  return { display, state, on, time, due, battery, memory, tries, down: card.isDown("ok"), flash: card.flash.copy() };
}

/** A first start that draws random numbers, writes them to flash, and is cut in the middle of a write. */
function startAnew(card: Card): void {
  for (let page = 0; page < PAGES; page++) card.flash.erase(page);
  card.setBattery(0);
  card.up("ok");
  card.setBattery(3000);
  card.cutAt(30, "torn");
  card.hold("press");
  assert.ok(card.takeCut());
}

test("a card that takes another's state continues as that one does", () => {
  const one = inUse();
  const other = new Card(FIRMWARE, { seed: 1 });
  assert.is(other.display, "");
  other.become(one);
  assert.equal(stateOf(other), stateOf(one));
  assert.is(other.display, "PIN>**");
  for (const card of [one, other]) startAnew(card);
  assert.equal(stateOf(other), stateOf(one));
});

test("the later actions of that card do not change the other one", () => {
  const one = inUse();
  const other = new Card(FIRMWARE);
  other.become(one);
  const before = stateOf(one);
  startAnew(other);
  assert.equal(stateOf(one), before);
});

test("what no card can do is refused in one line, and changes nothing", () => {
  const card = inUse();
  const wrong: (() => unknown)[] = [
    ...["12x", "1 2", "-1", "１"].map((text) => () => card.type(text)),
    ...["foo", "", "OK", "12", "toString"].flatMap((key) => [
      () => card.press(key as KeyName),
      () => card.hold(key as KeyName),
      () => card.down(key as KeyName),
      () => card.up(key as KeyName),
    ]),
    ...[-1, Number.NaN, Number.POSITIVE_INFINITY].flatMap((number) => [
      () => card.wait(number),
      () => card.hold("ok", number),
      () => card.waitUntil(() => false, number),
      () => card.setBattery(number),
      () => new Card(FIRMWARE, { battery: number }),
    ]),
    ...[0, -1, 1.5, Number.NaN].map((count) => () => card.cutAt(count, "torn")),
    () => card.cutAt(1, "x" as CutMode),
  ];
  const before = stateOf(card);
  for (const each of wrong)
    assert.throws(each, (error: unknown) => error instanceof RangeError && /^[^\n]{10,}$/.test(error.message));
  assert.equal(stateOf(card), before);
});

test.run();
