// Whole lives of cards: power fails repeatedly at random moments; or it never fails, and logins wear the flash.
//
// Here the cuts are armed in the card's own flash, and happen while it runs.

import { Card, FULL_BATTERY } from "../../../sim/core/card.js";
import { Flash, FlashMisuse, PAGES } from "../../../sim/core/flash.js";
import type { Random } from "../../../sim/core/random.js";
import { personalize } from "../../../sim/session/cardcommands.js";
import { enterPin, expected, failPin, login, setPin, turnOff, turnOn } from "../../support/cards.js";
import { fill } from "./flows.js";
import { Broken } from "./run.js";
import { recordOf } from "./situation.js";

const SEED = 6;
const CHALLENGE = "673854";
/** Slots for PINs on a page (docs/FLASH.md), and the number of logins between two changes of the PIN. */
const SLOTS = 74;
const CHANGE_EVERY = 500;
const PINS = ["7394", "9146"] as const;

export interface Life {
  readonly name: string;
  /** The card at the beginning. */
  readonly card: (module: WebAssembly.Module) => Card;
  /** Throws Broken if a promise is broken. */
  readonly live: (card: Card, random: Random) => void;
}

export const LIVES: readonly Life[] = [
  ...[3, 5, 10].flatMap((tries) => [false, true].map((full) => lifeOf("owner", tries, full, ownersLife))),
  ...[3, 10].flatMap((tries) => [false, true].map((full) => lifeOf("thief", tries, full, thiefsLife))),
];

function lifeOf(name: string, tries: number, full: boolean, live: (card: Card, random: Random, tries: number) => void) {
  return {
    name: `${name}-${tries}${full ? "-full" : ""}`,
    card: (module: WebAssembly.Module) => ownedCard(module, new Flash(), tries, full),
    live: (card: Card, random: Random) => live(card, random, tries),
  };
}

/** `full`: its page has no room left for a PIN. */
function ownedCard(module: WebAssembly.Module, flash: Flash, tries: number, full: boolean): Card {
  const card = new Card(module, { flash, seed: SEED });
  personalize(card, recordOf({ owner: "old", tries }));
  if (full) fill(card, 0);
  return card;
}

/** An owner who never makes a typing error, with fewer interruptions than tries. */
function ownersLife(card: Card, random: Random, tries: number): void {
  const { pin } = recordOf({ owner: "old", tries });
  for (let i = 1; i < tries; i++) {
    armSomewhere(card, random, 8);
    login(card, pin, CHALLENGE);
    if (card.takeCut()) card.setBattery(FULL_BATTERY);
  }
  disarm(card);
  if (login(card, pin, CHALLENGE) !== expected(CHALLENGE)) throw new Broken(`locked out by ${tries - 1} interruptions`);
  turnOn(card);
  if (card.tries !== tries) throw new Broken(`${card.tries} of ${tries} tries after the right PIN`);
}

/** An attacker enters wrong PINs and pulls power to save tries: no more PINs than tries may get a verdict. */
function thiefsLife(card: Card, random: Random, tries: number): void {
  let verdicts = 0;
  card.watchers.push({ display: (text) => (verdicts += text.startsWith("LEFT ") ? 1 : 0) });
  for (let i = 0; i < 3 * tries; i++) {
    if (random.next() % 3) armSomewhere(card, random, 40);
    failPin(card, 1);
    if (card.takeCut()) card.setBattery(FULL_BATTERY);
  }
  disarm(card);
  for (turnOff(card); turnOn(card) === "PIN>"; turnOff(card)) failPin(card, 1);
  if (verdicts >= tries) throw new Broken(`${verdicts} wrong PINs got a verdict before it was locked`);
  if (card.display !== "LOCKED") throw new Broken(`it shows ${card.display}, not LOCKED`);
}

/** A cut at one of the next operations. */
function armSomewhere(card: Card, random: Random, operations: number): void {
  card.cutAt(1 + (random.next() % operations), random.next() % 2 ? "torn" : "clean");
}

function disarm(card: Card): void {
  card.cutAt(Number.MAX_SAFE_INTEGER, "clean");
}

// ---- wear ----

/** A flash that requires even wear: the erase counts of its pages may differ by 1 at most. */
class FairFlash extends Flash {
  override erase(page: number): void {
    super.erase(page);
    if (Math.max(...this.erases) - Math.min(...this.erases) > 1) {
      throw new FlashMisuse(`erase of page ${page}: more than its share, of ${this.erases.join(", ")}`);
    }
  }
}

/** Logs in `logins` times, with a new PIN now and then. Returns the highest erase count of a page. */
export function wear(module: WebAssembly.Module, logins: number): number {
  const flash = new FairFlash();
  const card = ownedCard(module, flash, 3, false);
  let { pin } = recordOf({ owner: "old", tries: 3 });
  for (let i = 1; i <= logins; i++) {
    if (login(card, pin) === undefined) throw new Broken(`login ${i} failed`);
    if (i % CHANGE_EVERY === 0) pin = changePin(card, pin);
  }
  const most = Math.max(...flash.erases);
  // The last pages that were not full are those of a new PIN; personalization takes two more.
  const share = Math.ceil((logins / SLOTS + 2 * (logins / CHANGE_EVERY) + 2) / PAGES) + 1;
  if (most > share) throw new Broken(`a page was erased ${most} times, not ${share} at most`);
  return most;
}

function changePin(card: Card, pin: string): string {
  const fresh = pin === PINS[0] ? PINS[1] : PINS[0];
  turnOn(card);
  enterPin(card, pin);
  card.hold("ok");
  if (setPin(card, fresh) !== "PIN SET") throw new Broken(`a new PIN ends in ${card.display}`);
  turnOff(card);
  return fresh;
}
