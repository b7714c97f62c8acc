// Every command in every state of the card: the answer, the screen after it, the next deadline and the status. The
// expectations come from the model of the card (sim/core/model), which is written from docs/CARD.md and
// docs/PROTOCOL.md.

import * as assert from "uvu/assert";
import { Ins, Key, Level, Life, SelfTest, SetStatusP2, State, Tag } from "../../../firmware/wire.js";
import type { Model } from "../../../sim/core/model/model.js";
import { Disagreement } from "../../../sim/session/monkey/comparison.js";
import { type Meant, storedOf } from "../../../sim/session/monkey/host.js";
import { Play } from "../../../sim/session/monkey/play.js";
import { LONG, type Start, type Step, TAP, type Typed } from "../../../sim/session/monkey/steps.js";
import { compile } from "../../mutants/apply.js";
import { unseenMutants } from "../../mutants/unseen.js";
import { type Case, fails } from "../../support/fails.js";
import { module as firmware } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const everyState = suite("every command in every state");

const LEVELS = [Level.C_MAC, 0x03, 0x11, 0x13, Level.FULL] as const;
/** Numbers of two records: with the card's PIN check, and with the server's. */
const CARD_RECORD = 6;
const SERVER_RECORD = 3;
const SEED = 3;

// ---- steps ----

const hello: Step = { do: "hello" };
const ok: Step = { do: "press", key: Key.OK, ms: TAP };
const holdOk: Step = { do: "press", key: Key.OK, ms: LONG };
const wait = (ms: number): Step => ({ do: "wait", ms });
const type = (what: Exclude<Typed["what"], "some">): Step => ({ do: "type", typed: { what } });
const digits = (text: string): Step => ({ do: "type", typed: { what: "some", digits: text } });
const begin: Step = { do: "begin", version: "any" };
const authenticate = (level: number, keys: "right" | "wrong" = "right", spoilt = false): Step => ({
  ...{ do: "authenticate", level, keys, spoilt },
});
const open = (level: number): Step[] => [begin, authenticate(level)];
const inChannel = (meant: Meant): Step => ({ do: "command", meant, via: "channel" });
const plain = (meant: Meant): Step => ({ do: "command", meant, via: "plain" });
const selfTest = (test: number): Meant => ({ ins: "SELF_TEST", test });

const logIn = [hello, type("right PIN"), ok];
const newPin = [...logIn, holdOk];
const repeatPin = [...newPin, type("new PIN"), ok];
const wrongPin = [type("wrong PIN"), ok];
const locked = [hello, ...[1, 2, 3, 4, 5].flatMap(() => [...wrongPin, wait(2000)])];
const unlocking = [...locked, ok, ok];
const wrongCode = [...unlocking, type("wrong code"), ok];
const blocked = [...locked, ...[1, 2, 3, 4, 5].flatMap(() => [ok, ok, type("wrong code"), ok, wait(2000)])];
const storeData = (record: number): Meant => ({ ins: "STORE_DATA", record: storedOf(record, "1482", 5) });
const seeded = [...open(Level.FULL), inChannel(storeData(CARD_RECORD))];
const closed = plain({ ins: "SELECT", application: "default" });

/** A state and the steps that bring a card there. */
interface Place {
  readonly state: State;
  readonly card?: Start["card"];
  readonly steps: readonly Step[];
}

const PLACES: Readonly<Record<string, Place>> = {
  off: { state: State.OFF, steps: [] },
  "BATT LOW": { state: State.BATT_LOW, steps: [{ do: "battery", millivolts: 2300 }, hello] },
  "ERROR 02": { state: State.ERROR, card: "unreadable", steps: [hello] },
  "ERROR 03": { state: State.ERROR, steps: [{ do: "random", fails: true }, hello] },
  "NO KEY, blank": { state: State.NO_KEY, card: "blank", steps: [hello] },
  "NO KEY, seeded": { state: State.NO_KEY, card: "blank", steps: [...seeded, closed] },
  "PIN>": { state: State.PIN, steps: [hello] },
  "PIN>**": { state: State.PIN, steps: [hello, digits("12")] },
  "LEFT 4": { state: State.WRONG_PIN, steps: [hello, ...wrongPin] },
  "CHALLNG>": { state: State.CHALLENGE, steps: logIn },
  "a challenge": { state: State.CHALLENGE, steps: [...logIn, digits("123")] },
  "a response": { state: State.RESPONSE, steps: [...logIn, digits("123456"), ok] },
  "NEW>": { state: State.NEW_PIN, steps: newPin },
  "REP>": { state: State.REPEAT_PIN, steps: repeatPin },
  "WEAK PIN": { state: State.WEAK_PIN, steps: [...newPin, type("weak PIN"), ok] },
  "NO MATCH": { state: State.NO_MATCH, steps: [...repeatPin, digits("1597"), ok] },
  "PIN SET": { state: State.PIN_SET, steps: [...repeatPin, type("again"), ok] },
  LOCKED: { state: State.LOCKED, steps: locked },
  "a lock code": { state: State.LOCK_CODE, steps: [...locked, ok] },
  "UNLOCK>": { state: State.UNLOCK, steps: unlocking },
  WRONG: { state: State.WRONG_CODE, steps: wrongCode },
  BLOCKED: { state: State.BLOCKED, steps: blocked },
  "bench test": { state: State.TEST, card: "blank", steps: [hello, plain(selfTest(SelfTest.SCREEN))] },
};

/** Cards on which a channel is opened. */
const CARDS: Readonly<Record<string, Omit<Place, "state">>> = {
  blank: { card: "blank", steps: [] },
  seeded: { card: "blank", steps: [...seeded, closed] },
  "seeded, for the server": {
    card: "blank",
    steps: [...open(Level.FULL), inChannel(storeData(SERVER_RECORD)), closed],
  },
  personalized: { steps: [] },
  "personalized, for the server": {
    card: "blank",
    steps: [
      ...open(Level.FULL),
      inChannel(storeData(SERVER_RECORD)),
      inChannel({ ins: "SET_STATUS", life: SetStatusP2.PERSONALIZED }),
      closed,
    ],
  },
  "personalized, with its own keys": {
    steps: [...open(Level.FULL), inChannel({ ins: "PUT_KEY", keys: 2, short: false }), closed],
  },
  locked: { steps: [...locked, ok] },
  "locked, a code was wrong": { steps: [...wrongCode, wait(2000)] },
  blocked: { steps: blocked },
};

// ---- commands ----

const right: readonly Meant[] = [
  { ins: "SELECT", application: "default" },
  { ins: "GET_DATA", tag: Tag.SERIAL },
  { ins: "GET_DATA", tag: Tag.CARD_ID },
  ...[SelfTest.SCREEN, SelfTest.KEYS, SelfTest.BATTERY, SelfTest.FLASH].map(selfTest),
  storeData(CARD_RECORD),
  { ins: "INTERNAL_AUTHENTICATE", pin: "right", challenge: "908070" },
  { ins: "CHANGE_REFERENCE_DATA", pin: "right", newPin: "7394" },
  { ins: "RESET_RETRY_COUNTER", code: "right", newPin: "7394" },
  { ins: "PUT_KEY", keys: 3, short: true },
  { ins: "SET_STATUS", life: SetStatusP2.PERSONALIZED },
  { ins: "SET_STATUS", life: SetStatusP2.WIPED },
];
const wrong: readonly Meant[] = [
  { ins: "SELECT", application: "other" },
  { ins: "GET_DATA", tag: 0xdf99 },
  selfTest(7),
  { ins: "STORE_DATA", record: storedOf(CARD_RECORD, "1482", 5), wrong: "tries" },
  { ins: "INTERNAL_AUTHENTICATE", pin: "wrong", challenge: "908070" },
  { ins: "INTERNAL_AUTHENTICATE", pin: "letters", challenge: "908070" },
  { ins: "CHANGE_REFERENCE_DATA", pin: "wrong", newPin: "7394" },
  { ins: "RESET_RETRY_COUNTER", code: "wrong", newPin: "7394" },
  { ins: "PUT_KEY", keys: 3, short: false, wrong: "kcv" },
  { ins: "SET_STATUS", life: 0x07 },
];

const wrongKeys = [begin, authenticate(Level.FULL, "wrong")];
/** The third wrong authentication in a row is answered after 1 s; other commands are still answered at once. */
const tooOften = [...wrongKeys, ...wrongKeys, ...wrongKeys, wait(1000), plain({ ins: "GET_DATA", tag: Tag.STATUS })];

/** Commands sent while no channel is open. */
const UNSECURED: readonly Step[][] = [
  [hello],
  ...[...right, ...wrong].map((meant) => [plain(meant)]),
  [{ do: "command", meant: selfTest(SelfTest.BATTERY), via: "plain", spoilt: "length field" }],
  [{ do: "command", meant: selfTest(SelfTest.BATTERY), via: "plain", spoilt: "class" }],
  [{ do: "command", meant: selfTest(SelfTest.BATTERY), via: "plain", spoilt: "instruction" }],
  ...right.map((meant) => [inChannel(meant)]),
  [{ do: "begin", version: "wrong" }],
  [begin],
  [authenticate(Level.FULL)],
  open(Level.FULL),
  [begin, authenticate(0x02)],
  wrongKeys,
  [...wrongKeys, authenticate(Level.FULL)],
  tooOften,
  [begin, authenticate(Level.FULL, "right", true), authenticate(Level.FULL)],
  [begin, plain({ ins: "GET_DATA", tag: Tag.STATUS }), authenticate(Level.FULL)],
];

/** Commands sent while a channel is open. */
const SECURED: readonly Step[][] = [
  ...[...right, ...wrong].map((meant) => [inChannel(meant)]),
  ...(["wrong MAC", "wrong padding", "plain"] as const).map((via): Step[] => [
    { do: "command", meant: { ins: "CHANGE_REFERENCE_DATA", pin: "right", newPin: "7394" }, via },
  ]),
  ...(["size", "parameters", "length field", "instruction"] as const).map((spoilt): Step[] => [
    { do: "command", meant: { ins: "PUT_KEY", keys: 3, short: true }, via: "channel", spoilt },
  ]),
  [begin],
  [authenticate(Level.FULL)],
  [hello],
];

// ---- playing ----

/** Plays each command at a place. If the command before changed anything, a new card is brought there first. */
function playAll(module: WebAssembly.Module, name: string, place: Place, commands: readonly Step[][]): number {
  let play: Play | undefined;
  let there = "";
  for (const command of commands) {
    if (!play || stampOf(play.model) !== there) {
      play = playTo(module, place);
      there = stampOf(play.model);
      assert.is(State[play.model.state], State[place.state], name);
    }
    for (const step of command) judged(play, step, name);
    // Then the deadline of the new screen and its successor are checked, too.
    if (stampOf(play.model) !== there) judged(play, { do: "await", early: 0 }, name);
  }
  return commands.length;
}

function playTo(module: WebAssembly.Module, { card = "demo", steps }: Place): Play {
  const play = new Play(module, { seed: SEED, card });
  for (const step of steps) judged(play, step, "on the way");
  return play;
}

/** Plays a step and asserts that card and model agree. */
function judged(play: Play, step: Step, name: string): void {
  let difference: unknown;
  try {
    play.step(step);
  } catch (error) {
    if (!(error instanceof Disagreement)) throw error;
    difference = error.difference;
  }
  assert.is(difference && `${name}: ${JSON.stringify(step)}: ${JSON.stringify(difference)}`, undefined);
}

/** All of a model but its clock and its deadlines. */
function stampOf({ kept, ram }: Model): string {
  const { state, entered, opened, error, begun, channel, failures, held } = ram;
  return JSON.stringify([kept, state, entered, opened, error, begun, channel, failures, held !== undefined]);
}

function unsecured(module: WebAssembly.Module, name: string): number {
  return playAll(module, name, PLACES[name] as Place, UNSECURED);
}

function secured(module: WebAssembly.Module, name: string, level: number): number {
  const { steps, ...card } = CARDS[name] as Omit<Place, "state">;
  const place = { ...card, state: State.SERIAL, steps: [...steps, ...open(level)] };
  return playAll(module, `${name}, level ${level.toString(16)}`, place, SECURED);
}

for (const name of Object.keys(PLACES)) {
  everyState(`${name}: card and model agree on every command without a channel`, () => {
    assert.ok(unsecured(firmware, name) > 40);
  });
}

for (const name of Object.keys(CARDS)) {
  everyState(`a card that is ${name}: card and model agree on every command at every level`, () => {
    for (const level of LEVELS) assert.ok(secured(firmware, name, level) > 30);
  });
}

everyState("every state and every command is in the tables", () => {
  const places = new Set([...Object.values(PLACES).map(({ state }) => state), State.SERIAL]);
  for (const state of Object.values(State).filter((state) => typeof state === "number"))
    assert.ok(places.has(state), State[state]);
  const sent = new Set([...right, ...wrong].map(({ ins }) => ins as string));
  for (const ins of Object.values(Ins).filter((ins) => typeof ins === "string")) {
    const opens = ins === "INITIALIZE_UPDATE" || ins === "EXTERNAL_AUTHENTICATE";
    assert.ok(opens || sent.has(ins), ins);
  }
  for (const life of [Life.BLANK, Life.SEEDED, Life.PERSONALIZED])
    assert.ok(
      Object.values(CARDS).some((card) => playTo(firmware, { ...card, state: State.OFF }).model.kept.life === life),
    );
});

const everything: Case = (module) => {
  for (const name of Object.keys(PLACES)) unsecured(module, name);
  for (const name of Object.keys(CARDS)) for (const level of LEVELS) secured(module, name, level);
};

for (const mutant of unseenMutants("every state")) {
  everyState(`noticed if it does not hold: ${mutant.breaks}`, async () => {
    assert.ok(fails(everything, await compile(mutant)), "the card does what the model does");
  });
}

everyState.run();
