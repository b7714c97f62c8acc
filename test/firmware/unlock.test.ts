// Unlocking: lock codes, unlock codes, and the tries that wrong codes spend (docs/CARD.md, "Unlock code").

import * as assert from "uvu/assert";
import { Card } from "../../sim/core/card.js";
import { currentBytes, Offset } from "../../sim/core/image.js";
import { Random } from "../../sim/core/random.js";
import { DEMO } from "../../sim/session/demo.js";
import {
  askUnlock,
  enter,
  enterPin,
  expected,
  failCode,
  failPin,
  lockedCard,
  MODULE,
  passMessage,
  seed,
  setPin,
  triesOf,
  turnOff,
  turnOn,
  unlockCodeOf,
  wrongCodeFor,
} from "../support/cards.js";
import { suite } from "../support/suite.js";

const unlock = suite("unlock");

const NEW_PIN = "7394";

/** The bytes of both wraps, including check values, in the current page (docs/FLASH.md). */
function wraps(card: Card): Uint8Array {
  return currentBytes(card.flash.bytes).subarray(Offset.PIN_WRAP, Offset.WIPE_MARK);
}

/** Takes the card from LOCKED to NEW> with the right code. Returns the lock code. */
function open(card: Card): string {
  const lockCode = askUnlock(card);
  assert.is(enter(card, unlockCodeOf(lockCode)), "NEW>");
  return lockCode;
}

/** Turns a card that is at LOCKED off and on, and returns its lock code, at LOCKED again. */
function lockCodeOf(card: Card): string {
  turnOff(card);
  assert.is(turnOn(card), "LOCKED");
  card.press("ok");
  const code = card.display;
  turnOff(card);
  turnOn(card);
  return code;
}

unlock("the right code leads to a new PIN, and the key is the same", () => {
  const card = lockedCard();
  open(card);
  assert.is(setPin(card, NEW_PIN), "PIN SET");
  assert.is(passMessage(card), "PIN>");
  assert.is(card.tries, 5, "all tries are back");
  assert.is(enterPin(card, NEW_PIN), "CHALLNG>");
  assert.is(enter(card, "673854"), expected("673854"));
});

unlock("a weak PIN, or one that is not repeated, is refused here too", () => {
  const card = lockedCard();
  open(card);
  assert.is(enter(card, "1234"), "WEAK PIN");
  passMessage(card);
  enter(card, NEW_PIN);
  assert.is(enter(card, "7395"), "NO MATCH");
  passMessage(card);
  assert.is(setPin(card, NEW_PIN), "PIN SET");
});

unlock("the lock code stays the same after power-off, a removed battery and wrong codes", () => {
  const card = lockedCard();
  const first = lockCodeOf(card);
  assert.match(first, /^\d{8}$/);
  card.setBattery(0);
  card.setBattery(3000);
  assert.is(lockCodeOf(card), first);
  failCode(card, 3);
  assert.is(lockCodeOf(card), first);
});

unlock("a right unlock code spends the lock code at once, before a PIN is set", () => {
  const card = lockedCard();
  const first = open(card);
  turnOff(card);
  assert.is(turnOn(card), "LOCKED", "until PIN SET");
  const second = askUnlock(card);
  assert.is.not(second, first);
  assert.is(enter(card, unlockCodeOf(first)), "WRONG");
  passMessage(card);
  open(card);
  assert.is(setPin(card, NEW_PIN), "PIN SET");
});

unlock("each lockout has a new lock code, and the unlock code of the last one is wrong", () => {
  const card = lockedCard({ tries: 3 });
  const codes: string[] = [];
  for (let i = 0; i < 40; i++) {
    if (i > 0) {
      assert.is.not(askUnlock(card), codes[i - 1]);
      assert.is(enter(card, unlockCodeOf(codes[i - 1] as string)), "WRONG");
      passMessage(card);
    }
    codes.push(open(card));
    setPin(card, NEW_PIN);
    passMessage(card);
    failPin(card, 3);
  }
  assert.is(new Set(codes).size, codes.length, "no lock code twice");
});

unlock("cards draw different lock codes", () => {
  const codes = [1, 2, 3, 4, 5].map((seed) => lockCodeOf(lockedCard({}, { seed })));
  assert.is(new Set(codes).size, 5);
});

unlock("a code made with another card's unlock key is wrong", () => {
  const card = lockedCard();
  const other = DEMO.unlockKey.map((byte) => byte ^ 0x80);
  assert.is(enter(card, unlockCodeOf(askUnlock(card), other)), "WRONG");
});

unlock("on a locked card the wrap under the PIN is zeros, the one under the unlock code is not", () => {
  const card = lockedCard();
  const both = wraps(card);
  assert.ok(both.subarray(0, 120).every((byte) => byte === 0));
  assert.not(both.subarray(120).every((byte) => byte === 0));
});

unlock("the fifth wrong code shows BLOCKED at once and for good, and both wraps are zeros", () => {
  const card = lockedCard();
  for (let i = 1; i <= 5; i++) {
    const lockCode = askUnlock(card);
    assert.is(enter(card, wrongCodeFor(lockCode)), i < 5 ? "WRONG" : "BLOCKED", `code ${i}`);
    if (i < 5) assert.is(passMessage(card), "LOCKED");
  }
  assert.ok(wraps(card).every((byte) => byte === 0));
  for (const key of ["ok", "1", "0"] as const) {
    card.press(key);
    assert.is(card.display, "BLOCKED");
  }
  card.setBattery(0);
  card.setBattery(3000);
  assert.is(turnOn(card), "BLOCKED");
});

unlock("the fifth code may still be the right one", () => {
  const card = lockedCard();
  failCode(card, 4);
  open(card);
});

unlock("PIN SET restores the code tries; a right code alone does not", () => {
  const card = lockedCard();
  failCode(card, 3);
  open(card);
  turnOff(card);
  turnOn(card);
  assert.is(failCode(card, 1), "LOCKED");
  assert.is(failCode(card, 1), "BLOCKED", "three before and two after");
});

unlock("after PIN SET the card has five code tries again", () => {
  const card = lockedCard({ tries: 3 });
  failCode(card, 4);
  open(card);
  setPin(card, NEW_PIN);
  passMessage(card);
  failPin(card, 3);
  assert.is(failCode(card, 4), "LOCKED");
  assert.is(failCode(card, 1), "BLOCKED");
});

unlock("wrong codes stay spent while the battery is out", () => {
  const card = lockedCard();
  for (let i = 0; i < 5; i++) {
    failCode(card, 1);
    card.setBattery(0);
    card.setBattery(3000);
    turnOn(card);
  }
  assert.is(card.display, "BLOCKED");
});

unlock("a try that flash did not store opens nothing, not even with the right code", () => {
  const card = lockedCard();
  const lockCode = askUnlock(card);
  card.type(unlockCodeOf(lockCode));
  const { program } = card.flash;
  card.flash.program = () => {};
  card.press("ok");
  card.flash.program = program;
  assert.is.not(card.state, "NEW_PIN");
});

unlock("a right code spends its try in flash first", () => {
  const card = lockedCard();
  const lockCode = askUnlock(card);
  card.type(unlockCodeOf(lockCode));
  card.cutAt(1, "clean");
  card.press("ok");
  assert.ok(card.takeCut(), "the first thing it does is to write");
  card.setBattery(3000);
  assert.is(lockCodeOf(card), lockCode);
});

unlock("an unlocked card locks again after the same number of wrong PINs", () => {
  const card = lockedCard({ tries: 4 });
  open(card);
  setPin(card, NEW_PIN);
  turnOff(card);
  assert.is(triesOf(card), 4);
  assert.is(failPin(card, 3), "PIN>");
  assert.is(failPin(card, 1), "LOCKED");
});

/** A random source that returns the given words, one for each draw of 4 bytes, then its own. */
class GivenNumbers extends Random {
  readonly words: number[];

  constructor(words: readonly number[]) {
    super(7);
    this.words = [...words];
  }

  override fill(bytes: Uint8Array): void {
    const word = bytes.length === 4 ? this.words.shift() : undefined;
    if (word === undefined) super.fill(bytes);
    else new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, word, true);
  }
}

unlock("no lock code is a multiple of 16, and draws that would make some codes likelier are rejected", () => {
  for (const refused of [0, 16, 32, 99_999_984, 100_000_000, 4_100_000_032, 4_200_000_001, 0xffffffff]) {
    const random = new GivenNumbers([refused, refused, 12_345_678]);
    const card = lockedCard({}, { random });
    card.press("ok");
    assert.is(card.display, "12345678", `${refused}`);
  }
  for (const drawn of [1, 17, 4_199_999_999]) {
    const card = lockedCard({}, { random: new GivenNumbers([drawn]) });
    card.press("ok");
    assert.is(Number(card.display), drawn % 100_000_000);
  }
});

unlock("a random source that never gives a valid lock code counts as failed", () => {
  const card = new Card(MODULE, { random: new GivenNumbers(new Array(16).fill(16)) });
  assert.is(seed(card, DEMO), "NOT_USABLE");
  assert.is(turnOn(card), "NO KEY");
});

unlock.run();
