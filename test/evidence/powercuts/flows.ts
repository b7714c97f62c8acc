// The flows in which power is cut: the actions on a card, and the card at their beginning.
//
// A flow accepts the card in any state, because it is run again after a cut, as its owner would.

import { Card } from "../../../sim/core/card.js";
import { Flash, type FlashCopy, PAGES } from "../../../sim/core/flash.js";
import { currentPage, readImage } from "../../../sim/core/image.js";
import { personalize } from "../../../sim/session/cardcommands.js";
import { login } from "../../support/cards.js";
import { Run } from "./run.js";
import { BLANK, CODES, recordOf, type Situation } from "./situation.js";

export interface Start {
  readonly flash: FlashCopy;
  readonly now: Situation;
}

export interface Flow {
  readonly name: string;
  /** A PIN or an unlock code is typed or sent, and the card checks it. */
  readonly typed: boolean;
  readonly start: (module: WebAssembly.Module) => Start;
  readonly run: (run: Run) => void;
}

const SEED = 1;
const CHALLENGE = "209413";
const [NEW_PIN, OTHER_PIN] = ["7394", "9146"];
/** A number of logins that certainly fills a page. */
const MANY = 200;

// ---- the actions ----

const startFirst = (run: Run) => run.turnOn();

function personalizeIt(run: Run): void {
  run.turnOn();
  run.openChannel();
  run.seed("new", 3);
  run.prove(CHALLENGE);
  run.rotateKeys();
  run.finish();
}

/** Personalizes a card whose PIN the site checks; its owner logs in. */
function personalizeForSite(run: Run): void {
  run.turnOn();
  run.openChannel();
  run.seed("site", 3);
  run.prove(CHALLENGE);
  run.finish();
  run.turnOff();
  run.turnOn();
  logIn(run);
}

function typeRight(run: Run): void {
  run.turnOn();
  logIn(run);
}

/** From the card's request for its PIN. */
function logIn(run: Run): void {
  if (run.now.left === 0) return;
  run.rightPin();
  run.respond(CHALLENGE);
}

function typeUntilLocked(run: Run): void {
  run.turnOn();
  while (run.now.left > 0) run.wrongPin();
}

function typeWrongThenRight(run: Run): void {
  run.turnOn();
  if (run.now.left > 1) run.wrongPin();
  logIn(run);
}

function typeCodesUntilBlocked(run: Run): void {
  run.turnOn();
  while (run.now.codes > 0) run.wrongCode();
}

/** A wrong code, if that leaves a try, then the right one. */
function unlock(run: Run): void {
  run.turnOn();
  if (run.now.left > 0) return logIn(run);
  if (run.now.codes > 1) run.wrongCode();
  if (run.now.codes === 0) return;
  run.rightCode();
  run.setPin(NEW_PIN as string);
  logIn(run);
}

function changePin(run: Run): void {
  run.turnOn();
  if (run.now.left === 0) return;
  run.rightPin();
  run.askNewPin();
  run.setPin((run.now.pin === NEW_PIN ? OTHER_PIN : NEW_PIN) as string);
  logIn(run);
}

function wipe(run: Run): void {
  run.turnOn();
  run.openChannel();
  run.wipe();
}

function changePinOverSerial(run: Run): void {
  run.turnOn();
  if (run.now.left === 0) return;
  run.openChannel();
  run.changePinOverSerial((run.now.pin === NEW_PIN ? OTHER_PIN : NEW_PIN) as string);
}

function unlockOverSerial(run: Run): void {
  run.turnOn();
  if (run.now.left > 0 || run.now.codes === 0) return;
  const lockCode = run.readLockCode();
  run.openChannel();
  run.unlockOverSerial(lockCode, NEW_PIN as string);
}

// ---- the cards ----

/** An erased flash. */
function unused(): Start {
  return { flash: new Flash().copy(), now: BLANK };
}

/** A card from the factory. */
function blank(module: WebAssembly.Module): Start {
  return performed(module, unused(), (run) => run.turnOn());
}

interface Past {
  readonly tries?: number;
  /** The number of wrong PINs so far; with all tries used the card is locked. */
  readonly wrong?: number;
  /** The number of wrong unlock codes so far. */
  readonly wrongCodes?: number;
  /** The number of PINs for which its page has room, including the wrong ones. */
  readonly room?: number;
}

/** An owner's card with this past. */
function owned({ tries = 3, wrong = 0, wrongCodes = 0, room }: Past): (module: WebAssembly.Module) => Start {
  return (module) => {
    const card = new Card(module, { seed: SEED });
    const record = recordOf({ owner: "old", tries });
    personalize(card, record);
    if (room !== undefined) fill(card, room);
    card.setBattery(0);
    const { pin, serial } = record;
    const now: Situation = {
      ...{ life: "personalized", owner: "old", pin, tries, left: tries, codes: CODES, kvn: 0xff, serial },
    };
    return performed(module, { flash: card.flash.copy(), now }, (run) => {
      run.turnOn();
      for (let i = 0; i < wrong; i++) run.wrongPin();
      for (let i = 0; i < wrongCodes; i++) run.wrongCode();
    });
  };
}

/** Logs in until the page has room for `room` PINs. */
export function fill(card: Card, room: number): void {
  for (let i = 0; i < MANY; i++) {
    if (currentPage(readImage(card.flash.bytes))?.pinSlots.free === room) return;
    login(card);
  }
  throw new Error(`no page has room for just ${room}`);
}

function performed(module: WebAssembly.Module, { flash, now }: Start, act: (run: Run) => void): Start {
  const run = new Run(module, flash, now, { seed: SEED });
  act(run);
  run.card.setBattery(0);
  return { flash: { ...run.flash.copy(), erases: new Array(PAGES).fill(0) }, now: run.now };
}

// ---- the flows ----

/**
 * The flow on a fresh page, and on pages so full that compaction comes at its first PIN, its second … Unlock codes never lead
 * to compaction: each of them has its own slot, and a right one writes a new page.
 */
function each(name: string, run: (run: Run) => void, past: Past, pins: number): Flow[] {
  const { wrong = 0 } = past;
  const flow = (suffix: string, more: Past): Flow => ({
    name: `${name}${suffix}`,
    typed: true,
    start: owned({ ...past, ...more }),
    run,
  });
  const full = Array.from({ length: pins }, (_, i) => flow(`-full-${i}`, { room: wrong + i }));
  return [flow("", {}), ...full];
}

/** A flow of the bench. */
function bench(name: string, run: (run: Run) => void, start: Flow["start"], typed = false): Flow {
  return { name, typed, start, run };
}

export const FLOWS: readonly Flow[] = [
  bench("first-start", startFirst, unused),
  bench("personalize", personalizeIt, blank, true),
  bench("personalize-again", personalizeIt, owned({}), true),
  bench("personalize-again-full", personalizeIt, owned({ room: 0 }), true),
  bench("personalize-locked", personalizeIt, owned({ wrong: 3 }), true),
  bench("personalize-blocked", personalizeIt, owned({ wrong: 3, wrongCodes: CODES }), true),
  bench("server", personalizeForSite, blank),
  ...each("right", typeRight, {}, 1),
  ...each("right-after-wrong", typeRight, { tries: 5, wrong: 3 }, 1),
  ...each("last-right", typeRight, { wrong: 2 }, 1),
  ...each("lockout", typeUntilLocked, {}, 3),
  ...each("wrong-then-right", typeWrongThenRight, { tries: 5 }, 2),
  ...each("wrong-codes", typeCodesUntilBlocked, { wrong: 3 }, 0),
  ...each("unlock", unlock, { wrong: 3, wrongCodes: 2 }, 0),
  ...each("last-unlock", unlock, { wrong: 3, wrongCodes: 4 }, 0),
  ...each("change-pin", changePin, {}, 1),
  ...each("change-pin-after-wrong", changePin, { wrong: 1, wrongCodes: 0 }, 1),
  bench("wipe", wipe, owned({})),
  bench("wipe-full", wipe, owned({ room: 0 })),
  bench("wipe-locked", wipe, owned({ wrong: 3 })),
  bench("wipe-blocked", wipe, owned({ wrong: 3, wrongCodes: CODES })),
  bench("serial-change-pin", changePinOverSerial, owned({ wrong: 1 }), true),
  bench("serial-change-pin-full", changePinOverSerial, owned({ room: 0 }), true),
  bench("serial-unlock", unlockOverSerial, owned({ wrong: 3, wrongCodes: 2 }), true),
];
