// The operations that write flash, but for tries (onetry.ts): what each may do beyond operation.ts, and how it
// is started.

import { ERASED, type Operation as FlashOperation } from "./host.js";
import { AT, LEAST_TRIES, Life, MOST_TRIES, neverStarted, PAGES, SIZE } from "./invariant.js";
import type { Hook, State } from "./machine.js";
import { PinCheck, UnlockCheck } from "./onetry.js";
import { Operation, SUCCESS, type Taken, Told } from "./operation.js";
import { TRIES_AT } from "./record.js";
import { addInvariant, type Begins, type Case, IMAGE_WORDS, pageWords, type Setting } from "./setting.js";
import { CODE, GIVEN, PIN, type Tally } from "./spec.js";
import { BOOL, type Value } from "./terms.js";

/** The results of a try. */
const TRIED = [Told.DONE, Told.WRONG, Told.LAST, Told.BATTERY];
/** After power-on: a locking or blocking that power interrupted is finished. */
class FirstState extends Operation {
  readonly name = "card/firstState";
}

/** A new PIN. It needs open secrets, which only a right PIN, a right unlock code or a personalization leaves. */
class SetPin extends Operation {
  readonly name = "pin/set";
  override readonly args: readonly Value[];

  constructor(setting: Setting, taken: Taken) {
    super(setting, taken);
    this.args = [setting.firmware.layout.digits];
  }

  protected override mayGiveBack(_tally: Tally, _state: State): Value {
    return this.#isOpen();
  }

  protected override maySeal(): Value {
    return this.#isOpen();
  }

  #isOpen(): Value {
    const { terms, start, firmware } = this.setting;
    return terms.eq(start.memory.get(firmware.layout.receipt / 4), GIVEN);
  }
}

/** Power-on: memory is unknown. */
class Mount extends Operation {
  readonly name = "pages/mount";
  protected override readonly wipes = true;

  constructor(setting: Setting, taken: Taken) {
    super(setting, taken);
    const { start, terms, firmware } = setting;
    const { image, current } = firmware.layout;
    for (let i = 0; i < IMAGE_WORDS; i++) start.memory.set(image / 4 + i, terms.variable(`image${i}`));
    start.memory.set(current / 4, terms.variable("current"));
    knowBlankRoots(setting);
  }

  /** A page that is committed here ends a wipe. */
  protected override operating(operation: FlashOperation): void {
    if (operation.kind !== "program" || !this.commits(operation)) return;
    addNoRootOfBefore(this.setting, operation, this.next);
    addIsWiped(this.setting, operation, this.next);
  }

  /** If it did not succeed, the card shows ERROR or turns off, and only another power-on follows. */
  protected override ended(end: State): void {
    const done = this.whereDone(end);
    if (done) this.agrees(done);
  }
}

/** The first power-on: it counts as an operation on the last page, which is not one. */
class FirstStart extends Mount {
  protected override sequence(): Value {
    return 0;
  }

  protected override operating(operation: FlashOperation): void {
    if (operation.kind === "program" && this.commits(operation)) addIsWiped(this.setting, operation, this.next);
  }

  /** Until the first page was committed, the next power-on is a first start again. */
  protected override judge(when: string, state: State, page = this.current(state)): void {
    const { goals, setting } = { goals: this.setting.goals, setting: this.setting };
    if (page === this.next) return addInvariant(setting, when, state, page);
    for (const { name, holds } of neverStarted(setting.view(state.flash)))
      goals.add(`never started ${when}: ${name}`, state, holds);
  }
}

/** A command that came through an open channel. */
class Command extends Operation {
  readonly name: string = "apdu/secured";

  constructor(setting: Setting, taken: Taken, { ins, p1, p2, length }: Header) {
    super(setting, taken);
    const { start, firmware, terms } = setting;
    const words = [
      terms.fresh("cla"),
      ins,
      p1 ?? terms.fresh("p1"),
      p2,
      length + MAC_SIZE,
      firmware.layout.apdu,
      firmware.layout.apdu + HEADER_SIZE,
      0,
    ];
    for (const [i, word] of words.entries()) start.memory.set(firmware.layout.command / 4 + i, word);
  }
}

/** A record: the keys of a card are new, and so are its tries. */
class StoreData extends Command {
  #isValid: Value = false;

  constructor(setting: Setting, taken: Taken, header: Header) {
    super(setting, taken, header);
    const { hooks, firmware, terms, effects } = setting;
    const data = firmware.layout.apdu + HEADER_SIZE;
    const written = effects.of("personalization/isValid", [data]);
    hooks.set(firmware.index("personalization/isValid"), (machine, state) => {
      for (const index of written) state.memory.set(index, terms.fresh("parsed"));
      const tries = machine.loadByte(state, data + TRIES_AT);
      const number = terms.word([tries, 0, 0, 0]);
      const isValid = terms.fresh("valid", BOOL);
      this.#isValid = isValid;
      const refused = state.copy();
      refused.path = [...refused.path, terms.not(isValid)];
      refused.stack.push(0);
      state.path = [
        ...state.path,
        isValid,
        terms.not(terms.ult(number, LEAST_TRIES)),
        terms.ult(number, MOST_TRIES + 1),
      ];
      state.stack.push(1);
      return [refused, state];
    });
  }

  /** Only the page that the record made. */
  protected override mayGiveBack(_tally: Tally, _state: State, page: number): Value {
    return page === this.next && this.#isValid;
  }

  protected override maySeal(_at: number, _state: State, page: number): Value {
    return page === this.next && this.#isValid;
  }
}

/** A wipe. */
class Wipe extends Command {
  protected override readonly wipes = true;

  constructor(setting: Setting, taken: Taken) {
    super(setting, taken, WIPED);
    knowBlankRoots(setting);
  }

  protected override operating(operation: FlashOperation): void {
    if (operation.kind === "erase" || this.commits(operation))
      addNoRootOfBefore(this.setting, operation, this.isNew(operation) ? this.next : undefined);
    if (operation.kind === "program" && this.commits(operation)) addIsWiped(this.setting, operation, this.next);
  }
}

/** P2: where a wipe commits, and from its first erase on, no page but the new one holds a root. */
function addNoRootOfBefore({ goals, terms }: Setting, { state }: FlashOperation, made: number | undefined): void {
  for (const page of [0, 1, 2, 3].filter((each) => each !== made))
    for (const index of rootWords(page)) {
      const word = state.flash.get(index);
      const isGone = terms.or(terms.eq(word, 0), terms.eq(word, ERASED));
      goals.add("P2, in a wipe: no page holds a root of before", state, isGone);
    }
}

/** P2: the page that a wipe commits is blank: it has no wraps, and a root that was drawn for it. */
function addIsWiped(setting: Setting, { state }: FlashOperation, page: number): void {
  const { goals, terms, drawn } = setting;
  const view = setting.view(state.flash);
  const root = drawn.slice(-SIZE.ROOT);
  goals.add("P2, in a wipe: the new page is blank", state, terms.eq(view.byte(page, AT.LIFE), Life.BLANK));
  for (const at of [AT.PIN_WRAP, AT.CODE_WRAP])
    goals.add("P2, in a wipe: the new page has no wrap", state, view.isZero(page, at, SIZE.WRAP + 4));
  for (let i = 0; i < SIZE.ROOT; i += 4) {
    const isDrawn =
      root.length === SIZE.ROOT && terms.eq(view.word(page, AT.ROOT + i), terms.word(root.slice(i, i + 4)));
    goals.add("P2, in a wipe: the new page has the root that was drawn", state, isDrawn);
  }
}

/** A page that was found blank holds no root: what is known of the words of its root says so from there on. */
function knowBlankRoots({ hooks, firmware, terms }: Setting): void {
  const isBlank = firmware.index("flash/isBlank");
  const original = hooks.get(isBlank) as Hook;
  hooks.set(isBlank, (machine, state, args) => {
    const states = original(machine, state, args);
    for (const each of states) {
      const blank = terms.not(terms.eq(each.top(), 0));
      for (const index of rootWords(args[0] as number))
        each.flash.set(index, terms.ite(blank, ERASED, each.flash.get(index)));
    }
    return states;
  });
}

/** The numbers of the words of a page's root, with its check value. */
function rootWords(page: number): readonly number[] {
  return pageWords(page).slice(AT.ROOT / 4, AT.ROOT / 4 + SIZE.ROOT / 4 + 1);
}

/** The same command outside a channel: it writes nothing. */
class PlainTest extends Command {
  override readonly name: string = "apdu/plain";

  protected override operating({ state }: FlashOperation): void {
    this.setting.goals.add("outside a channel nothing is written", state, false);
  }
}

/** The test of flash at the bench: it programs and erases the other pages, programmed or not. */
class FlashTest extends Command {
  protected override readonly isFree = true;
}

interface Header {
  readonly ins: number;
  /** Without it: any. */
  readonly p1?: number;
  readonly p2: number;
  /** Bytes of data as they are sent: padded, without the MAC. */
  readonly length: number;
}
const HEADER_SIZE = 5;
const MAC_SIZE = 8;

/** The data of a record (firmware/wire.ts, RecordAt), padded. */
const RECORD_SIZE = 176;
enum Ins {
  SELF_TEST = 0x10,
  PUT_KEY = 0xd8,
  STORE_DATA = 0xe2,
  SET_STATUS = 0xf0,
}
const WIPED: Header = { ins: Ins.SET_STATUS, p1: 0x80, p2: 0x01, length: 0 };
const PERSONALIZED: Header = { ins: Ins.SET_STATUS, p1: 0x80, p2: 0x0f, length: 0 };
const STORE_DATA: Header = { ins: Ins.STORE_DATA, p1: 0xe0, p2: 0x00, length: RECORD_SIZE };
/** Both encodings, of 67 and of 70 bytes, are as long as this when they are padded. */
const PUT_KEY: Header = { ins: Ins.PUT_KEY, p2: 0x81, length: 80 };
const FLASH_TEST: Header = { ins: Ins.SELF_TEST, p1: 0x04, p2: 0x00, length: 0 };

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
  readonly impossible: number;
}

/** States of the card (firmware/state.ts). */
const LOCKED = 13;
const BLOCKED = 17;

function kind(make: Make, ends: readonly number[], more: Partial<Kind> = {}): Kind {
  return { make, ends, takes: [1, 2], splits: [{}], begins: "on", pages: [0, 1, 2, 3], impossible: 0, ...more };
}

const freePins = Array.from({ length: PIN.slots }, (_, freePin) => ({ freePin }));
const freeCodes = Array.from({ length: CODE.slots + 1 }, (_, freeCode) => ({ freeCode }));

export const OPERATIONS: Readonly<Record<string, Kind>> = {
  pin: kind((setting) => new PinCheck(setting), TRIED, { takes: [1], splits: freePins, impossible: 1 }),
  "pin-full": kind((setting, taken) => new PinCheck(setting, taken), TRIED, {
    splits: [{ freePin: PIN.slots }],
    impossible: 1,
  }),
  "set-pin": kind((setting, taken) => new SetPin(setting, taken), [Told.DONE]),
  unlock: kind((setting, taken) => new UnlockCheck(setting, taken), TRIED, { splits: freeCodes, impossible: 1 }),
  "first-state": kind((setting) => new FirstState(setting), [LOCKED, BLOCKED], { takes: [1] }),
  "put-key": kind((setting, taken) => new Command(setting, taken, PUT_KEY), [SUCCESS], { impossible: 3 }),
  record: kind((setting, taken) => new StoreData(setting, taken, STORE_DATA), [SUCCESS]),
  personalized: kind((setting, taken) => new Command(setting, taken, PERSONALIZED), [SUCCESS]),
  wipe: kind((setting, taken) => new Wipe(setting, taken), [SUCCESS], { impossible: 1 }),
  "flash-test": kind((setting) => new FlashTest(setting, 1, FLASH_TEST), [SUCCESS], { takes: [1] }),
  "flash-test-plain": kind((setting) => new PlainTest(setting, 1, FLASH_TEST), [], { takes: [1] }),
  mount: kind((setting, taken) => new Mount(setting, taken), [Told.DONE], { begins: "power-on", impossible: 1 }),
  // Whether the first check value looks erased is assumed (proof.ts).
  "first-start": kind((setting, taken) => new FirstStart(setting, taken), [Told.DONE], {
    takes: [1],
    begins: "never started",
    pages: [PAGES - 1],
  }),
};
