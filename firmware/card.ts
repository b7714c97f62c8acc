// The card's states (docs/CARD.md): one for each screen, one function for each that takes keys.
//
// A key or the end of a state's time goes through `dispatch`, which handles what is the same on every screen (PRESS,
// the time-outs) and leaves the rest to the function of the state. A key that a state does not use does nothing. A
// state that is not in the list, which only a fault can cause, turns the card off; turning off wipes all that was
// entered or opened.
//
//   OFF ── hold PRESS ──► (BATT_LOW) ──► ERROR │ NO_KEY │ BLOCKED │ LOCKED │ PIN
//   PIN ── right ──► CHALLENGE ◄── OK ──► RESPONSE        PIN ── wrong ──► WRONG_PIN ──► PIN
//   CHALLENGE ── hold OK ──► NEW_PIN ──► REPEAT_PIN ──► PIN_SET ──► PIN
//   LOCKED ── OK ──► LOCK_CODE ── OK ──► UNLOCK ── right ──► NEW_PIN;  wrong ──► WRONG_CODE ──► LOCKED

import * as entry from "./entry";
import { Event } from "./event";
import * as flash from "./flash";
import * as host from "./host";
import * as keys from "./keys";
import { Outcome } from "./outcome";
import * as pages from "./pages";
import * as pin from "./pin";
import * as power from "./power";
import * as scp03 from "./scp03";
import * as screen from "./screen";
import { Text } from "./screen";
import * as selftest from "./selftest";
import { IDLE, idleTimeoutOf, successorOf, timeOf } from "./times";
import * as token from "./token";
import * as unlock from "./unlock";
import * as vault from "./vault";
import * as view from "./view";
import { Key, Life, NEVER, State } from "./wire";

@unmanaged
class Card {
  state: State;
  /** The card's clock, in ms since `boot`; it may wrap. */
  now: u32;
  /** When the state's time is over. */
  deadline: u32;
  /** Milliseconds from a key to the deadline, or 0 if keys do not extend it. */
  idleTimeout: u32;
  /** The key that is down ended a message, so its release does nothing. */
  spentKey: bool;
  /** What the power-on checks found. */
  started: Outcome;
  /** The state that follows a message. */
  next: State;
  /** When the last frame arrived. Valid if `heard`: a frame arrived since the card turned on. */
  frameAt: u32;
  heard: bool;
  /** The keys that went down on the bench test's screen, bit n for key n. */
  tested: u32;
}
const card = changetype<Card>(memory.data(offsetof<Card>()));
/** The response or the lock code that is on the screen. */
const SHOWN: usize = memory.data(8);
const SHOWN_SIZE: u32 = 8;

/** The current state. */
export function state(): State {
  return card.state;
}

/** Tries left on a card that is on, personalized and checks the PIN itself; otherwise NEVER. */
export function tries(): u32 {
  if (error() || pages.head.life !== Life.PERSONALIZED || pin.judgedByServer()) return NEVER;
  return pin.triesLeft();
}

/** A battery was put in: the card remembers only its flash. */
export function boot(): void {
  card.now = 0;
  keys.reset();
  forget();
  screen.dark();
}

/** A contact closed or opened. */
export function contact(key: u32, closed: bool): void {
  if (key >= keys.KEYS) return;
  keys.move(key, closed, card.now);
}

/** A frame arrived, from anybody: the card turns on if it can. Returns whether it is on. */
export function wake(): bool {
  if (card.state === State.OFF) turnOn();
  if (card.state === State.OFF) return false;
  card.heard = true;
  card.frameAt = card.now;
  if (isBare()) card.deadline = card.now + IDLE;
  return true;
}

/** A command came through the secure channel: the screen stays on for another IDLE. */
export function extendSerial(): void {
  if (card.state === State.SERIAL) card.deadline = card.now + IDLE;
}

/** The number of the ERROR that the power-on checks or an operation found, or 0. */
export function error(): u32 {
  return card.started === Outcome.DONE ? 0 : card.started;
}

/** A secure channel opened: wipes what the owner entered or opened, and shows SERIAL. */
export function openSerial(): void {
  entry.wipe();
  vault.wipe();
  enter(State.SERIAL);
}

/** A command was carried out. If it closed the channel, the card shows the screen that follows power-on. */
export function followChannel(): void {
  if (card.state === State.SERIAL && !scp03.isOpen()) enter(firstState());
}

/** Starts the bench test of screen and keys, in which each key shows its number. */
export function startTest(): void {
  if (card.state !== State.TEST) enter(State.TEST);
}

/** Ends the bench test: shows SERIAL if a channel is open, else the screen that follows power-on. */
export function endTest(): void {
  if (card.state === State.TEST) enter(scp03.isOpen() ? State.SERIAL : firstState());
}

/** The keys that went down on the bench test's screen since the last call, bit n for key n. */
export function takeTested(): u32 {
  const tested = card.tested;
  card.tested = 0;
  return tested;
}

/** An operation failed: turns off if the battery is too low, else shows ERROR. */
export function fail(outcome: Outcome): void {
  if (outcome !== Outcome.FLASH && outcome !== Outcome.RANDOM && outcome !== Outcome.CRYPTO) return turnOff();
  vault.wipe();
  entry.wipe();
  scp03.close();
  card.started = outcome;
  enter(State.ERROR);
}

/** Lets `ms` pass and handles what falls due, in order of time. Returns the milliseconds until the next event. */
export function pass(ms: u32): u32 {
  let left = ms;
  for (let due = nextDue(); due <= left; due = nextDue()) {
    card.now += due;
    left -= due;
    settle();
  }
  card.now += left;
  return nextDue();
}

function nextDue(): u32 {
  const due = keys.due(card.now);
  if (card.state === State.OFF) return due;
  const left = (card.deadline - card.now) as i32;
  return min<u32>(due, left > 0 ? left : 0);
}

/** Handles what is due now. Keys go before time-outs, so a key at the deadline still counts. */
function settle(): void {
  for (let event = keys.next(card.now); event !== Event.NONE; event = keys.next(card.now)) {
    onKey(event, keys.key());
  }
  if (card.state !== State.OFF && ((card.deadline - card.now) as i32) <= 0) dispatch(Event.TIMEOUT, 0);
}

function onKey(event: Event, key: u32): void {
  card.deadline = card.idleTimeout ? card.now + card.idleTimeout : card.deadline;
  if (event === Event.DOWN) card.spentKey = false;
  // A key that was down when the card turned off is forgotten. It does nothing, even if the card is on again by now.
  if (key >= keys.KEYS || (event === Event.TAP && card.spentKey)) return;
  dispatch(event, key);
}

function dispatch(event: Event, key: u32): void {
  switch (card.state) {
    case State.OFF:
      return off(event, key);
    case State.BATT_LOW:
    case State.WRONG_PIN:
    case State.WRONG_CODE:
    case State.WEAK_PIN:
    case State.NO_MATCH:
    case State.PIN_SET:
    case State.NO_KEY:
      return message(event);
  }
  if (event === Event.TIMEOUT) return turnOff();
  if (card.state === State.TEST) return test(event, key);
  if (key === <u32>Key.PRESS) return press(event);
  if (event !== Event.TAP && event !== Event.HOLD) return;
  switch (card.state) {
    case State.PIN:
      return enterPin(event, key);
    case State.CHALLENGE:
      return challenge(event, key);
    case State.RESPONSE:
      return response(event, key);
    case State.NEW_PIN:
      return newPin(event, key);
    case State.REPEAT_PIN:
      return repeatPin(event, key);
    case State.LOCKED:
      return locked(event, key);
    case State.LOCK_CODE:
      return lockCode(event, key);
    case State.UNLOCK:
      return unlockCode(event, key);
    case State.BLOCKED:
    case State.ERROR:
    case State.SERIAL:
      return;
    default:
      turnOff();
  }
}

// ---- the states ----

/** OFF: hold PRESS turns the card on. */
function off(event: Event, key: u32): void {
  if (event === Event.HOLD && key === <u32>Key.PRESS) turnOn();
}

/** A timed message: its end, or a key, shows the next state. If that key is held, the hold acts in the next state. */
function message(event: Event): void {
  if (event !== Event.DOWN && event !== Event.TIMEOUT) return;
  card.spentKey = true;
  enter(card.next);
}

/** PRESS on every other screen but TEST: clears the digits, or turns the card off if there are none. */
function press(event: Event): void {
  if (event === Event.HOLD) return turnOff();
  if (event !== Event.TAP) return;
  if (entry.length() === 0) return turnOff();
  entry.clear();
  draw();
}

/** PIN: four digits, OK: check. */
function enterPin(event: Event, key: u32): void {
  if (!completed(event, key, pin.PIN_SIZE)) return;
  if (pin.judgedByServer()) {
    entry.keep();
    return pin.openUnchecked() === Outcome.DONE ? enter(State.CHALLENGE) : fail(Outcome.FLASH);
  }
  const outcome = pin.check(entry.DIGITS);
  entry.wipe();
  if (outcome === Outcome.DONE) enter(State.CHALLENGE);
  else if (outcome === Outcome.WRONG) enter(State.WRONG_PIN);
  else if (outcome === Outcome.LAST) enter(State.LOCKED);
  else fail(outcome);
}

/** CHALLENGE: six digits, OK: response. Hold OK with nothing entered: change the PIN. */
function challenge(event: Event, key: u32): void {
  if (event === Event.HOLD) {
    if (key === <u32>Key.OK && entry.length() === 0 && !pin.judgedByServer()) enter(State.NEW_PIN);
    return;
  }
  if (!completed(event, key, token.CHALLENGE_SIZE)) return;
  token.respond(entry.DIGITS, entry.KEPT, SHOWN);
  enter(State.RESPONSE);
}

/** RESPONSE: OK: the next challenge. */
function response(event: Event, key: u32): void {
  if (event === Event.TAP && key === <u32>Key.OK) enter(State.CHALLENGE);
}

/** NEW_PIN: four digits, OK: asks for them again, unless the PIN is weak. */
function newPin(event: Event, key: u32): void {
  if (!completed(event, key, pin.PIN_SIZE)) return;
  if (pin.isWeak(entry.DIGITS)) return enter(State.WEAK_PIN);
  entry.keep();
  enter(State.REPEAT_PIN);
}

/** REPEAT_PIN: the same four digits, OK: sets the PIN and wipes the open secrets. */
function repeatPin(event: Event, key: u32): void {
  if (!completed(event, key, pin.PIN_SIZE)) return;
  if (!entry.matchesKept()) {
    entry.wipe();
    return enter(State.NO_MATCH);
  }
  const outcome = pin.set(entry.DIGITS);
  entry.wipe();
  vault.wipe();
  if (outcome === Outcome.DONE) enter(State.PIN_SET);
  else fail(outcome);
}

/** LOCKED: OK: the lock code. */
function locked(event: Event, key: u32): void {
  if (event === Event.TAP && key === <u32>Key.OK) enter(State.LOCK_CODE);
}

/** LOCK_CODE: OK: enter the unlock code. */
function lockCode(event: Event, key: u32): void {
  if (event === Event.TAP && key === <u32>Key.OK) enter(State.UNLOCK);
}

/** UNLOCK: eight digits, OK: check. */
function unlockCode(event: Event, key: u32): void {
  if (!completed(event, key, unlock.CODE_SIZE)) return;
  const outcome = unlock.check(entry.DIGITS);
  entry.wipe();
  if (outcome === Outcome.DONE) enter(State.NEW_PIN);
  else if (outcome === Outcome.WRONG) enter(State.WRONG_CODE);
  else if (outcome === Outcome.LAST) enter(State.BLOCKED);
  else fail(outcome);
}

/** TEST: each key shows its number; hold PRESS: off. */
function test(event: Event, key: u32): void {
  if (event === Event.HOLD && key === <u32>Key.PRESS) return turnOff();
  if (event !== Event.DOWN) return;
  card.tested |= 1 << key;
  screen.number(Text.TEST, 5, 2, key);
}

// ---- moving between them ----

/** Takes the next of `size` digits. Returns true at OK once all are typed. */
function completed(event: Event, key: u32, size: u32): bool {
  if (event !== Event.TAP) return false;
  if (key === <u32>Key.OK) return entry.length() === size;
  entry.add(key, size);
  draw();
  return false;
}

/** Shows a state with nothing entered yet, and starts its time. */
function enter(state: State): void {
  stand(state, successorOf(state));
}

/** As `enter`; `next` is the state that follows if `state` is a message. */
function stand(state: State, next: State): void {
  entry.clear();
  if (state !== State.RESPONSE) memory.fill(SHOWN, 0, SHOWN_SIZE);
  if (state === State.LOCK_CODE) unlock.lockCode(SHOWN);
  card.tested = 0;
  card.state = state;
  card.next = next;
  if (state === State.OFF) return turnOff();
  card.idleTimeout = idleTimeoutOf(state);
  card.deadline = card.now + (card.idleTimeout ? card.idleTimeout : timeOf(state));
  if (state === State.NO_KEY && card.heard) card.deadline = card.frameAt + IDLE;
  draw();
}

/** Whether nothing is entered, open or shown. Only then may a frame, which anybody can send, keep the card on. */
function isBare(): bool {
  switch (card.state) {
    case State.NO_KEY:
    case State.LOCKED:
    case State.BLOCKED:
    case State.ERROR:
    case State.TEST:
      return true;
    case State.PIN:
      return entry.length() === 0;
    default:
      return false;
  }
}

function draw(): void {
  view.draw(card.state, SHOWN, card.started);
}

// ---- on and off ----

function turnOn(): void {
  if (!power.usable()) return;
  host.power(1);
  card.started = selfTest();
  if (card.started === Outcome.BATTERY) return turnOff();
  const first = firstState();
  if (power.low()) stand(State.BATT_LOW, first);
  else enter(first);
}

/** The power-on checks, in the order of their error numbers. */
function selfTest(): Outcome {
  if (!selftest.cryptoWorks()) return Outcome.CRYPTO;
  const mounted = pages.mount();
  if (mounted !== Outcome.DONE) return mounted;
  if (!token.isKeptSuite()) return Outcome.FLASH;
  return selftest.randomWorks() ? Outcome.DONE : Outcome.RANDOM;
}

/** The state after power-on. Finishes a locking that a power cut interrupted; returns OFF if it cannot. */
function firstState(): State {
  if (card.started !== Outcome.DONE) return State.ERROR;
  if (pages.head.life !== Life.PERSONALIZED) return State.NO_KEY;
  if (pin.judgedByServer()) return State.PIN;
  if (unlock.isBlocked()) return unlock.block() === Outcome.DONE ? State.BLOCKED : State.OFF;
  if (pin.isLocked()) return pin.lock() === Outcome.DONE ? State.LOCKED : State.OFF;
  return State.PIN;
}

function turnOff(): void {
  forget();
  screen.dark();
  host.power(0);
}

/** Wipes everything that was entered, derived, opened or shown. */
function forget(): void {
  card.state = State.OFF;
  card.next = State.OFF;
  card.started = Outcome.DONE;
  card.heard = false;
  card.frameAt = 0;
  card.tested = 0;
  memory.fill(SHOWN, 0, SHOWN_SIZE);
  keys.forget();
  entry.wipe();
  unlock.wipe();
  vault.wipe();
  scp03.close();
  pages.wipe();
  flash.wipe();
}
