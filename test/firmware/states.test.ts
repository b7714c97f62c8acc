// Every event in every state. The table is written by hand from docs/CARD.md ("Screens" and the rules below it). An event
// that a row does not list changes nothing.

import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { Cla, Ins, Level, SelfTest, State } from "../../firmware/wire.js";
import { testKeys } from "../../host-tools/card/transportkeys.js";
import { Card, FULL_BATTERY } from "../../sim/core/card.js";
import { FLASH_SIZE, Flash } from "../../sim/core/flash.js";
import { exchange, openChannel } from "../../sim/session/cardcommands.js";
import { FIRMWARE_FILE } from "../../sim/session/firmware.js";
import {
  askUnlock,
  blankCard,
  cardOf,
  enter,
  expected,
  failCode,
  failPin,
  lockedCard,
  turnOn,
  unlockCodeOf,
  WRONG_PIN,
  wrongCodeFor,
} from "../support/cards.js";
import { suite } from "../support/suite.js";

const states = suite("states");

/** What can happen to a card. */
const EVENTS = {
  digit: (card: Card) => card.press("5"),
  ok: (card: Card) => card.press("ok"),
  press: (card: Card) => card.press("press"),
  holdDigit: (card: Card) => card.hold("5"),
  holdOk: (card: Card) => card.hold("ok"),
  holdPress: (card: Card) => card.hold("press"),
  /** The battery falls below 2,100 mV. */
  low: (card: Card) => card.setBattery(2099),
  /** OK, with the battery below 2,100 mV. */
  okLow: (card: Card) => {
    card.setBattery(2099);
    card.press("ok");
  },
  /** The battery is pulled. */
  pulled: (card: Card) => card.setBattery(0),
};
type Event = keyof typeof EVENTS;

/** A state and what the screen shows in it. */
type Where = readonly [state: string, display: string | RegExp];
const ANY_CODE = /^\d{8}$/;

interface Row {
  readonly name: string;
  readonly card: () => Card;
  readonly is: Where;
  /** The time after which the state ends by itself, and the state that follows. */
  readonly time?: readonly [ms: number, then: Where];
  readonly on?: Partial<Record<Event, Where>>;
}

const OFF: Where = ["OFF", ""];
const PIN: Where = ["PIN", "PIN>"];
const CHALLENGE: Where = ["CHALLENGE", "CHALLNG>"];
const NEW_PIN: Where = ["NEW_PIN", "NEW>"];
const REPEAT_PIN: Where = ["REPEAT_PIN", "REP>"];
const LOCKED: Where = ["LOCKED", "LOCKED"];
const UNLOCK: Where = ["UNLOCK", "UNLOCK>"];
const BLOCKED: Where = ["BLOCKED", "BLOCKED"];

/** While nothing is entered, PRESS turns the card off, and so does holding it. */
const PRESS_OFF = { press: OFF, holdPress: OFF };
/** With digits entered, PRESS clears them. */
const clears = (empty: Where) => ({ press: empty, holdPress: OFF });
const IDLE = [30_000, OFF] as const;
const PHONE_CALL = [300_000, OFF] as const;

/** Any key ends a timed message and does nothing else. If it stays down, it counts as a hold on the next screen. */
function message(next: Where) {
  return {
    digit: next,
    ok: next,
    press: next,
    holdDigit: next,
    holdOk: next,
    holdPress: OFF,
    okLow: next,
  };
}

const TABLE: readonly Row[] = [
  { name: "off", card: () => cardOf(), is: OFF, on: { holdPress: PIN } },
  { name: "off, blank", card: () => blankCard(), is: OFF, on: { holdPress: ["NO_KEY", "NO KEY"] } },
  { name: "off, empty battery", card: () => withBattery(cardOf(), 2099), is: OFF },
  {
    name: "off, low battery",
    card: () => withBattery(cardOf(), 2399),
    is: OFF,
    on: { holdPress: ["BATT_LOW", "BATT LOW"] },
  },
  { name: "off, no try left", card: () => off(lockedCard()), is: OFF, on: { holdPress: LOCKED } },
  { name: "off, blocked", card: () => off(blocked()), is: OFF, on: { holdPress: BLOCKED } },
  {
    name: "off, unreadable flash",
    card: () => blankCard({ flash: unreadable() }),
    is: OFF,
    on: { holdPress: ["ERROR", "ERROR 02"] },
  },
  {
    name: "BATT LOW before PIN>",
    card: () => started(withBattery(cardOf(), 2399)),
    is: ["BATT_LOW", "BATT LOW"],
    time: [1000, PIN],
    on: message(PIN),
  },
  {
    name: "BATT LOW before LOCKED",
    card: () => started(withBattery(off(lockedCard()), 2100)),
    is: ["BATT_LOW", "BATT LOW"],
    time: [1000, LOCKED],
    on: message(LOCKED),
  },
  {
    name: "ERROR 01",
    card: withBrokenCrypto,
    is: ["ERROR", "ERROR 01"],
    time: IDLE,
    on: PRESS_OFF,
  },
  {
    name: "ERROR 02",
    card: () => started(blankCard({ flash: unreadable() })),
    is: ["ERROR", "ERROR 02"],
    time: IDLE,
    on: PRESS_OFF,
  },
  {
    name: "ERROR 03",
    card: withoutRandom,
    is: ["ERROR", "ERROR 03"],
    time: IDLE,
    on: PRESS_OFF,
  },
  {
    name: "NO KEY",
    card: () => started(blankCard()),
    is: ["NO_KEY", "NO KEY"],
    time: [3000, OFF],
    on: message(OFF),
  },
  {
    name: "PIN>",
    card: atPin,
    is: PIN,
    time: IDLE,
    on: { ...PRESS_OFF, digit: ["PIN", "PIN>*"] },
  },
  {
    name: "PIN>**",
    card: () => typed(atPin(), "40"),
    is: ["PIN", "PIN>**"],
    time: IDLE,
    on: { ...clears(PIN), digit: ["PIN", "PIN>***"] },
  },
  {
    name: "PIN>**** (right)",
    card: () => typed(atPin(), "4071"),
    is: ["PIN", "PIN>****"],
    time: IDLE,
    on: { ...clears(PIN), ok: CHALLENGE, okLow: OFF },
  },
  {
    name: "PIN>**** (wrong)",
    card: () => typed(atPin(), WRONG_PIN),
    is: ["PIN", "PIN>****"],
    time: IDLE,
    on: { ...clears(PIN), ok: ["WRONG_PIN", "LEFT 4"], okLow: OFF },
  },
  {
    name: "PIN>**** (wrong, last try)",
    card: () => typed(failedPins(4), WRONG_PIN),
    is: ["PIN", "PIN>****"],
    time: IDLE,
    on: { ...clears(PIN), ok: LOCKED, okLow: OFF },
  },
  {
    name: "PIN>**** (the server judges)",
    card: () => typed(atServerPin(), WRONG_PIN),
    is: ["PIN", "PIN>****"],
    time: IDLE,
    on: { ...clears(PIN), ok: CHALLENGE, okLow: CHALLENGE },
  },
  {
    name: "LEFT 4",
    card: () => entered(atPin(), WRONG_PIN),
    is: ["WRONG_PIN", "LEFT 4"],
    time: [2000, PIN],
    on: message(PIN),
  },
  {
    name: "CHALLNG>",
    card: atChallenge,
    is: CHALLENGE,
    time: IDLE,
    on: { ...PRESS_OFF, digit: ["CHALLENGE", "5"], holdOk: NEW_PIN },
  },
  {
    name: "CHALLNG> (the server judges the PIN)",
    card: () => entered(atServerPin(), "4071"),
    is: CHALLENGE,
    time: IDLE,
    on: { ...PRESS_OFF, digit: ["CHALLENGE", "5"] },
  },
  {
    name: "a challenge of 3 digits",
    card: () => typed(atChallenge(), "123"),
    is: ["CHALLENGE", "123"],
    time: IDLE,
    on: { ...clears(CHALLENGE), digit: ["CHALLENGE", "1235"] },
  },
  {
    name: "a challenge of 6 digits",
    card: () => typed(atChallenge(), "123456"),
    is: ["CHALLENGE", "123456"],
    time: IDLE,
    on: { ...clears(CHALLENGE), ok: ["RESPONSE", expected("123456")], okLow: ["RESPONSE", expected("123456")] },
  },
  {
    name: "a response",
    card: () => entered(atChallenge(), "123456"),
    is: ["RESPONSE", expected("123456")],
    time: [60_000, OFF],
    on: { ...PRESS_OFF, ok: CHALLENGE, okLow: CHALLENGE },
  },
  {
    name: "NEW>",
    card: atNewPin,
    is: NEW_PIN,
    time: IDLE,
    on: { ...PRESS_OFF, digit: ["NEW_PIN", "NEW>*"] },
  },
  {
    name: "NEW>***",
    card: () => typed(atNewPin(), "739"),
    is: ["NEW_PIN", "NEW>***"],
    time: IDLE,
    on: { ...clears(NEW_PIN), digit: ["NEW_PIN", "NEW>****"] },
  },
  {
    name: "NEW>****",
    card: () => typed(atNewPin(), "7394"),
    is: ["NEW_PIN", "NEW>****"],
    time: IDLE,
    on: { ...clears(NEW_PIN), ok: REPEAT_PIN, okLow: REPEAT_PIN },
  },
  {
    name: "NEW>**** (weak)",
    card: () => typed(atNewPin(), "1234"),
    is: ["NEW_PIN", "NEW>****"],
    time: IDLE,
    on: { ...clears(NEW_PIN), ok: ["WEAK_PIN", "WEAK PIN"], okLow: ["WEAK_PIN", "WEAK PIN"] },
  },
  {
    name: "REP>",
    card: atRepeatPin,
    is: REPEAT_PIN,
    time: IDLE,
    on: { ...PRESS_OFF, digit: ["REPEAT_PIN", "REP>*"] },
  },
  {
    name: "REP>*",
    card: () => typed(atRepeatPin(), "7"),
    is: ["REPEAT_PIN", "REP>*"],
    time: IDLE,
    on: { ...clears(REPEAT_PIN), digit: ["REPEAT_PIN", "REP>**"] },
  },
  {
    name: "REP>**** (the same)",
    card: () => typed(atRepeatPin(), "7394"),
    is: ["REPEAT_PIN", "REP>****"],
    time: IDLE,
    on: { ...clears(REPEAT_PIN), ok: ["PIN_SET", "PIN SET"], okLow: OFF },
  },
  {
    name: "REP>**** (another)",
    card: () => typed(atRepeatPin(), "7395"),
    is: ["REPEAT_PIN", "REP>****"],
    time: IDLE,
    on: { ...clears(REPEAT_PIN), ok: ["NO_MATCH", "NO MATCH"], okLow: ["NO_MATCH", "NO MATCH"] },
  },
  {
    name: "WEAK PIN",
    card: () => entered(atNewPin(), "1234"),
    is: ["WEAK_PIN", "WEAK PIN"],
    time: [2000, NEW_PIN],
    on: message(NEW_PIN),
  },
  {
    name: "NO MATCH",
    card: () => entered(atRepeatPin(), "7395"),
    is: ["NO_MATCH", "NO MATCH"],
    time: [2000, NEW_PIN],
    on: message(NEW_PIN),
  },
  {
    name: "PIN SET",
    card: () => entered(atRepeatPin(), "7394"),
    is: ["PIN_SET", "PIN SET"],
    time: [2000, PIN],
    on: message(PIN),
  },
  {
    name: "LOCKED",
    card: () => lockedCard(),
    is: LOCKED,
    time: IDLE,
    on: { ...PRESS_OFF, ok: ["LOCK_CODE", ANY_CODE], okLow: ["LOCK_CODE", ANY_CODE] },
  },
  {
    name: "a lock code",
    card: atLockCode,
    is: ["LOCK_CODE", ANY_CODE],
    time: PHONE_CALL,
    on: { ...PRESS_OFF, ok: UNLOCK, okLow: UNLOCK },
  },
  {
    name: "UNLOCK>",
    card: atUnlock,
    is: UNLOCK,
    time: PHONE_CALL,
    on: { ...PRESS_OFF, digit: ["UNLOCK", "5"] },
  },
  {
    name: "an unlock code of 7 digits",
    card: () => typed(atUnlock(), "1234567"),
    is: ["UNLOCK", "1234567"],
    time: PHONE_CALL,
    on: { ...clears(UNLOCK), digit: ["UNLOCK", "12345675"] },
  },
  {
    name: "the right unlock code",
    card: () => unlockTyped("right"),
    is: ["UNLOCK", ANY_CODE],
    time: PHONE_CALL,
    on: { ...clears(UNLOCK), ok: NEW_PIN, okLow: OFF },
  },
  {
    name: "a wrong unlock code",
    card: () => unlockTyped("wrong"),
    is: ["UNLOCK", ANY_CODE],
    time: PHONE_CALL,
    on: { ...clears(UNLOCK), ok: ["WRONG_CODE", "WRONG"], okLow: OFF },
  },
  {
    name: "the fifth wrong unlock code",
    card: () => unlockTyped("wrong", 4),
    is: ["UNLOCK", ANY_CODE],
    time: PHONE_CALL,
    on: { ...clears(UNLOCK), ok: BLOCKED, okLow: OFF },
  },
  {
    name: "NEW> after an unlock code",
    card: () => pressed(unlockTyped("right"), "ok"),
    is: NEW_PIN,
    time: IDLE,
    on: { ...PRESS_OFF, digit: ["NEW_PIN", "NEW>*"] },
  },
  {
    name: "WRONG",
    card: () => pressed(unlockTyped("wrong"), "ok"),
    is: ["WRONG_CODE", "WRONG"],
    time: [2000, LOCKED],
    on: message(LOCKED),
  },
  { name: "BLOCKED", card: blocked, is: BLOCKED, time: IDLE, on: PRESS_OFF },
  { name: "SERIAL: a secure channel is open", card: atTheBench, is: ["SERIAL", "SERIAL"], time: IDLE, on: PRESS_OFF },
  {
    name: "TEST: each key shows its number, PRESS too",
    card: underTest,
    is: ["TEST", "********"],
    time: IDLE,
    on: {
      digit: ["TEST", "TEST 05"],
      ok: ["TEST", "TEST 10"],
      okLow: ["TEST", "TEST 10"],
      press: ["TEST", "TEST 11"],
      holdDigit: ["TEST", "TEST 05"],
      holdOk: ["TEST", "TEST 10"],
      holdPress: OFF,
    },
  },
];

// ---- cards in each state ----

function atTheBench(): Card {
  const card = cardOf();
  openChannel(card, Level.FULL, testKeys());
  return card;
}

function underTest(): Card {
  const card = blankCard();
  exchange(card, { cla: Cla.GP, ins: Ins.SELF_TEST, p1: SelfTest.SCREEN, p2: 0 });
  return card;
}

function withBattery(card: Card, millivolts: number): Card {
  card.setBattery(millivolts);
  return card;
}

function off(card: Card): Card {
  card.hold("press");
  return card;
}

/** Turns the card on and releases PRESS at once. */
function started(card: Card): Card {
  card.hold("press", 800);
  return card;
}

function typed(card: Card, digits: string): Card {
  card.type(digits);
  return card;
}

function entered(card: Card, digits: string): Card {
  enter(card, digits);
  return card;
}

function pressed(card: Card, key: "ok" | "press"): Card {
  card.press(key);
  return card;
}

function atPin(): Card {
  return started(cardOf());
}

function atServerPin(): Card {
  return started(cardOf({ pinCheck: "server", suite: "OCRA-1:HOTP-SHA256-8:QN06-PSHA256" }));
}

function failedPins(count: number): Card {
  const card = cardOf();
  failPin(card, count);
  return card;
}

function atChallenge(): Card {
  return entered(atPin(), "4071");
}

function atNewPin(): Card {
  const card = atChallenge();
  card.hold("ok");
  return card;
}

function atRepeatPin(): Card {
  return entered(atNewPin(), "7394");
}

function atLockCode(): Card {
  return pressed(lockedCard(), "ok");
}

function atUnlock(): Card {
  return pressed(atLockCode(), "ok");
}

/** A card on which all eight digits of an unlock code are typed, after `before` wrong codes. */
function unlockTyped(which: "right" | "wrong", before = 0): Card {
  const card = lockedCard();
  failCode(card, before);
  const lockCode = askUnlock(card);
  return typed(card, which === "right" ? unlockCodeOf(lockCode) : wrongCodeFor(lockCode));
}

function blocked(): Card {
  const card = lockedCard();
  failCode(card, 5);
  return card;
}

/** A flash with contents that no firmware of this card writes. */
function unreadable(): Flash {
  return new Flash(new Uint8Array(FLASH_SIZE).fill(0x5a));
}

/** A card whose random source fails. */
function withoutRandom(): Card {
  const card = cardOf();
  card.randomFails = true;
  return started(card);
}

/** A card whose firmware has one wrong bit in the constants of SHA-256 (FIPS 180-4). */
function withBrokenCrypto(): Card {
  const bytes = readFileSync(FIRMWARE_FILE);
  const at = bytes.indexOf(Buffer.from("982f8a42", "hex"));
  assert.ok(at > 0, "the first constant of SHA-256 is in the module");
  bytes[at] = (bytes[at] as number) ^ 1;
  return started(new Card(new WebAssembly.Module(bytes)));
}

// ---- the tests ----

function whereIs(card: Card): Where {
  return [card.state, card.display];
}

function assertIs(card: Card, is: Row["is"], what: string): void {
  const [state, display] = is;
  assert.is(card.state, state, what);
  if (typeof display === "string") assert.is(card.display, display, what);
  else assert.match(card.display, display, what);
  assert.is(card.on, state !== "OFF", `${what}: on`);
}

/** Checks a state's time: the state is still there shortly before, and the next one shortly after. */
function checkTime(card: Card, row: Row, before: Where): void {
  const [ms, then] = row.time ?? [3_600_000, before];
  card.wait(ms - 100);
  assert.equal(whereIs(card), before, `${ms - 100} ms`);
  card.wait(200);
  assertIs(card, then, `${ms + 100} ms`);
}

for (const row of TABLE) {
  states(row.name, () => {
    const card = row.card();
    assertIs(card, row.is, "at first");
    const before = whereIs(card);
    card.save("here");
    for (const [event, happen] of Object.entries(EVENTS)) {
      card.load("here");
      happen(card);
      assertIs(card, row.on?.[event as Event] ?? (event === "pulled" ? OFF : before), event);
    }
    card.load("here");
    checkTime(card, row, before);
  });
}

states("the table has every state", () => {
  const names = Object.values(State).filter((name) => typeof name === "string");
  assert.equal([...new Set(TABLE.map((row) => row.is[0]))].sort(), [...names].sort());
  assert.is(names.length, 20);
});

states("OK at LOCKED shows a lock code of eight digits, the same each time", () => {
  const card = lockedCard();
  card.press("ok");
  assertIs(card, ["LOCK_CODE", ANY_CODE], "OK");
  const lockCode = card.display;
  off(card);
  started(card);
  card.press("ok");
  assert.is(card.display, lockCode);
});

states("a key before the time-out keeps the card on, except at a response", () => {
  for (const row of TABLE) {
    const { time } = row;
    if (time !== IDLE && time !== PHONE_CALL) continue;
    const card = row.card();
    for (let i = 0; i < 3; i++) {
      card.wait(time[0] - 200);
      card.press("5");
      assert.ok(card.on, `${row.name}, key ${i}`);
    }
    card.wait(time[0] + 100);
    assertIs(card, OFF, row.name);
  }
  const card = entered(atChallenge(), "123456");
  for (let i = 0; i < 5; i++) {
    card.wait(11_800);
    card.press("5");
  }
  assert.is(card.display, expected("123456"), "shown until 60 s");
  card.wait(400);
  assertIs(card, OFF, "60 s");
});

states("PRESS must be released after turning the card on before a hold turns it off", () => {
  const card = cardOf();
  card.down("press");
  card.wait(10_000);
  assertIs(card, PIN, "still held");
  card.up("press");
  card.wait(40);
  assertIs(card, PIN, "released");
  card.hold("press");
  assertIs(card, OFF, "held again");
});

states("the hold that turns the card on does not end the message BATT LOW", () => {
  const card = withBattery(cardOf(), 2399);
  card.down("press");
  card.wait(1700);
  assertIs(card, ["BATT_LOW", "BATT LOW"], "0.9 s of the message");
  card.wait(200);
  assertIs(card, PIN, "1.1 s");
});

states("a card shows BATT LOW from 2,100 to 2,399 mV and stays off below", () => {
  const shows = (millivolts: number) => turnOn(withBattery(cardOf(), millivolts));
  assert.equal([2400, 2399, 2100, 2099].map(shows), ["PIN>", "BATT LOW", "BATT LOW", ""]);
});

states("a digit too many is ignored", () => {
  const shows = (card: Card, digits: string) => typed(card, digits).display;
  assert.is(shows(atPin(), "40719"), "PIN>****");
  assert.is(enter(typed(atPin(), "40719"), ""), "CHALLNG>");
  assert.is(shows(atChallenge(), "1234567"), "123456");
  assert.is(shows(atNewPin(), "73941"), "NEW>****");
  assert.is(shows(atRepeatPin(), "73941"), "REP>****");
  assert.is(shows(atUnlock(), "123456789"), "12345678");
});

states("a hold without power does nothing, and the card is off when the battery is back", () => {
  for (const row of TABLE) {
    const card = row.card();
    card.setBattery(0);
    card.hold("press");
    assertIs(card, OFF, `${row.name}: no battery`);
    card.setBattery(FULL_BATTERY);
    assertIs(card, OFF, `${row.name}: battery back`);
  }
});

states.run();
