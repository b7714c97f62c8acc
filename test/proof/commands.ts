// Commands that write flash, from the check of their MAC on: PUT KEY, STORE DATA, SET STATUS, and the test of flash.

import type { Operation as FlashOperation } from "./host.js";
import { LEAST_TRIES, MOST_TRIES } from "./invariant.js";
import { ExecutionError, type State } from "./machine.js";
import { Operation, type Taken } from "./operation.js";
import { TRIES_AT } from "./record.js";
import type { Setting } from "./setting.js";
import type { Tally } from "./spec.js";
import { BOOL, type Value } from "./terms.js";
import { addIsWiped, addNoRootOfBefore, knowBlankRoots } from "./wiping.js";

/** A command that came through an open channel. */
export class Command extends Operation {
  readonly name: string = "apdu/secured";

  constructor(setting: Setting, taken: Taken, { ins, p1, p2, length }: Header) {
    super(setting, taken);
    const { start, firmware, terms } = setting;
    const words = [
      terms.fresh("cla"),
      ins,
      p1 ?? terms.fresh("p1"),
      p2 ?? terms.fresh("p2"),
      length + MAC_SIZE,
      firmware.layout.apdu,
      firmware.layout.apdu + HEADER_SIZE,
      0,
    ];
    for (const [i, word] of words.entries()) start.memory.set(firmware.layout.command / 4 + i, word);
  }
}

/** A record: the keys of a card are new, and so are its tries. */
export class StoreData extends Command {
  #isValid: Value = false;

  constructor(setting: Setting, taken: Taken, header: Header) {
    super(setting, taken, header);
    const { hooks, firmware, terms, effects } = setting;
    const data = firmware.layout.apdu + HEADER_SIZE;
    const written = effects.of("personalization/isValid", [data]);
    if (written.some((index) => index * 4 + 4 > data && index * 4 < data + RECORD_SIZE))
      throw new ExecutionError("the check of a record changes it");
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
export class Wipe extends Command {
  protected override readonly wipes = true;

  constructor(setting: Setting, taken: Taken, header: Header) {
    super(setting, taken, header);
    knowBlankRoots(setting);
  }

  protected override operating(operation: FlashOperation): void {
    if (operation.kind === "erase" || this.commits(operation))
      addNoRootOfBefore(this.setting, operation, this.isNew(operation) ? this.next : undefined);
    if (operation.kind === "program" && this.commits(operation)) addIsWiped(this.setting, operation, this.next);
  }
}

/** The test of flash at the bench: it programs and erases the other pages, programmed or not. */
export class FlashTest extends Command {
  protected override readonly isFree = true;
}

/** A command that is refused: it writes nothing. */
class Refused extends Command {
  constructor(setting: Setting, taken: Taken, header: Header, not: readonly Not[] = []) {
    super(setting, taken, header);
    const { start, firmware, terms } = setting;
    for (const { at, values } of not) {
      const word = start.memory.get(firmware.layout.command / 4 + at);
      for (const value of values) terms.assume(terms.not(terms.eq(word, value)));
    }
  }

  protected override operating({ state }: FlashOperation): void {
    this.setting.goals.add("a command that is refused writes nothing", state, false);
  }
}

/** A word of the command, and what it is not. */
interface Not {
  readonly at: number;
  readonly values: readonly number[];
}
/** Words of the command (firmware/commands.ts). */
const P1 = 2;
const P2 = 3;

/** The same command outside a channel: it writes nothing. */
export class PlainTest extends Refused {
  override readonly name: string = "apdu/plain";
}

/** GET DATA of the card's id: a value that is derived of the root, but of nothing that was entered. */
export class CardId extends Refused {
  override readonly name: string = "apdu/plain";

  constructor(setting: Setting, taken: Taken) {
    super(setting, taken, { ins: Ins.GET_DATA, p1: 0xdf, p2: 0x24, length: -MAC_SIZE });
    this.watch("crypto/kdf/derive", (state, [, use, , length]) => {
      setting.goals.add(
        "P1: the card's id is derived from nothing that was entered",
        state,
        use === USE_ID && length === 0,
      );
    });
  }
}

export interface Header {
  readonly ins: number;
  /** Without it: any. */
  readonly p1?: number;
  readonly p2?: number;
  /** Bytes of data as they are sent: padded, without the MAC. */
  readonly length: number;
}
const HEADER_SIZE = 5;
const MAC_SIZE = 8;
const BLOCK = 16;
/** A command has at most 255 bytes of data, with its MAC. */
const MOST_BLOCKS = 15;

/** The data of a record (firmware/wire.ts, RecordAt), padded. */
const RECORD_SIZE = 176;
enum Ins {
  SELF_TEST = 0x10,
  GET_DATA = 0xca,
  PUT_KEY = 0xd8,
  STORE_DATA = 0xe2,
  SET_STATUS = 0xf0,
}
export const WIPED: Header = { ins: Ins.SET_STATUS, p1: 0x80, p2: 0x01, length: 0 };
export const PERSONALIZED: Header = { ins: Ins.SET_STATUS, p1: 0x80, p2: 0x0f, length: 0 };
export const STORE_DATA: Header = { ins: Ins.STORE_DATA, p1: 0xe0, p2: 0x00, length: RECORD_SIZE };
/** Both encodings, of 67 and of 70 bytes, are as long as this when they are padded. */
export const PUT_KEY: Header = { ins: Ins.PUT_KEY, p2: 0x81, length: 80 };
export const FLASH_TEST: Header = { ins: Ins.SELF_TEST, p1: 0x04, p2: 0x00, length: 0 };
/** The same command with no data, encrypted: a block of padding. */
export function padded(header: Header): Header {
  return { ...header, length: BLOCK };
}

/** What the card's id is derived for (docs/FLASH.md). */
const USE_ID = 0x84;

type MakeRefused = (setting: Setting, taken: Taken) => Operation;

function refused(header: Header, ...not: readonly Not[]): MakeRefused {
  return (setting, taken) => new Refused(setting, taken, header, not);
}

/** Commands that write flash, with other parameters, and with data of other lengths. */
export const REFUSED: readonly (readonly [name: string, make: MakeRefused])[] = [
  ["status-p1", refused({ ins: Ins.SET_STATUS, length: 0 }, { at: P1, values: [0x80] })],
  ["status-p2", refused({ ins: Ins.SET_STATUS, length: 0 }, { at: P2, values: [0x01, 0x0f] })],
  ["record-p1", refused({ ins: Ins.STORE_DATA, length: RECORD_SIZE }, { at: P1, values: [0xe0] })],
  ["record-p2", refused({ ins: Ins.STORE_DATA, length: RECORD_SIZE }, { at: P2, values: [0] })],
  ["put-key-p2", refused({ ins: Ins.PUT_KEY, length: 80 }, { at: P2, values: [0x81] })],
  ["flash-test-p2", refused({ ins: Ins.SELF_TEST, p1: 0x04, length: 0 }, { at: P2, values: [0] })],
  ...lengths(Ins.SET_STATUS, "status", [0, BLOCK]),
  ...lengths(Ins.STORE_DATA, "record", [RECORD_SIZE]),
  ...lengths(Ins.PUT_KEY, "put-key", [PUT_KEY.length]),
  ...lengths(Ins.SELF_TEST, "flash-test", [0, BLOCK]),
];

/** Data of any other number of blocks: what is not whole blocks is refused before. */
function lengths(ins: Ins, name: string, accepted: readonly number[]): (readonly [string, MakeRefused])[] {
  return Array.from({ length: MOST_BLOCKS + 1 }, (_, blocks) => blocks * BLOCK)
    .filter((length) => !accepted.includes(length))
    .map((length) => [`${name}-of-${length}`, refused({ ins, length })]);
}
