// Power may fail at any instant: every flash operation of every flow is interrupted, before it and in
// the middle of it, the battery is put back, and the promises of CARD.md ("Tries") are checked.
//
// A failure names its case, such as login/2/torn/3: flow, operation, how the cut fell, seed of the torn
// bits; a second cut (at an operation of the next power-on) follows a "+". DSC_CUT=login/2/torn/3 runs
// that case alone.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Card } from "../sim/card.js";
import { DEMO } from "../sim/demo.js";
import type { CutMode } from "../sim/flash.js";
import { currentPage, readImage } from "../sim/image.js";
import { Random } from "../sim/random.js";
import { Silence } from "../sim/workshop.js";
import {
  answer,
  askUnlock,
  blankCard,
  cardOf,
  enter,
  enterPin,
  expected,
  FULL,
  failCode,
  failPin,
  lockedCard,
  login,
  passMessage,
  seed,
  setPin,
  turnOff,
  turnOn,
  unlockCodeOf,
  WRONG_PIN,
  wrongCodeFor,
} from "./support/cards.js";

const powercuts = suite("power cuts");

const NEW_PIN = "7394";
const CHALLENGE = "673854";
const RIGHT = expected(CHALLENGE);
const TORN_SEEDS = [1, 2, 3, 4];

/** What is done to a card while power may fail, and what must hold when it is back. */
interface Flow {
  readonly name: string;
  /** The card before, turned off or on. */
  readonly card: () => Card;
  readonly run: (card: Card) => void;
  /** `seen`: all that the screen showed before power failed. The battery is back, the card is off. */
  readonly check: (card: Card, seen: readonly string[]) => void;
}

interface Cut {
  readonly at: number;
  readonly mode: CutMode;
  readonly seed: number;
}

// ---- the flows ----

const LOGIN: Flow = {
  name: "login",
  card: () => cardOf({ tries: 3 }),
  run: (card) => login(card, DEMO.pin, CHALLENGE),
  check: (card) => {
    assert.ok(triesAtPin(card) >= 2, "one interruption costs at most one try");
    assertLogsIn(card, DEMO.pin, 3);
  },
};

const LOGIN_AFTER_WRONG: Flow = {
  name: "login-after-wrong",
  card: () => withWrongPins(5, 3),
  run: LOGIN.run,
  check: (card) => {
    assert.ok([1, 2, 5].includes(triesAtPin(card)), "the try spent, not yet spent, or all given back");
    assertLogsIn(card, DEMO.pin, 5);
  },
};

const WRONG_THEN_RIGHT: Flow = {
  name: "wrong-then-right",
  card: () => cardOf(),
  run: (card) => {
    turnOn(card);
    enterPin(card, WRONG_PIN);
    passMessage(card);
    enterPin(card);
    answer(card, CHALLENGE);
  },
  check: (card, seen) => {
    const tries = triesAtPin(card);
    const wrong = seen.includes("LEFT 4") ? 1 : 0;
    assert.ok(tries === 5 - wrong || tries === 4 - wrong || tries === 5, `${tries} tries`);
    // Before the right PIN was entered nothing can have given tries back.
    if (!seen.includes("LEFT 4") || seen.indexOf("PIN>*", seen.indexOf("LEFT 4")) < 0) assert.ok(tries <= 5 - wrong);
    assertLogsIn(card, DEMO.pin, 5);
  },
};

const LOCKOUT: Flow = {
  name: "lockout",
  card: () => cardOf({ tries: 3 }),
  run: (card) => failPin(card, 3),
  check: (card, seen) => {
    const verdicts = pinVerdicts(seen) + guessUntilLocked(card);
    assert.ok(verdicts <= 3, `${verdicts} wrong PINs got a verdict`);
    assertLocked(card);
    assertUnlocks(card);
  },
};

const LAST_TRY_RIGHT: Flow = {
  name: "last-try-right",
  card: () => withWrongPins(3, 2),
  run: LOGIN.run,
  check: (card) => {
    const first = turnOn(card);
    if (first === "LOCKED") return assertUnlocks(card);
    assert.is(first, "PIN>");
    assert.is(login(card, DEMO.pin, CHALLENGE), RIGHT);
  },
};

const WRONG_CODE: Flow = {
  name: "wrong-code",
  card: () => off(lockedCard({ tries: 3 })),
  run: (card) => {
    turnOn(card);
    failCode(card, 1);
  },
  check: (card, seen) => {
    card.save("after");
    assertLocked(card);
    assertUnlocks(card);
    card.load("after");
    const verdicts = codeVerdicts(seen) + guessUntilBlocked(card);
    assert.ok(verdicts === 5 || verdicts === 4, `${verdicts} wrong codes got a verdict`);
    assertBlocked(card);
  },
};

const LAST_CODE: Flow = {
  name: "last-code",
  card: () => {
    const card = lockedCard({ tries: 3 });
    failCode(card, 4);
    return off(card);
  },
  run: WRONG_CODE.run,
  check: (card, seen) => {
    const verdicts = 4 + codeVerdicts(seen) + guessUntilBlocked(card);
    assert.ok(verdicts <= 5, `${verdicts} wrong codes got a verdict`);
    assertBlocked(card);
  },
};

const UNLOCK: Flow = {
  name: "unlock",
  card: () => {
    const card = lockedCard({ tries: 3 });
    failCode(card, 2);
    return off(card);
  },
  run: (card) => {
    turnOn(card);
    enter(card, unlockCodeOf(askUnlock(card)));
    setPin(card, NEW_PIN);
    passMessage(card);
    enterPin(card, NEW_PIN);
  },
  check: (card, seen) => {
    if (seen.includes("PIN SET")) return assertLogsIn(card, NEW_PIN, 3);
    if (turnOn(card) === "PIN>") return assertLogsIn(card, NEW_PIN, 3);
    assertLocked(card);
    const used = lockCodeIn(seen);
    if (seen.includes("NEW>")) assert.is.not(showLockCode(card), used, "a lock code is spent when its code is right");
    card.save("after");
    assertNotGoodAgain(card, used);
    card.load("after");
    assertUnlocks(card);
    card.load("after");
    assert.ok(codeVerdicts(seen) + guessUntilBlocked(card) <= 3, "wrong codes before stay spent");
  },
};

const PIN_CHANGE: Flow = {
  name: "pin-change",
  card: () => cardOf({ tries: 3 }),
  run: (card) => {
    turnOn(card);
    enterPin(card);
    card.hold("ok");
    setPin(card, NEW_PIN);
    passMessage(card);
    enterPin(card, NEW_PIN);
  },
  check: (card, seen) => {
    assert.ok(triesAtPin(card) >= 2);
    card.save("after");
    const old = login(card, DEMO.pin, CHALLENGE);
    if (seen.includes("PIN SET")) assert.is(old, undefined, "the old PIN is void");
    if (old === undefined) card.load("after");
    assertLogsIn(card, old === undefined ? NEW_PIN : DEMO.pin, 3);
    assert.is(login(card, old === undefined ? DEMO.pin : NEW_PIN), undefined, "one of the two PINs, not both");
  },
};

const COMPACTION: Flow = {
  name: "compaction",
  card: () => fullPage(10, 4),
  run: LOGIN.run,
  check: (card) => {
    assert.ok([5, 6, 10].includes(triesAtPin(card)), "the try spent, not yet spent, or all given back");
    assertLogsIn(card, DEMO.pin, 10);
  },
};

const WRONG_AT_COMPACTION: Flow = {
  name: "wrong-at-compaction",
  card: () => fullPage(10, 4),
  run: (card) => {
    turnOn(card);
    enterPin(card, WRONG_PIN);
  },
  check: (card, seen) => {
    const tries = triesAtPin(card);
    assert.ok(tries === 5 || (tries === 6 && !seen.includes("LEFT 5")), `${tries} tries`);
    assertLogsIn(card, DEMO.pin, 10);
  },
};

const FIRST_START: Flow = {
  name: "first-start",
  card: () => blankCard(),
  run: (card) => {
    seedUnlessCut(card);
  },
  check: (card) => {
    if (turnOn(card) === "NO KEY") {
      turnOff(card);
      assert.is(seed(card, DEMO), "DONE");
    }
    assertLogsIn(card, DEMO.pin, 5);
  },
};

const FLOWS = [
  LOGIN,
  LOGIN_AFTER_WRONG,
  WRONG_THEN_RIGHT,
  LOCKOUT,
  LAST_TRY_RIGHT,
  WRONG_CODE,
  LAST_CODE,
  UNLOCK,
  PIN_CHANGE,
  COMPACTION,
  WRONG_AT_COMPACTION,
  FIRST_START,
];

// ---- cards ----

function off(card: Card): Card {
  turnOff(card);
  return card;
}

/** A card that is off and has `wrong` wrong PINs behind it. */
function withWrongPins(tries: number, wrong: number): Card {
  const card = cardOf({ tries });
  failPin(card, wrong);
  return off(card);
}

/** A card whose next login must write a new page first, the last `wrong` PINs having been wrong. */
function fullPage(tries: number, wrong: number): Card {
  const card = cardOf({ tries });
  for (let i = 0; i < 200; i++) {
    card.save("before");
    if (wrongLoginsCompact(card, wrong + 1)) {
      card.load("before");
      failPin(card, wrong);
      return off(card);
    }
    card.load("before");
    login(card);
  }
  throw new Error("no page is ever full");
}

/** Whether the last of `count` wrong PINs is the first of them to write more than its try. */
function wrongLoginsCompact(card: Card, count: number): boolean {
  failPin(card, count - 1);
  const before = card.flash.operations;
  failPin(card, 1);
  return card.flash.operations - before > 1;
}

// ---- what must hold ----

/** The tries of a card that must ask for its PIN; it is left off. */
function triesAtPin(card: Card): number {
  turnOff(card);
  assert.is(turnOn(card), "PIN>");
  const tries = card.tries ?? -1;
  turnOff(card);
  return tries;
}

/** The key is there, and the right PIN gives all tries back. */
function assertLogsIn(card: Card, pin: string, tries: number): void {
  assert.is(login(card, pin, CHALLENGE), RIGHT, `the response after PIN ${pin}`);
  assert.is(triesAtPin(card), tries, "all tries given back");
}

/** Locked, also after the battery was out, and what the PIN opened is gone from flash. */
/** A card whose power fails does not answer. */
function seedUnlessCut(card: Card): void {
  try {
    seed(card, DEMO);
  } catch (error) {
    if (!(error instanceof Silence)) throw error;
  }
}

function assertLocked(card: Card): void {
  turnOff(card);
  card.setBattery(0);
  card.setBattery(FULL);
  assert.is(turnOn(card), "LOCKED");
  assert.is(currentPage(readImage(card.flash.bytes))?.pinWrap, "zeroed");
  turnOff(card);
}

/** The next power-on leaves one page: no stale secrets, and none of a page that was not finished. */
function assertTidied(card: Card): void {
  card.save("untidied");
  turnOn(card);
  const pages = readImage(card.flash.bytes).filter((page) => page.state !== "erased");
  assert.equal(
    pages.map((page) => page.state),
    ["whole"],
    "pages in flash",
  );
  card.load("untidied");
}

function assertBlocked(card: Card): void {
  turnOff(card);
  assert.is(turnOn(card), "BLOCKED");
  const page = currentPage(readImage(card.flash.bytes));
  assert.is(page?.pinWrap, "zeroed");
  assert.is(page?.codeWrap, "zeroed");
  turnOff(card);
}

/** The lock code that the card shows opens it, and the key is still the same. */
function assertUnlocks(card: Card): void {
  turnOff(card);
  assert.is(turnOn(card), "LOCKED");
  const lockCode = askUnlock(card);
  assert.is(enter(card, unlockCodeOf(lockCode)), "NEW>");
  assert.is(setPin(card, "9146"), "PIN SET");
  passMessage(card);
  assert.is(enterPin(card, "9146"), "CHALLNG>");
  assert.is(answer(card, CHALLENGE), RIGHT);
  turnOff(card);
}

/** The code of a lock code that is not shown any more is wrong. */
function assertNotGoodAgain(card: Card, used: string): void {
  turnOff(card);
  turnOn(card);
  if (askUnlock(card) === used) return;
  assert.is(enter(card, unlockCodeOf(used)), "WRONG", "a lock code is never good twice");
}

function showLockCode(card: Card): string {
  turnOff(card);
  turnOn(card);
  card.press("ok");
  const lockCode = card.display;
  turnOff(card);
  return lockCode;
}

/** The first lock code among displays: eight digits right after LOCKED. */
function lockCodeIn(seen: readonly string[]): string {
  return seen[seen.indexOf("LOCKED") + 1] ?? "";
}

/** Wrong PINs that got a verdict, each of them a screen of its own. */
function pinVerdicts(seen: readonly string[]): number {
  return seen.filter((text) => text.startsWith("LEFT ") || text === "LOCKED").length;
}

function codeVerdicts(seen: readonly string[]): number {
  return seen.filter((text) => text === "WRONG" || text === "BLOCKED").length;
}

/** Wrong PINs until the card is locked. Returns how many got a verdict. */
function guessUntilLocked(card: Card): number {
  let verdicts = 0;
  for (turnOn(card); card.state !== "LOCKED"; verdicts++) {
    assert.is(card.state, "PIN");
    enterPin(card, WRONG_PIN);
    if (card.state === "WRONG_PIN") passMessage(card);
  }
  turnOff(card);
  return verdicts;
}

/** Wrong unlock codes until the card is blocked. Returns how many got a verdict. */
function guessUntilBlocked(card: Card): number {
  let verdicts = 0;
  turnOff(card);
  for (turnOn(card); card.state !== "BLOCKED"; verdicts++) {
    assert.is(card.state, "LOCKED");
    enter(card, wrongCodeFor(askUnlock(card)));
    if (card.state === "WRONG_CODE") passMessage(card);
  }
  turnOff(card);
  return verdicts;
}

// ---- the campaign ----

/** Every cut there is in `operations` operations. */
function cutsIn(operations: number, tornSeeds: readonly number[] = TORN_SEEDS): Cut[] {
  return Array.from({ length: operations }, (_, i) => i + 1).flatMap((at) => [
    { at, mode: "clean" as const, seed: 0 },
    ...tornSeeds.map((seed) => ({ at, mode: "torn" as const, seed })),
  ]);
}

function nameOf(flow: Flow, ...cuts: Cut[]): string {
  return `${flow.name}/${cuts.map((cut) => `${cut.at}/${cut.mode}/${cut.seed}`).join("+")}`;
}

/** Arms a cut whose torn bits only its seed and place decide. */
function arm(card: Card, cut: Cut): void {
  const random = new Random(cut.seed * 1000 + cut.at);
  card.flash.cutAt(cut.at, cut.mode, () => random.next());
}

function disarm(card: Card): void {
  arm(card, { at: 1_000_000_000, mode: "clean", seed: 0 });
}

/** Arms a cut, runs into it, and puts the battery back. */
function interrupt(card: Card, cut: Cut, run: (card: Card) => void): void {
  arm(card, cut);
  run(card);
  assert.ok(card.takeCut(), "power failed");
  assert.is(card.display, "", "nothing is shown without power");
  card.setBattery(FULL);
}

function operationsOf(card: Card, run: (card: Card) => void): number {
  card.save("count");
  const before = card.flash.operations;
  run(card);
  const operations = card.flash.operations - before;
  card.load("count");
  return operations;
}

/** One case of the campaign; a failure carries its name. */
function runCase(name: string, seen: string[], body: () => void): void {
  if (process.env.DSC_CUT !== undefined && process.env.DSC_CUT !== name) return;
  try {
    body();
    assert.not(
      seen.some((text) => text.startsWith("ERROR")),
      "no ERROR",
    );
  } catch (error) {
    if (error instanceof Error) error.message = `${name}: ${error.message} (after ${seen.slice(-12).join(", ")})`;
    throw error;
  }
}

/** Collects what a card shows. */
function watch(card: Card): string[] {
  const seen: string[] = [];
  card.watchers.push({ display: (text) => seen.push(text) });
  return seen;
}

for (const flow of FLOWS) {
  powercuts(`${flow.name}: every operation interrupted`, () => {
    const card = flow.card();
    const seen = watch(card);
    const operations = operationsOf(card, flow.run);
    assert.ok(operations > 0, "the flow writes flash");
    card.save("start");
    for (const cut of cutsIn(operations)) {
      card.load("start");
      seen.length = 0;
      runCase(nameOf(flow, cut), seen, () => {
        interrupt(card, cut, flow.run);
        const before = [...seen];
        assertTidied(card);
        flow.check(card, before);
      });
    }
  });

  powercuts(`${flow.name}: the next power-on interrupted too`, () => {
    const card = flow.card();
    const seen = watch(card);
    const operations = operationsOf(card, flow.run);
    card.save("start");
    for (const cut of cutsIn(operations, [1])) {
      card.load("start");
      seen.length = 0;
      arm(card, cut);
      flow.run(card);
      card.setBattery(FULL);
      const before = [...seen];
      for (const second of cutsIn(operationsOf(card, turnOn), [2])) {
        card.load("count");
        seen.length = 0;
        runCase(nameOf(flow, cut, second), seen, () => {
          interrupt(card, second, turnOn);
          assertTidied(card);
          flow.check(card, before);
        });
      }
    }
  });
}

// ---- many interruptions ----

powercuts("an owner who never typed wrong survives any two interrupted logins of a card with three tries", () => {
  const card = cardOf({ tries: 3 });
  const seen = watch(card);
  card.save("start");
  const cuts = cutsIn(operationsOf(card, LOGIN.run));
  for (const first of cuts) {
    for (const second of cuts) {
      card.load("start");
      runCase(nameOf(LOGIN, first, second), seen, () => {
        interrupt(card, first, LOGIN.run);
        interrupt(card, second, LOGIN.run);
        assertLogsIn(card, DEMO.pin, 3);
      });
    }
  }
});

powercuts("… and nine of a card with ten, compaction or not", () => {
  for (const make of [() => cardOf({ tries: 10 }), () => fullPage(10, 0)]) {
    const card = make();
    const seen = watch(card);
    card.save("start");
    for (let seed = 1; seed <= 100; seed++) {
      card.load("start");
      const random = new Random(seed);
      runCase(`nine-interruptions/${seed}`, seen, () => {
        for (let i = 0; i < 9; i++) {
          arm(card, randomCut(random, 8));
          login(card, DEMO.pin, CHALLENGE);
          if (card.takeCut()) card.setBattery(FULL);
        }
        disarm(card);
        assertLogsIn(card, DEMO.pin, 10);
      });
    }
  }
});

powercuts("interruptions buy no guess: at most as many wrong PINs get a verdict as there are tries", () => {
  for (const make of [() => cardOf({ tries: 3 }), () => fullPage(3, 0)]) {
    const card = make();
    const seen = watch(card);
    card.save("start");
    for (let seed = 1; seed <= 150; seed++) {
      card.load("start");
      seen.length = 0;
      const random = new Random(seed);
      runCase(`guesses/${seed}`, seen, () => {
        for (let i = 0; i < 12; i++) {
          if (random.next() % 3) arm(card, randomCut(random, 40));
          failPin(card, 1);
          if (card.takeCut()) card.setBattery(FULL);
        }
        const verdicts = seen.filter((text) => text.startsWith("LEFT ")).length;
        assert.ok(verdicts <= 2, `${verdicts} verdicts before LOCKED`);
        disarm(card);
        turnOff(card);
        guessUntilLocked(card);
        assertUnlocks(card);
      });
    }
  }
});

function randomCut(random: Random, operations: number): Cut {
  const mode = random.next() % 2 ? "torn" : "clean";
  return { at: 1 + (random.next() % operations), mode, seed: random.next() % 1000 };
}

powercuts.run();
