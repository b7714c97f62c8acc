// Commands that write flash, from the check of their MAC on: PUT KEY, STORE DATA, SET STATUS, and the test of flash.

import type { Operation as FlashOperation } from "./host.js";
import { LEAST_TRIES, MOST_TRIES } from "./invariant.js";
import type { State } from "./machine.js";
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
export class StoreData extends Command {
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
export class Wipe extends Command {
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

/** The test of flash at the bench: it programs and erases the other pages, programmed or not. */
export class FlashTest extends Command {
  protected override readonly isFree = true;
}

/** The same command outside a channel: it writes nothing. */
export class PlainTest extends Command {
  override readonly name: string = "apdu/plain";

  protected override operating({ state }: FlashOperation): void {
    this.setting.goals.add("outside a channel nothing is written", state, false);
  }
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
export const PERSONALIZED: Header = { ins: Ins.SET_STATUS, p1: 0x80, p2: 0x0f, length: 0 };
export const STORE_DATA: Header = { ins: Ins.STORE_DATA, p1: 0xe0, p2: 0x00, length: RECORD_SIZE };
/** Both encodings, of 67 and of 70 bytes, are as long as this when they are padded. */
export const PUT_KEY: Header = { ins: Ins.PUT_KEY, p2: 0x81, length: 80 };
export const FLASH_TEST: Header = { ins: Ins.SELF_TEST, p1: 0x04, p2: 0x00, length: 0 };
