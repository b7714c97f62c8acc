// A walk through every state of the reference model: which state follows which, for any keys, times, battery states and
// serial commands. The state diagram of docs/CARD.md is compared with it.
//
// The walk is a breadth-first search, so it is the same each time. Two cards count as one place if they differ only in
// what decides no transition: digits, times, keys, and counts of tries above one.

import {
  Cla,
  Digits,
  Ins,
  ISSUER_DOMAIN,
  Key,
  Level,
  Life,
  ONE_ENCRYPTED_BLOCK,
  RecordAt,
  Scp03Size,
  SELECT_BY_NAME,
  SelfTest,
  SetStatusP2,
  State,
} from "../../firmware/wire.js";
import { type Asked, receive, type Stored } from "../../sim/core/model/commands.js";
import { CODES, type Kept, LOWEST, Model, NEW_CARD, type Oracle, WARNING } from "../../sim/core/model/model.js";

const PIN = "4071";
const CODE = "24681357";
const LOCK_CODE = "11223344";
const SESSION = 1;
const TAP_MS = 100;
const HOLD_MS = 1000;
const FULL_BATTERY = WARNING + 600;
const ORACLE: Oracle = { response: () => "01234567", unlockCode: () => CODE };

/** A transition: the names of two different states. */
export type Transition = `${string} to ${string}`;

type Input = (model: Model) => void;

/** What is typed, with OK: PINs that are right, wrong, new and weak, a challenge, codes that are right and wrong. */
const TYPED = [PIN, "4072", "2580", "7777", "123456", CODE, "00000001"];

const RECORD: Stored = { record: 1, check: "card", tries: 3, pin: PIN, serial: "IB3000123", suite: "" };

const INPUTS: readonly Input[] = [
  ...[Key.OK, Key.PRESS].flatMap((key): Input[] => [press(key, TAP_MS), press(key, HOLD_MS)]),
  ...TYPED.map(type),
  // Time passes until something is due.
  (model) => model.wait(model.due),
  ...[FULL_BATTERY, WARNING - 1, LOWEST - 1, 0].map(
    (mV): Input =>
      (model) =>
        model.setBattery(mV),
  ),
  (model) => void receive(model, { kind: "hello" }),
  ...[Cla.GP, Cla.GP_SECURE].flatMap((cla) => [
    command({ cla, ins: Ins.SELF_TEST, p1: SelfTest.SCREEN }),
    command({ cla, ins: Ins.GET_DATA, p1: 0xdf, p2: 0x20 }),
    command({ cla, ins: Ins.STORE_DATA, p1: ONE_ENCRYPTED_BLOCK, size: RecordAt.SIZE, record: RECORD }),
    command({ cla, ins: Ins.SET_STATUS, p1: ISSUER_DOMAIN, p2: SetStatusP2.PERSONALIZED }),
    command({ cla, ins: Ins.SET_STATUS, p1: ISSUER_DOMAIN, p2: SetStatusP2.WIPED }),
    command({ cla, ins: Ins.INTERNAL_AUTHENTICATE, size: Digits.PIN + Digits.CHALLENGE, pin: "4072", challenge: "1" }),
  ]),
  command({ cla: Cla.GP_SECURE, ins: Ins.GET_DATA, secured: { session: SESSION, spoilt: true } }),
  command({ cla: Cla.ISO, ins: Ins.SELECT, p1: SELECT_BY_NAME }),
  command({ cla: Cla.GP, ins: Ins.INITIALIZE_UPDATE, size: Scp03Size.CHALLENGE, begins: SESSION }),
  command({
    ...{ cla: Cla.GP_SECURE, ins: Ins.EXTERNAL_AUTHENTICATE, p1: Level.FULL, size: Scp03Size.AUTHENTICATE },
    proves: { keys: NEW_CARD.keys, session: SESSION, spoilt: false },
  }),
];

/** The first cards: new, seeded, personalized with all and with the last tries, with a PIN that a server checks, defective. */
function beginnings(): Model[] {
  const seeded: Kept = { ...NEW_CARD, ...RECORD, life: Life.SEEDED, left: RECORD.tries, codes: CODES };
  const personalized: Kept = { ...seeded, life: Life.PERSONALIZED, lockCode: LOCK_CODE };
  const kept: Kept[] = [
    ...[NEW_CARD, seeded, personalized, { ...personalized, left: 1, codes: 1 }],
    { ...personalized, check: "server", codes: 0 },
  ];
  const unreadable = new Model(personalized, ORACLE);
  unreadable.defects.unreadable = true;
  const stuck = new Model(NEW_CARD, ORACLE);
  stuck.defects.random = true;
  return [...kept.map((one) => new Model(one, ORACLE)), unreadable, stuck];
}

/** Every transition of the model, and the number of places that the walk reached. */
export function walk(): { readonly transitions: ReadonlySet<Transition>; readonly places: number } {
  const transitions = new Set<Transition>();
  const known = new Set<string>();
  const open: Model[] = [];
  const arrive = (model: Model) => {
    const place = placeOf(model);
    if (known.has(place)) return;
    known.add(place);
    open.push(model);
  };
  for (const model of beginnings()) {
    model.onMove = (from, to) => {
      if (from !== to) transitions.add(`${State[from]} to ${State[to]}`);
    };
    arrive(model);
  }
  for (let model = open.shift(); model; model = open.shift()) {
    for (const input of INPUTS) {
      const next = model.copy();
      next.trace = [];
      input(next);
      arrive(next);
    }
  }
  return { transitions, places: known.size };
}

/** What decides the possible transitions of a card. */
function placeOf({ state, kept, ram, battery, defects }: Model): string {
  const { life, check, left, codes, lockCode } = kept;
  return JSON.stringify([
    ...[state, life, check, Math.min(left, 2), Math.min(codes, 2), lockCode === undefined, battery, defects],
    ...[ram.entered.length, ram.repeat, ram.next, ram.error, ram.opened, ram.begun, ram.channel !== undefined],
  ]);
}

function press(key: Key | number, ms: number): Input {
  return (model) => {
    model.contact(key, true);
    model.wait(ms);
    model.contact(key, false);
    model.wait(TAP_MS);
  };
}

function type(digits: string): Input {
  const presses = [...digits].map((digit) => press(Number(digit), TAP_MS));
  return (model) => {
    for (const one of presses) one(model);
    press(Key.OK, TAP_MS)(model);
  };
}

/** A command, with correct secure messaging if its class says that it has some. */
function command(asked: Partial<Asked> & Pick<Asked, "cla" | "ins">): Input {
  const secured = asked.cla === Cla.GP_SECURE ? { secured: { session: SESSION, spoilt: false } } : {};
  const whole: Asked = { p1: 0, p2: 0, size: 0, ...secured, ...asked };
  return (model) => {
    if (model.kept.lockCode === undefined) model.kept = { ...model.kept, lockCode: LOCK_CODE };
    receive(model, { kind: "command", asked: whole });
  };
}
