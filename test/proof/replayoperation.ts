// Replays a counterexample of an operation on a module in V8: with several batteries and cuts, and what must hold of flash
// afterwards. It is computed here with numbers, without code of the proof.

import { PowerCut } from "../../sim/core/flash.js";
import type { Firmware } from "./firmware.js";
import { type Content, spentIn } from "./replay.js";
import { CODE, GIVEN, PIN } from "./spec.js";
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
const CODE_WRAP_AT = 0x108;
const CODE_WRAP = { at: CODE_WRAP_AT / 4, words: 29 };
const LOCK_CODE = 0x10 / 4;
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

/** A function of the module, and what may be done by it. */
export interface Call {
  readonly name: string;
  readonly args: readonly number[];
  /** Whether tries may be given back by it. */
  readonly givesBack: boolean;
  /** Whether it finishes a wipe that began. */
  readonly wipes: boolean;
  /** What it opens, if it is a try. */
  readonly opens?: Opens;
}

/** A wrap, the use of its key, and the digits that open it. */
export interface Opens {
  readonly wrap: number;
  readonly use: number;
  readonly digits: number;
}

/** The unlock code: eight digits. */
export const UNLOCK: Opens = { wrap: CODE_WRAP_AT, use: 0x82, digits: 8 };

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
  const broken = brokenFrom(checks, firmware, start, page, call);
  if (broken) return broken;
  if (call.opens) return brokenFrom(checks, firmware, opened(released, checks, start, page, call), page, call, true);
  return call.wipes ? brokenFrom(checks, firmware, withoutMark(start, page), page, call) : undefined;
}

/** The content of a card on which no wipe began. */
function withoutMark({ memory, flash }: Content, page: number): Content {
  const other = flash.slice();
  other[page * PAGE + WIPE_MARK] = ERASED;
  return { memory, flash: other };
}

/** `isRight`: what the try needs was entered. */
function brokenFrom(
  checks: Checks,
  firmware: Firmware,
  start: Content,
  page: number,
  call: Call,
  isRight = false,
): string | undefined {
  const compiled = V8Machine.compile(firmware.module);
  for (const battery of BATTERIES) {
    let operations = MOST_CUTS;
    for (let at = 0; at <= Math.min(operations, MOST_CUTS); at++) {
      for (const left of at === 0 ? [0] : MASKS) {
        const cut = at === 0 ? undefined : { at, mask: () => left };
        const run = played(firmware, compiled, start, call, battery, cut);
        if (at === 0) operations = run.operations;
        const broken =
          run.misuse ??
          brokenFlash(checks, start.flash, run.flash, page, call) ??
          (call.opens && brokenTry(checks, start.flash, run, page, isRight));
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
): Played {
  const after = flash.slice();
  const v8 = new V8Machine(compiled, { flash: after, battery, random: drawing(), ...(cut && { cut }) });
  v8.memory.set(memory);
  let told: number | undefined;
  try {
    told = v8.call(firmware.index(name), ...args);
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  return { told, flash: after, misuse: v8.misuse, operations: v8.operations };
}

interface Played {
  /** The outcome; undefined where power failed. */
  readonly told: number | undefined;
  readonly flash: Uint32Array;
  readonly misuse: string | undefined;
  readonly operations: number;
}

/** Random bytes of which no four in a row are drawn twice. */
function drawing(): () => number {
  let drawn = 0;
  return () => (drawn++ * 37 + 11) & 0xff;
}

/** The content with a wrap that the digits open, made by the released module. */
function opened(released: Firmware, checks: Checks, start: Content, page: number, { args, opens }: Call): Content {
  const { wrap, use, digits } = opens as Opens;
  const [memory, flash] = [start.memory.slice(), start.flash.slice()];
  const v8 = new V8Machine(V8Machine.compile(released.module), { flash });
  const { image, receipt } = released.layout;
  v8.memory.set(memory);
  v8.memory[receipt / 4] = GIVEN;
  v8.call(released.index("vault/seal"), wrap, use, args[0] as number, digits);
  flash.set(v8.memory.subarray((image + wrap) / 4, (image + wrap + WRAP_SIZE) / 4), page * PAGE + wrap / 4);
  checks.put(flash, page, { at: wrap / 4, words: WRAP_SIZE / 4 });
  v8.memory.set(flash.subarray(page * PAGE, page * PAGE + IMAGE), image / 4);
  return { memory: v8.memory.slice(), flash };
}

/** What is wrong after a try at an unlock code. */
function brokenTry(
  checks: Checks,
  before: Uint32Array,
  { told, flash }: Played,
  old: number,
  isRight: boolean,
): string | undefined {
  const page = checks.current(flash);
  const isGone = isZero(flash, page, CODE_WRAP);
  const is = spentIn(flash, page, CODE, byteIn(flash, page, CODE.carriedAt));
  const was = spentIn(before, old, CODE, byteIn(before, old, CODE.carriedAt));
  if (isRight && told === TOLD.DONE) {
    const isSame = flash[page * PAGE + LOCK_CODE] === before[old * PAGE + LOCK_CODE];
    return isSame || page === old ? "a right code left the lock code" : undefined;
  }
  if (isRight) return undefined;
  if (told === TOLD.DONE) return "a wrong code was taken for the right one";
  if (told === TOLD.LAST && !isGone) return "it told LAST, and the wrap is there";
  if (told === TOLD.WRONG && is >= CODE_TRIES) return "it told WRONG with no try left";
  if (told === TOLD.WRONG && is !== was + 1)
    return `a code was looked at with ${was} tries spent, and ${is} are after it`;
  return undefined;
}
const TOLD = { DONE: 0xa5, WRONG: 5, LAST: 6 };
const WRAP_SIZE = 116;

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

  isCommitted(flash: Uint32Array, page: number): boolean {
    const isHead = flash[page * PAGE] === MAGIC && flash[page * PAGE + HEAD.words] !== ERASED;
    return isHead && this.isWhole(flash, page, HEAD) && (flash[page * PAGE + 1] as number) > 0;
  }

  /** The committed page with the highest sequence number; -1: there is none. */
  current(flash: Uint32Array): number {
    const committed = [0, 1, 2, 3].filter((page) => this.isCommitted(flash, page));
    const newer = (a: number, b: number) => ((flash[a * PAGE + 1] as number) > (flash[b * PAGE + 1] as number) ? a : b);
    return committed.length === 0 ? -1 : committed.reduce(newer);
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
  { givesBack, wipes }: Call,
): string | undefined {
  const page = checks.current(after);
  if (page < 0) return "no page counts";
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
  if (wipes && page !== old && isRootLeft(before, after, page)) return "a wipe left a root";
  if (spent(after, page, CODE) > CODE_TRIES) return "more than five codes were tried";
  if (spent(after, page, PIN) > byteIn(after, page, TRIES_AT)) return "more tries are spent than the page gives";
  const noPin = spent(after, page, PIN) >= byteIn(after, page, TRIES_AT);
  const noCode = spent(after, page, CODE) >= CODE_TRIES;
  const isAny = (wrap: RecordPlace) => isZero(after, page, wrap) || checks.isWhole(after, page, wrap);
  if (!noPin && !isAny(PIN_WRAP)) return "the wrap under the PIN is not whole";
  if (!noCode && !isAny(CODE_WRAP)) return "the wrap under the unlock code is not whole";
  return undefined;
}

/** Whether a word of a root of before is where it was, on another page than the current one. */
function isRootLeft(before: Uint32Array, after: Uint32Array, page: number): boolean {
  for (let i = 0; i < after.length; i++) {
    const within = (i % PAGE) - ROOT.at;
    if (Math.floor(i / PAGE) === page || within < 0 || within > ROOT.words) continue;
    if (after[i] === before[i] && after[i] !== 0 && after[i] !== ERASED) return true;
  }
  return false;
}

function isZero(flash: Uint32Array, page: number, { at, words }: RecordPlace): boolean {
  return flash.subarray(page * PAGE + at, page * PAGE + at + words + 1).every((word) => word === 0);
}

function byteIn(flash: Uint32Array, page: number, at: number): number {
  return ((flash[page * PAGE + (at >>> 2)] as number) >>> (8 * (at & 3))) & 0xff;
}
