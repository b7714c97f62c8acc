// From contacts to keys (docs/CARD.md, "Keys"): bounce, taps, holds, one key at a time, and a clock that wraps.

import * as assert from "uvu/assert";
import { type Card, KEYS, type KeyName } from "../../sim/core/card.js";
import { Random } from "../../sim/core/random.js";
import { cardOf, enterPin, expected, login, turnOff, turnOn } from "../support/cards.js";
import { suite } from "../support/suite.js";

const keys = suite("keys");

function atPin(): Card {
  const card = cardOf();
  turnOn(card);
  return card;
}

function atChallenge(): Card {
  const card = atPin();
  enterPin(card);
  return card;
}

/** Moves a contact: closed for the first number of ms, open for the second, closed for the third, … */
function move(card: Card, key: KeyName, ...spans: number[]): void {
  spans.forEach((ms, i) => {
    if (i % 2 === 0) card.down(key);
    else card.up(key);
    card.wait(ms);
  });
}

keys("a contact closed for less than 20 ms is bounce, for 20 ms it is a key", () => {
  for (const ms of [0, 1, 10, 19]) {
    const card = atPin();
    move(card, "1", ms, 100);
    assert.is(card.display, "PIN>", `${ms} ms`);
  }
  const card = atPin();
  move(card, "1", 20, 100);
  assert.is(card.display, "PIN>*");
});

keys("bounce at the press and at the release is one key", () => {
  const card = atPin();
  move(card, "1", 3, 4, 1, 19, 19, 2, 100, 5, 5, 19, 3, 19, 1, 100);
  assert.is(card.display, "PIN>*");
});

keys("contacts that change twice in one millisecond count as unchanged", () => {
  const card = atPin();
  for (let i = 0; i < 5; i++) {
    card.down("1");
    card.up("1");
  }
  card.wait(100);
  assert.is(card.display, "PIN>");
  move(card, "1", 100);
  card.up("1");
  card.down("1");
  card.wait(100);
  assert.is(card.display, "PIN>", "still down");
  move(card, "1", 0, 100);
  assert.is(card.display, "PIN>*");
});

keys("a contact that is closed again and again without opening is one key", () => {
  const card = atPin();
  for (let i = 0; i < 5; i++) {
    card.down("1");
    card.wait(15);
  }
  card.up("1");
  card.up("1");
  card.wait(100);
  assert.is(card.display, "PIN>*");
});

keys("a key counts as released after 20 ms open, not after 19 ms", () => {
  const card = atPin();
  move(card, "1", 100, 19, 100, 100);
  assert.is(card.display, "PIN>*");
  const other = atPin();
  move(other, "1", 100, 20, 100, 100);
  assert.is(other.display, "PIN>**");
});

keys("a key acts on release", () => {
  const card = atPin();
  card.down("1");
  card.wait(700);
  assert.is(card.display, "PIN>");
  card.up("1");
  card.wait(20);
  assert.is(card.display, "PIN>*");
});

keys("released at 799 ms it is a tap; at 800 ms it is a hold, while still down", () => {
  const tapped = atChallenge();
  move(tapped, "ok", 799, 100);
  assert.is(tapped.display, "CHALLNG>");
  const held = atChallenge();
  held.down("ok");
  held.wait(799);
  assert.is(held.display, "CHALLNG>");
  held.wait(1);
  assert.is(held.display, "NEW>");
  const digit = atPin();
  move(digit, "1", 799, 100);
  assert.is(digit.display, "PIN>*");
  move(digit, "1", 800, 100);
  assert.is(digit.display, "PIN>*", "a hold that is not listed does nothing");
});

keys("a hold acts once, however long it is", () => {
  const card = atChallenge();
  move(card, "ok", 20_000, 100);
  assert.is(card.display, "NEW>");
  card.type("7394");
  move(card, "ok", 5000, 100);
  assert.is(card.display, "NEW>****", "a hold is no tap");
});

keys("with bounce across the 800 ms mark, a key still down afterwards is one hold, an open one a tap", () => {
  for (const opened of [781, 785, 790, 799]) {
    const card = atChallenge();
    move(card, "ok", opened, 15, 100, 100);
    assert.is(card.display, "NEW>", `opened at ${opened} ms for 15 ms`);
    const other = atChallenge();
    other.type("123456");
    move(other, "ok", opened, 100);
    assert.is(other.display, expected("123456"), `let go at ${opened} ms`);
  }
});

keys("bounce after the hold makes no second hold and no tap", () => {
  const card = atChallenge();
  move(card, "ok", 805, 10, 900, 10, 900, 100);
  assert.is(card.display, "NEW>");
  assert.is(card.state, "NEW_PIN");
});

keys("all keys at once are one key at most, and each works again afterwards", () => {
  const card = atChallenge();
  for (const key of KEYS) card.down(key);
  card.wait(100);
  for (const key of KEYS) card.up(key);
  card.wait(100);
  assert.ok(card.display === "CHALLNG>" || /^\d$/.test(card.display) || card.display === "", card.display);
  turnOff(card);
  assert.is(login(card), expected("123456"));
});

keys("while a key is down, other keys are ignored", () => {
  const card = atPin();
  card.down("1");
  card.wait(100);
  for (const key of ["2", "3", "ok", "press"] as const) move(card, key, 100, 100);
  assert.is(card.display, "PIN>");
  move(card, "press", 1000, 100);
  assert.is(card.display, "PIN>", "a hold of another key, too");
});

keys("a key closed while another is down stays ignored when that one is released", () => {
  const card = atPin();
  card.down("1");
  card.wait(100);
  card.down("2");
  card.wait(100);
  card.up("1");
  card.wait(100);
  assert.is(card.display, "PIN>*");
  card.wait(700);
  card.up("2");
  card.wait(100);
  assert.is(card.display, "PIN>*");
  card.press("2");
  assert.is(card.display, "PIN>**", "pressed anew it works");
});

keys("bounce of another contact does not disturb the key that is down", () => {
  const card = atChallenge();
  card.down("ok");
  card.wait(300);
  move(card, "5", 10, 10, 10, 10);
  card.wait(500);
  assert.is(card.display, "NEW>");
});

keys("keys may follow each other as fast as bounce allows", () => {
  const card = atPin();
  for (const digit of ["4", "0", "7", "1"] as const) move(card, digit, 20, 20);
  assert.is(card.display, "PIN>****");
  move(card, "ok", 20, 20);
  assert.is(card.display, "CHALLNG>");
});

keys("a key pressed and released while there is no battery is forgotten", () => {
  const card = cardOf();
  card.setBattery(0);
  card.hold("press");
  card.press("1");
  card.setBattery(3000);
  card.wait(5000);
  assert.is(card.state, "OFF");
  assert.is(turnOn(card), "PIN>");
});

keys("random chatter, at any length of a press, is one digit", () => {
  const random = new Random(3);
  for (let i = 0; i < 200; i++) {
    const card = atPin();
    const chatter = () => Array.from({ length: 2 * (random.next() % 4) }, () => random.next() % 20);
    // Pairs of closed and open before, a steady press, pairs of open and closed after, and open for good.
    move(card, "7", ...chatter(), 20 + (random.next() % 600), ...chatter(), 100);
    assert.is(card.display, "PIN>*", `press ${i}`);
  }
});

// ---- the clock ----

const WRAP = 2 ** 32;

/** Lets time pass until the card's clock shows `ms` (it began at 0). */
function waitUntilClock(card: Card, ms: number): void {
  while (card.time < ms) card.wait(Math.min(1_000_000_000, ms - card.time));
}

keys("after more than 2^32 ms a card logs in as before", () => {
  const card = cardOf();
  for (let i = 1; i <= 3; i++) {
    waitUntilClock(card, i * WRAP + 12_345);
    assert.is(login(card), expected("123456"));
  }
});

keys("keys, holds and time-outs are right across the wrap of a 32-bit clock", () => {
  for (const before of [1, 10, 19, 20, 21, 400, 799, 800, 801, 1500, 29_000, 31_000]) {
    const card = cardOf();
    waitUntilClock(card, WRAP - before);
    card.down("press");
    card.wait(799);
    assert.is(card.state, "OFF", `${before} ms before`);
    card.wait(1);
    assert.is(card.display, "PIN>", `${before} ms before`);
    move(card, "press", 0, 100);
    move(card, "1", 19, 30, 100, 100);
    assert.is(card.display, "PIN>*");
    card.wait(29_800);
    assert.ok(card.on, `${before}: 29.9 s`);
    card.wait(300);
    assert.not(card.on, `${before}: 30.2 s`);
  }
});

keys("messages and long time-outs end in time across the wrap", () => {
  for (const before of [500, 1999, 2000, 2001, 2500]) {
    const card = cardOf();
    waitUntilClock(card, WRAP - before - 1640);
    turnOn(card);
    enterPin(card, "8888");
    assert.is(card.display, "LEFT 4");
    card.wait(1950);
    assert.is(card.display, "LEFT 4", `${before} ms before`);
    card.wait(100);
    assert.is(card.display, "PIN>", `${before} ms before`);
  }
});

keys("a card left alone for a year is off and still works", () => {
  const card = cardOf();
  turnOn(card);
  waitUntilClock(card, 365 * 24 * 3_600_000);
  assert.not(card.on);
  assert.is(login(card), expected("123456"));
});

keys.run();
