// Replays a counterexample of an operation on a module in V8: with several batteries and cuts, and what must hold of flash
// afterwards. It is computed here with numbers, without code of the proof.

import { PowerCut } from "../../sim/core/flash.js";
import type { Firmware } from "./firmware.js";
import { type Content, spentIn } from "./replay.js";
import { CODE, PIN } from "./spec.js";
import { type Cut, V8Machine } from "./v8.js";

const ERASED = 0xffffffff;
const MAGIC = 0x31435344;
const PAGE = 256;
const PAGES = 4;
/** Words of a page before the slots, and the words in it: where records begin, and their lengths without check values. */
const IMAGE = 0x180 / 4;
const HEAD = { at: 0, words: 0x44 / 4 };
const ROOT = { at: 0x48 / 4, words: 4 };
const KEYS = { at: 0x5c / 4, words: 12 };
const PIN_WRAP = { at: 0x90 / 4, words: 29 };
const CODE_WRAP = { at: 0x108 / 4, words: 29 };
const WIPE_MARK = 0x180 / 4;
const TRIES_AT = 0x0a;
const LIFE_AT = 0x08;
const BLANK = 1;
const CODE_TRIES = 5;
/** Where the check value of a record is computed. */
const SCRATCH = 0xe00;
/** Millivolts that are tried, and below which nothing may be written. */
const BATTERIES = [3000, 2099];
const EMPTY = 2100;
/** Bits that a cut leaves as they were: all, none, and some. */
const MASKS = [ERASED, 0, 0x0f0f0f0f];
const MOST_CUTS = 120;

type RecordPlace = typeof HEAD;

/** A function of the module, and whether tries may be given back by it. */
export interface Call {
  readonly name: string;
  readonly args: readonly number[];
  readonly givesBack: boolean;
}

/** How an operation breaks a promise, with some battery and some cut; undefined if none does. */
export function brokenOperation(
  released: Firmware,
  firmware: Firmware,
  content: Content,
  page: number,
  call: Call,
): string | undefined {
  const checks = new Checks(released);
  const start = repaired(released, checks, content, page);
  const compiled = V8Machine.compile(firmware.module);
  for (const battery of BATTERIES) {
    let operations = MOST_CUTS;
    for (let at = 0; at <= Math.min(operations, MOST_CUTS); at++) {
      for (const left of at === 0 ? [0] : MASKS) {
        const cut = at === 0 ? undefined : { at, mask: () => left };
        const run = played(firmware, compiled, start, call, battery, cut);
        if (at === 0) operations = run.operations;
        const broken = run.misuse ?? brokenFlash(checks, start.flash, run.flash, page, call);
        if (broken) return `battery ${battery}, ${at === 0 ? "no cut" : `operation ${at} cut`}: ${broken}`;
        if (battery < EMPTY && run.operations > 0) return `battery ${battery}: flash was written`;
      }
    }
  }
  return undefined;
}

function played(
  firmware: Firmware,
  compiled: WebAssembly.Module,
  { memory, flash }: Content,
  { name, args }: Call,
  battery: number,
  cut: Cut | undefined,
): { readonly flash: Uint32Array; readonly misuse: string | undefined; readonly operations: number } {
  const after = flash.slice();
  const v8 = new V8Machine(compiled, { flash: after, battery, ...(cut && { cut }) });
  v8.memory.set(memory);
  try {
    v8.call(firmware.index(name), ...args);
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  return { flash: after, misuse: v8.misuse, operations: v8.operations };
}

/** Check values, by the released module. */
class Checks {
  readonly #v8: V8Machine;
  readonly #index: number;

  constructor(released: Firmware) {
    this.#v8 = new V8Machine(V8Machine.compile(released.module), { flash: new Uint32Array(1024) });
    this.#index = released.index("crypto/crc32/crc32");
  }

  of(flash: Uint32Array, page: number, { at, words }: RecordPlace): number {
    const from = page * PAGE + at;
    this.#v8.memory.set(flash.subarray(from, from + words), SCRATCH / 4);
    const seed = ((flash[page * PAGE + 1] as number) ^ (at * 4 * 0x10000)) >>> 0;
    return this.#v8.call(this.#index, seed, SCRATCH, words * 4);
  }

  isWhole(flash: Uint32Array, page: number, record: RecordPlace): boolean {
    return flash[page * PAGE + record.at + record.words] === this.of(flash, page, record);
  }

  put(flash: Uint32Array, page: number, record: RecordPlace): void {
    flash[page * PAGE + record.at + record.words] = this.of(flash, page, record);
  }
}

/** The proof knows check values only as unknown numbers. This content has the right ones where the proof says "whole". */
function repaired({ layout }: Firmware, checks: Checks, content: Content, page: number): Content {
  const [memory, flash] = [content.memory.slice(), content.flash.slice()];
  const sequence = (of: number) => flash[of * PAGE + 1] as number;
  for (let each = 0; each < PAGES; each++) {
    const isOlder = flash[each * PAGE] === MAGIC && sequence(each) > 0 && sequence(each) < sequence(page);
    if (each === page || isOlder) checks.put(flash, each, HEAD);
  }
  checks.put(flash, page, KEYS);
  checks.put(flash, page, ROOT);
  for (const wrap of [PIN_WRAP, CODE_WRAP]) if (!isZero(flash, page, wrap)) checks.put(flash, page, wrap);
  memory.set(flash.subarray(page * PAGE, page * PAGE + IMAGE), layout.image / 4);
  return { memory, flash };
}

function brokenFlash(
  checks: Checks,
  before: Uint32Array,
  after: Uint32Array,
  old: number,
  { givesBack }: Call,
): string | undefined {
  const isCommitted = (page: number) =>
    after[page * PAGE] === MAGIC &&
    after[page * PAGE + HEAD.words] !== ERASED &&
    checks.isWhole(after, page, HEAD) &&
    (after[page * PAGE + 1] as number) > 0;
  const committed = [0, 1, 2, 3].filter(isCommitted);
  if (committed.length === 0) return "no page counts";
  const page = committed.reduce((a, b) => ((after[a * PAGE + 1] as number) > (after[b * PAGE + 1] as number) ? a : b));
  if (page !== old && page !== (old + 1) % PAGES) return `page ${page} counts`;
  if (!checks.isWhole(after, page, KEYS)) return "the transport keys are not whole";
  if (after[page * PAGE + WIPE_MARK] === ERASED && !checks.isWhole(after, page, ROOT)) return "the root is not whole";
  const spent = (flash: Uint32Array, of: number, tally: typeof PIN) =>
    spentIn(flash, of, tally, byteIn(flash, of, tally.carriedAt));
  for (const tally of [PIN, CODE]) {
    const [was, is] = [spent(before, old, tally), spent(after, page, tally)];
    // A blank card has no secrets, and so no tries.
    if (is < was && !givesBack && byteIn(after, page, LIFE_AT) !== BLANK)
      return `${was} tries were spent, and ${is} are`;
  }
  if (spent(after, page, PIN) > byteIn(after, page, TRIES_AT)) return "more tries are spent than the page gives";
  const noPin = spent(after, page, PIN) >= byteIn(after, page, TRIES_AT);
  const noCode = spent(after, page, CODE) >= CODE_TRIES;
  const isAny = (wrap: RecordPlace) => isZero(after, page, wrap) || checks.isWhole(after, page, wrap);
  if (!noPin && !isAny(PIN_WRAP)) return "the wrap under the PIN is not whole";
  if (!noCode && !isAny(CODE_WRAP)) return "the wrap under the unlock code is not whole";
  return undefined;
}

function isZero(flash: Uint32Array, page: number, { at, words }: RecordPlace): boolean {
  return flash.subarray(page * PAGE + at, page * PAGE + at + words + 1).every((word) => word === 0);
}

function byteIn(flash: Uint32Array, page: number, at: number): number {
  return ((flash[page * PAGE + (at >>> 2)] as number) >>> (8 * (at & 3))) & 0xff;
}
