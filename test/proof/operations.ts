// The operations that write flash, but for the PIN check (pincheck.ts): what each may do beyond operation.ts, and how it
// is started.

import { ERASED } from "./host.js";
import { AT, LEAST_TRIES, MOST_TRIES, neverStarted, PAGES } from "./invariant.js";
import type { State } from "./machine.js";
import { Operation, type Taken, Told } from "./operation.js";
import { PinCheck } from "./pincheck.js";
import { TRIES_AT } from "./record.js";
import { addInvariant, type Begins, type Case, IMAGE_WORDS, pageWords, type Setting } from "./setting.js";
import { CODE, GIVEN, PIN, type Tally } from "./spec.js";
import { BOOL, type Value } from "./terms.js";

/** Where the owner's digits lie, or a command. */
const INPUT = 0xf00;

/** After power-on: a locking or blocking that power interrupted is finished. */
class FirstState extends Operation {
  readonly name = "card/firstState";
}

/** A new PIN. It needs open secrets, which only a right PIN, a right unlock code or a personalization leaves. */
class SetPin extends Operation {
  readonly name = "pin/set";
  override readonly args = [INPUT];

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

/** PUT KEY. */
class PutKey extends Operation {
  readonly name = "transportkeys/replace";
  override readonly args: readonly Value[];

  constructor(setting: Setting, taken: Taken, length: number) {
    super(setting, taken);
    this.args = [INPUT, length, INPUT];
  }
}

/** Power-on: memory is unknown. */
class Mount extends Operation {
  readonly name = "pages/mount";

  constructor(setting: Setting, taken: Taken) {
    super(setting, taken);
    const { start, terms, firmware } = setting;
    const { image, current } = firmware.layout;
    for (let i = 0; i < IMAGE_WORDS; i++) start.memory.set(image / 4 + i, terms.variable(`image${i}`));
    start.memory.set(current / 4, terms.variable("current"));
  }

  /** If it did not succeed, the card shows ERROR or turns off, and only another power-on follows. */
  protected override ended(end: State): void {
    if (end.top() === Told.DONE) this.agrees(end);
  }
}

/** The first power-on: it counts as an operation on the last page, which is not one. */
class FirstStart extends Mount {
  protected override sequence(): Value {
    return 0;
  }

  /** Until the first page was committed, the next power-on is a first start again. */
  protected override judge(when: string, state: State, page = this.current(state)): void {
    const { goals, setting } = { goals: this.setting.goals, setting: this.setting };
    if (page === this.next) return addInvariant(setting, when, state, page);
    for (const { name, holds } of neverStarted(setting.view(state.flash)))
      goals.add(`never started ${when}: ${name}`, state, holds);
  }
}

/** The unlock code. */
class UnlockCheck extends Operation {
  readonly name = "unlock/check";
  override readonly args = [INPUT];

  constructor(setting: Setting, taken: Taken) {
    super(setting, taken);
    unknownResponse(setting);
  }

  /** P5: after a right code, the page that counts has another lock code, and no other page is left. */
  protected override ended(end: State): void {
    super.ended(end);
    if (end.top() !== Told.DONE) return;
    const { goals, terms, before } = this.setting;
    const page = this.current(end);
    const view = this.setting.view(end.flash);
    const isOther = terms.not(terms.eq(view.word(page, AT.LOCK_CODE), before.word(this.page, AT.LOCK_CODE)));
    goals.add("P5: a right code is followed by another lock code", end, isOther);
    for (const other of [0, 1, 2, 3].filter((each) => each !== page)) {
      const isErased = pageWords(other).every((index) => end.flash.get(index) === ERASED);
      goals.add("P5: no page with the old lock code is left", end, isErased);
    }
  }
}

/** OCRA writes at addresses that depend on digits. It is assumed that it writes none of these, and nothing else is known. */
function unknownResponse(setting: Setting): void {
  const { hooks, firmware, terms } = setting;
  const { image, current, slot, secrets, command } = firmware.layout;
  const kept = new Set<number>([current / 4, slot / 4]);
  for (let i = 0; i < IMAGE_WORDS; i++) kept.add(image / 4 + i);
  for (let i = 0; i < SECRETS_SIZE / 4; i++) kept.add(secrets / 4 + i);
  for (let i = 0; i < COMMAND_WORDS; i++) kept.add(command / 4 + i);
  for (const index of firmware.constants.keys()) kept.add(index);
  hooks.set(firmware.index("crypto/ocra/respond"), (_machine, state) => {
    for (let i = 0; i < state.memory.length; i++) if (!kept.has(i)) state.memory.set(i, terms.fresh("ocra"));
    return [state];
  });
}
const SECRETS_SIZE = 100;
const COMMAND_WORDS = 8;

/** A command that came through an open channel. */
class Command extends Operation {
  readonly name = "apdu/secured";

  constructor(setting: Setting, taken: Taken, { ins, p1, p2, length }: Header) {
    super(setting, taken);
    const { start, firmware, terms, hooks } = setting;
    const words = [terms.fresh("cla"), ins, p1, p2, length + MAC_SIZE, INPUT - HEADER_SIZE, INPUT, 0];
    for (const [i, word] of words.entries()) start.memory.set(firmware.layout.command / 4 + i, word);
    hooks.set(firmware.index("scp03/unwrap"), (_machine, state) => {
      const [refused, accepted] = [state.copy(), state];
      const isRight = terms.fresh("mac", BOOL);
      refused.path = [...refused.path, terms.not(isRight)];
      refused.stack.push(0);
      accepted.path = [...accepted.path, isRight];
      accepted.stack.push(UNWRAPPED + length);
      return [refused, accepted];
    });
  }
}

/** A record: the keys of a card are new, and so are its tries. */
class StoreData extends Command {
  constructor(setting: Setting, taken: Taken, header: Header) {
    super(setting, taken, header);
    unknownResponse(setting);
    const { hooks, firmware, terms } = setting;
    hooks.set(firmware.index("personalization/isValid"), (machine, state) => {
      const tries = machine.loadByte(state, INPUT + TRIES_AT);
      const number = terms.word([tries, 0, 0, 0]);
      const isValid = terms.fresh("valid", BOOL);
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

  protected override mayGiveBack(): Value {
    return true;
  }

  protected override maySeal(): Value {
    return true;
  }
}

/** The test of flash at the bench: it programs and erases the other pages, programmed or not. */
class FlashTest extends Command {
  protected override readonly isFree = true;
}

interface Header {
  readonly ins: number;
  readonly p1: number;
  readonly p2: number;
  /** Bytes of data, without the MAC. */
  readonly length: number;
}
const HEADER_SIZE = 5;
const MAC_SIZE = 8;
const UNWRAPPED = 0x5a00;

/** The data of a record (firmware/wire.ts, RecordAt). */
const RECORD_SIZE = 161;
enum Ins {
  SELF_TEST = 0x10,
  STORE_DATA = 0xe2,
  SET_STATUS = 0xf0,
}
const WIPED: Header = { ins: Ins.SET_STATUS, p1: 0x80, p2: 0x01, length: 0 };
const PERSONALIZED: Header = { ins: Ins.SET_STATUS, p1: 0x80, p2: 0x0f, length: 0 };
const STORE_DATA: Header = { ins: Ins.STORE_DATA, p1: 0xe0, p2: 0x00, length: RECORD_SIZE };
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
}

function kind(make: Make, takes: readonly Taken[] = [1, 2], splits: Kind["splits"] = [{}]): Kind {
  return { make, takes, splits, begins: "on", pages: [0, 1, 2, 3] };
}

const freePins = Array.from({ length: PIN.slots }, (_, freePin) => ({ freePin }));
const freeCodes = Array.from({ length: CODE.slots + 1 }, (_, freeCode) => ({ freeCode }));

export const OPERATIONS: Readonly<Record<string, Kind>> = {
  pin: kind((setting) => new PinCheck(setting), [1], freePins),
  "pin-full": kind((setting, taken) => new PinCheck(setting, taken), [1, 2], [{ freePin: PIN.slots }]),
  "set-pin": kind((setting, taken) => new SetPin(setting, taken)),
  unlock: kind((setting, taken) => new UnlockCheck(setting, taken), [1, 2], freeCodes),
  "first-state": kind((setting) => new FirstState(setting), [1]),
  "put-key": kind((setting, taken) => new PutKey(setting, taken, 67)),
  record: kind((setting, taken) => new StoreData(setting, taken, STORE_DATA)),
  personalized: kind((setting, taken) => new Command(setting, taken, PERSONALIZED)),
  wipe: kind((setting, taken) => new Command(setting, taken, WIPED)),
  "flash-test": kind((setting) => new FlashTest(setting, 1, FLASH_TEST), [1]),
  mount: { ...kind((setting, taken) => new Mount(setting, taken)), begins: "power-on" },
  // Whether the first check value looks erased is assumed (proof.ts).
  "first-start": {
    ...kind((setting, taken) => new FirstStart(setting, taken), [1]),
    begins: "never started",
    pages: [PAGES - 1],
  },
};
