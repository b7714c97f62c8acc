// The PIN: spending and restoring tries, locking, changing the PIN, and weak PINs (docs/CARD.md, "Tries").

import * as assert from "uvu/assert";
import type { Card } from "../../sim/core/card.js";
import { currentBytes, Offset, SPENT } from "../../sim/core/image.js";
import { DEMO } from "../../sim/session/demo.js";
import {
  blankCard,
  cardOf,
  enter,
  enterPin,
  expected,
  failPin,
  lockedCard,
  login,
  passMessage,
  setPin,
  triesOf,
  turnOff,
  turnOn,
  WRONG_PIN,
} from "../support/cards.js";
import { suite } from "../support/suite.js";

const pin = suite("pin");

const LIMITS = [3, 4, 5, 6, 7, 8, 9, 10];
const RIGHT = expected("123456");

/** The bytes of the wrap under the PIN, including its check value, in the current page (docs/FLASH.md). */
function pinWrap(card: Card): Uint8Array {
  return currentBytes(card.flash.bytes).subarray(Offset.PIN_WRAP, Offset.CODE_WRAP);
}

pin("the last wrong PIN of 3 to 10 shows LOCKED at once, each earlier one shows the tries left", () => {
  for (const limit of LIMITS) {
    const card = cardOf({ tries: limit });
    turnOn(card);
    for (let left = limit - 1; left > 0; left--) {
      assert.is(enterPin(card, WRONG_PIN), `LEFT ${left}`, `limit ${limit}`);
      assert.is(card.tries, left);
      assert.is(passMessage(card), "PIN>");
    }
    assert.is(enterPin(card, WRONG_PIN), "LOCKED", `limit ${limit}`);
    assert.is(card.tries, 0);
  }
});

pin("the right PIN restores all tries, however many were spent", () => {
  for (const limit of LIMITS) {
    for (let wrong = 1; wrong < limit; wrong++) {
      const card = cardOf({ tries: limit });
      failPin(card, wrong);
      assert.is(card.tries, limit - wrong);
      assert.is(enterPin(card), "CHALLNG>");
      assert.is(card.tries, limit);
      turnOff(card);
      assert.is(triesOf(card), limit);
    }
  }
});

pin("tries stay spent while the card is off and while its battery is out", () => {
  const card = cardOf({ tries: 4 });
  failPin(card, 1);
  turnOff(card);
  assert.is(triesOf(card), 3);
  failPin(card, 1);
  card.setBattery(0);
  card.setBattery(3000);
  assert.is(triesOf(card), 2);
});

pin("LOCKED stays: the card asks for no PIN, and the wrap under the PIN is zeros in flash", () => {
  const card = lockedCard({ tries: 3 });
  assert.ok(
    pinWrap(card).every((byte) => byte === 0),
    "the wrap is zeros at once",
  );
  for (let i = 0; i < 3; i++) {
    turnOff(card);
    assert.is(turnOn(card), "LOCKED");
    assert.is(enter(card, DEMO.pin).length, 8, "digits do nothing, OK shows the lock code");
  }
});

pin("the wrap is in flash until the card locks", () => {
  const card = cardOf({ tries: 3 });
  failPin(card, 2);
  assert.not(pinWrap(card).every((byte) => byte === 0));
});

// ---- the order of flash operations ----

/** Records the calls on flash: "program ADDRESS VALUE", "read ADDRESS LENGTH" or "erase PAGE". */
function trace(card: Card): string[] {
  const calls: string[] = [];
  const { flash } = card;
  const { program, read, erase } = flash;
  flash.program = (address, value) => {
    calls.push(`program ${address} ${value.toString(16)}`);
    program.call(flash, address, value);
  };
  flash.read = (address, target, offset, length) => {
    calls.push(`read ${address} ${length}`);
    read.call(flash, address, target, offset, length);
  };
  flash.erase = (page) => {
    calls.push(`erase ${page}`);
    erase.call(flash, page);
  };
  return calls;
}

/** The calls on flash that a PIN causes, from OK on. */
function traceOf(card: Card, entered: string): string[] {
  turnOn(card);
  card.type(entered);
  const calls = trace(card);
  card.press("ok");
  return calls;
}

pin("a right and a wrong PIN do the same to flash until the verdict: the try is spent and read back first", () => {
  const [right, wrong] = [traceOf(cardOf(), DEMO.pin), traceOf(cardOf(), WRONG_PIN)];
  const spend = right.findIndex((call) => call.startsWith("program"));
  assert.ok(spend >= 0);
  assert.equal(right.slice(0, spend + 2), wrong.slice(0, spend + 2));
  const [, address] = (right[spend] as string).split(" ");
  assert.is(right[spend + 1], `read ${address} 4`, "read back");
  const writes = (calls: string[]) => calls.filter((call) => !call.startsWith("read"));
  assert.is(writes(wrong).length, 1, "a wrong PIN: spent");
  assert.is(writes(right).length, 2, "a right one: spent, then given back");
  assert.is(writes(right)[0], writes(wrong)[0]);
});

pin("the same holds if the page is full and a new one is written first", () => {
  const card = cardOf();
  while (card.flash.erases.every((count) => count === 0) || nextLoginIsShort(card)) login(card);
  card.save("full");
  const right = traceOf(card, DEMO.pin);
  const other = blankCard();
  card.load("full");
  other.flash.restore(card.flash.copy());
  const wrong = traceOf(other, WRONG_PIN);
  const writes = (calls: string[]) => calls.filter((call) => !call.startsWith("read"));
  assert.ok(writes(wrong).length > 50, "a page is written");
  assert.equal(writes(right).slice(0, -1), writes(wrong), "restoring the tries comes after all that both do");
});

function nextLoginIsShort(card: Card): boolean {
  card.save("look");
  const before = card.flash.operations;
  login(card);
  const operations = card.flash.operations - before;
  card.load("look");
  return operations <= 2;
}

pin("a try that flash did not store opens nothing, not even with the right PIN", () => {
  const card = cardOf();
  turnOn(card);
  card.type(DEMO.pin);
  card.flash.program = () => {};
  card.press("ok");
  assert.is.not(card.state, "CHALLENGE");
});

pin("a try that flash stored with a wrong bit opens nothing", () => {
  for (let bit = 0; bit < 32; bit++) {
    const card = cardOf();
    turnOn(card);
    card.type(DEMO.pin);
    const { flash } = card;
    const program = flash.program;
    flash.program = (address, value) => {
      flash.program = program;
      const stuck = (1 << bit) >>> 0;
      if ((value & stuck) >>> 0 === 0) return program.call(flash, address, value);
      program.call(flash, address, (value & ~stuck) >>> 0);
    };
    const spendsIt = ((SPENT >>> bit) & 1) === 1;
    card.press("ok");
    if (spendsIt) assert.is.not(card.state, "CHALLENGE", `bit ${bit}`);
  }
});

// ---- wear ----

pin("hundreds of logins wear the four pages evenly and lose nothing", () => {
  const card = cardOf({ tries: 6 });
  for (let i = 0; i < 700; i++) {
    if (i % 7 === 0) {
      failPin(card, 1 + (i % 5));
      assert.is(card.tries, 6 - 1 - (i % 5), `login ${i}`);
    }
    assert.is(login(card), RIGHT, `login ${i}`);
  }
  const { erases } = card.flash;
  assert.ok(Math.min(...erases) >= 2, `${erases}`);
  assert.ok(Math.max(...erases) - Math.min(...erases) <= 1, `${erases}`);
  assert.is(triesOf(card), 6);
});

pin("wrong PINs stay spent when a new page is written", () => {
  const card = cardOf({ tries: 10 });
  for (let start = 0; start < 12; start++) {
    while (nextLoginIsShort(card)) login(card);
    const before = card.flash.erases.reduce((sum, count) => sum + count);
    failPin(card, 9);
    assert.is(card.tries, 1, "nine are spent");
    assert.ok(card.flash.erases.reduce((sum, count) => sum + count) > before, "and a page was written meanwhile");
    turnOff(card);
    assert.is(login(card), RIGHT);
    for (let i = 0; i < start; i++) login(card);
  }
});

// ---- the server checks the PIN ----

pin("a card whose server checks the PIN takes any four digits, counts no tries and does not write flash", () => {
  const data = { pinCheck: "server", suite: "OCRA-1:HOTP-SHA256-8:QN06-PSHA256" } as const;
  const card = cardOf(data);
  const before = card.flash.operations;
  for (let i = 0; i < 30; i++) {
    const typed = String(1000 + i * 271);
    turnOn(card);
    assert.is(card.tries, undefined);
    assert.is(enterPin(card, typed), "CHALLNG>");
    assert.is(enter(card, "123456"), expected("123456", { ...data, pin: typed }), typed);
    card.press("ok");
    assert.is(enter(card, "000123"), expected("000123", { ...data, pin: typed }), "the next challenge, too");
    turnOff(card);
  }
  assert.is(card.flash.operations, before);
});

// ---- a new PIN ----

pin("a new PIN replaces the old one, and the key stays", () => {
  const card = cardOf({ tries: 3 });
  failPin(card, 2);
  enterPin(card);
  card.hold("ok");
  assert.is(setPin(card, "7394"), "PIN SET");
  assert.is(passMessage(card), "PIN>");
  assert.is(enterPin(card, DEMO.pin), "LEFT 2", "the old one is wrong");
  passMessage(card);
  assert.is(enterPin(card, "7394"), "CHALLNG>");
  assert.is(enter(card, "123456"), RIGHT);
});

pin("an abandoned PIN change changes nothing", () => {
  for (const giveUp of [[], ["7394"], ["7394", "7395"]]) {
    const card = cardOf();
    turnOn(card);
    enterPin(card);
    const before = card.flash.operations;
    card.hold("ok");
    for (const digits of giveUp) enter(card, digits);
    turnOff(card);
    assert.is(card.flash.operations, before);
    assert.is(login(card), RIGHT);
  }
});

pin("after NO MATCH the owner enters both PINs again", () => {
  const card = cardOf();
  turnOn(card);
  enterPin(card);
  card.hold("ok");
  enter(card, "7394");
  assert.is(enter(card, "7395"), "NO MATCH");
  assert.is(passMessage(card), "NEW>");
  assert.is(enter(card, "7395"), "REP>", "the second of the first round is not the first of this one");
  assert.is(enter(card, "7395"), "PIN SET");
});

// ---- weak PINs ----

/** The rule of docs/CARD.md, "Weak PINs", as its words say it. */
function isTooEasy(text: string): boolean {
  const UP = "0123456789012";
  const DOWN = [...UP].reverse().join("");
  const isFourEqual = new Set(text).size === 1;
  const isRun = UP.includes(text) || DOWN.includes(text);
  const isYear = text.startsWith("19") || text.startsWith("20");
  const isPairTwice = text.slice(0, 2) === text.slice(2);
  return isFourEqual || isRun || isYear || isPairTwice;
}

pin("the rule as written here fits the examples in docs/CARD.md", () => {
  for (const weak of ["1111", "1234", "9876", "7890", "8901", "9012", "0987", "1098", "2109", "1987", "2024", "1212"])
    assert.ok(isTooEasy(weak), weak);
  for (const good of ["4071", "1235", "1243", "1221", "1122", "1112", "2468", "1820", "0119"])
    assert.not(isTooEasy(good), good);
});

pin("of all 10,000 PINs the card refuses the weak ones and no other", () => {
  const card = cardOf();
  turnOn(card);
  enterPin(card);
  card.hold("ok");
  card.save("new");
  const differing: string[] = [];
  for (let value = 0; value < 10_000; value++) {
    const text = String(value).padStart(4, "0");
    card.load("new");
    const display = enter(card, text);
    if (display !== (isTooEasy(text) ? "WEAK PIN" : "REP>")) differing.push(`${text}: ${display}`);
  }
  assert.equal(differing, []);
});

pin.run();
