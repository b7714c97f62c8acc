// The operations that write flash, as a table: how each is started, how it is split into cases, and what it must reach.

import {
  CardId,
  Command,
  FLASH_TEST,
  FlashTest,
  PERSONALIZED,
  PlainTest,
  PUT_KEY,
  padded,
  REFUSED,
  STORE_DATA,
  StoreData,
  WIPED,
  Wipe,
} from "./commands.js";
import { PAGES } from "./invariant.js";
import { OpenUnchecked, PinCheck, SetPin, UnlockCheck } from "./onetry.js";
import { type Operation, SUCCESS, type Taken, Told } from "./operation.js";
import { FirstStart, FirstState, Mount } from "./poweron.js";
import type { Begins, Case, Setting } from "./setting.js";
import { CODE, PIN } from "./spec.js";

type Make = (setting: Setting, taken: Taken) => Operation;

/** An operation; which slots it is split by, and which sequence numbers it may take. */
export interface Kind {
  readonly begins: Begins;
  /** The pages that may count when it begins. */
  readonly pages: readonly number[];
  readonly make: Make;
  readonly takes: readonly Taken[];
  readonly splits: readonly Omit<Case, "page">[];
  /** Results of which each must be the end of some path. */
  readonly ends: readonly number[];
  /** Paths of a piece that cannot be taken: only a fault of the chip leads there, or two branches contradict each other. */
  readonly impossible: readonly string[];
}

/** The results of a try. */
const TRIED = [Told.DONE, Told.WRONG, Told.LAST, Told.BATTERY];
/** What only a fault of the chip leads to: a try that was neither right nor wrong, and a page that reads back otherwise. */
const NEITHER = [`it ends with ${Told.DONE} or ${Told.WRONG}`, "P5: a right code is followed by another lock code"];
const UNREAD = [`it ends with ${0x6581}`];
/** The length of data that is not encrypted, and then a level at which it is. */
const CONTRADICTIONS = [`it ends with ${0x6a86}`, `it ends with ${0x6700}`];
/** States of the card (firmware/state.ts). */
const LOCKED = 13;
const BLOCKED = 17;

function kind(make: Make, ends: readonly number[], more: Partial<Kind> = {}): Kind {
  return { make, ends, takes: [1, 2], splits: [{}], begins: "on", pages: [0, 1, 2, 3], impossible: [], ...more };
}

const freePins = Array.from({ length: PIN.slots }, (_, freePin) => ({ freePin }));
const freeCodes = Array.from({ length: CODE.slots + 1 }, (_, freeCode) => ({ freeCode }));

export const OPERATIONS: Readonly<Record<string, Kind>> = {
  pin: kind((setting) => new PinCheck(setting), TRIED, { takes: [1], splits: freePins, impossible: NEITHER }),
  "pin-full": kind((setting, taken) => new PinCheck(setting, taken), TRIED, {
    splits: [{ freePin: PIN.slots }],
    impossible: NEITHER,
  }),
  "set-pin": kind((setting, taken) => new SetPin(setting, taken), [Told.DONE]),
  unlock: kind((setting, taken) => new UnlockCheck(setting, taken), TRIED, { splits: freeCodes, impossible: NEITHER }),
  "first-state": kind((setting) => new FirstState(setting), [LOCKED, BLOCKED], { takes: [1] }),
  "put-key": kind((setting, taken) => new Command(setting, taken, PUT_KEY), [SUCCESS], {
    impossible: [...UNREAD, ...CONTRADICTIONS],
  }),
  record: kind((setting, taken) => new StoreData(setting, taken, STORE_DATA), [SUCCESS]),
  personalized: kind((setting, taken) => new Command(setting, taken, PERSONALIZED), [SUCCESS]),
  wipe: kind((setting, taken) => new Wipe(setting, taken, WIPED), [SUCCESS], { impossible: UNREAD }),
  unchecked: kind((setting) => new OpenUnchecked(setting, 1), [Told.DONE, Told.FLASH], { takes: [1] }),
  "card-id": kind((setting) => new CardId(setting, 1), [SUCCESS], { takes: [1] }),
  ...Object.fromEntries(
    REFUSED.map(
      ([name, make]) =>
        [name, kind((setting) => make(setting, 1), [], { takes: [1], impossible: CONTRADICTIONS })] as const,
    ),
  ),
  "flash-test": kind((setting) => new FlashTest(setting, 1, FLASH_TEST), [SUCCESS], { takes: [1] }),
  "personalized-padded": kind((setting, taken) => new Command(setting, taken, padded(PERSONALIZED)), [SUCCESS], {
    impossible: CONTRADICTIONS,
  }),
  "wipe-padded": kind((setting, taken) => new Wipe(setting, taken, padded(WIPED)), [SUCCESS], {
    impossible: [...UNREAD, ...CONTRADICTIONS],
  }),
  "flash-test-padded": kind((setting) => new FlashTest(setting, 1, padded(FLASH_TEST)), [SUCCESS], { takes: [1] }),
  "flash-test-plain": kind((setting) => new PlainTest(setting, 1, FLASH_TEST), [], { takes: [1] }),
  mount: kind((setting, taken) => new Mount(setting, taken), [Told.DONE], {
    begins: "power-on",
    impossible: [`it ends with ${Told.FLASH}`],
  }),
  // Whether the first check value looks erased is assumed (proof.ts).
  "first-start": kind((setting, taken) => new FirstStart(setting, taken), [Told.DONE], {
    takes: [1],
    begins: "never started",
    pages: [PAGES - 1],
  }),
};
