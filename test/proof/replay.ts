// Replays a counterexample on a module in V8, to see whether it breaks a promise. The promises are computed here with
// numbers, without code of the proof.

import { PowerCut } from "../../sim/core/flash.js";
import type { Firmware } from "./firmware.js";
import { CODE, GIVEN, PIN, SPENT, type Tally } from "./spec.js";
import { type Cut, V8Machine } from "./v8.js";

export interface Content {
  readonly memory: Uint32Array;
  readonly flash: Uint32Array;
}

const ERASED = 0xffffffff;
const PAGE = 256;
const TRIES_AT = 0x0a;
const WRAP = { at: 0x90 / 4, words: 30 };
const PIN_SIZE = 4;
/** What the key of the wrap is for. */
const USE_PIN = 0x81;
const TOLD = { DONE: 0xa5, FLASH: 2, BATTERY: 4, WRONG: 5, LAST: 6 };
/** Millivolts that are tried, and below which nothing may be written. */
const BATTERIES = [3000, 2100, 2099, 1500];
const EMPTY = 2100;
/** Bits that a cut leaves as they were: all, none, and some. */
const MASKS = [ERASED, 0, 0x0f0f0f0f, 0xfffffffe, 0x7fffffff];
const MOST_CUTS = 40;

/** How the counts of tries differ from docs/FLASH.md with this content; undefined if they agree. */
export function brokenCount(firmware: Firmware, { memory, flash }: Content): string | undefined {
  const compiled = V8Machine.compile(firmware.module);
  const { image, current } = firmware.layout;
  const page = memory[current / 4] as number;
  const call = (name: string, argument: number): number => {
    const v8 = new V8Machine(compiled, { flash: flash.slice() });
    v8.memory.set(memory);
    try {
      return v8.call(firmware.index(name), argument);
    } catch (error) {
      if (error instanceof RangeError) return Number.NaN;
      throw error;
    }
  };
  for (const tally of [PIN, CODE]) {
    const carried = ((memory[(image + tally.carriedAt) >>> 2] as number) >>> (8 * (tally.carriedAt & 3))) & 0xff;
    const expected = {
      "tally/spent": spentIn(flash, page, tally, carried),
      "tally/spentBackwards": spentIn(flash, page, tally, carried),
      "tally/freeSlot": freeIn(flash, page, tally),
    };
    for (const [name, count] of Object.entries(expected)) {
      const told = call(name, tally.at);
      if (told !== count) return `${name} tells ${told} for ${count} (${tally.name})`;
    }
  }
  for (let each = 0; each < 4; each++) {
    const isBlank = flash.subarray(each * PAGE, (each + 1) * PAGE).every((word) => word === ERASED);
    if ((call("flash/isBlank", each) !== 0) !== isBlank) return `flash/isBlank is wrong of page ${each}`;
  }
  return undefined;
}

/** How a PIN check breaks a promise, with some battery and some cut; undefined if none does. */
export function brokenPinCheck(firmware: Firmware, content: Content): string | undefined {
  const compiled = V8Machine.compile(firmware.module);
  const broken = brokenByRightPin(firmware, compiled, content);
  if (broken) return `the right PIN: ${broken}`;
  for (const battery of BATTERIES) {
    const whole = checked(firmware, compiled, content, battery);
    if (whole.broken) return `battery ${battery}: ${whole.broken}`;
    for (let at = 1; at <= Math.min(whole.operations, MOST_CUTS); at++) {
      for (const left of MASKS) {
        const { broken } = checked(firmware, compiled, content, battery, { at, mask: () => left });
        if (broken) return `battery ${battery}, operation ${at} cut: ${broken}`;
      }
    }
  }
  return undefined;
}

/** How the right PIN breaks it: it opens, and gives all tries back. */
function brokenByRightPin(firmware: Firmware, compiled: WebAssembly.Module, content: Content): string | undefined {
  const { memory, flash } = content;
  const page = memory[firmware.layout.current / 4] as number;
  if (countIn(flash, page) >= triesIn(flash, page)) return undefined;
  const sealed = withWrap(firmware, compiled, content, page);
  const v8 = new V8Machine(compiled, { flash: sealed.flash });
  v8.memory.set(sealed.memory);
  const told = v8.call(firmware.index("pin/check"), firmware.layout.digits);
  if (v8.misuse) return v8.misuse;
  if (told !== TOLD.DONE) return `it told ${told}`;
  const is = countIn(sealed.flash, page);
  return is === 0 ? undefined : `${is} tries are spent after it`;
}

/** The content with a wrap under the PIN of the digits, made by the module itself. */
function withWrap(firmware: Firmware, compiled: WebAssembly.Module, { memory, flash }: Content, page: number): Content {
  const v8 = new V8Machine(compiled, { flash: flash.slice() });
  const { image, receipt } = firmware.layout;
  v8.memory.set(memory);
  v8.memory[receipt / 4] = GIVEN;
  v8.call(firmware.index("vault/seal"), WRAP.at * 4, USE_PIN, firmware.layout.digits, PIN_SIZE);
  v8.call(firmware.index("pages/putCheck"), WRAP.at * 4, (WRAP.words - 1) * 4);
  for (let i = WRAP.at; i < WRAP.at + WRAP.words; i++) v8.flash[page * PAGE + i] = v8.memory[image / 4 + i] as number;
  return { memory: v8.memory.slice(), flash: v8.flash };
}

interface Checked {
  readonly broken: string | undefined;
  readonly operations: number;
}

function checked(
  firmware: Firmware,
  compiled: WebAssembly.Module,
  { memory, flash }: Content,
  battery: number,
  cut?: Cut,
): Checked {
  const after = flash.slice();
  const v8 = new V8Machine(compiled, { flash: after, battery, ...(cut && { cut }) });
  v8.memory.set(memory);
  const page = memory[firmware.layout.current / 4] as number;
  let told: number | undefined;
  try {
    told = v8.call(firmware.index("pin/check"), firmware.layout.digits);
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  const broken =
    v8.misuse ??
    (battery < EMPTY && v8.operations > 0 ? "flash was written" : undefined) ??
    brokenFlash(flash, after, page) ??
    brokenWord(flash, after, page, told);
  return { broken, operations: v8.operations };
}

/** What is wrong with flash after a check, wherever it ended. */
function brokenFlash(before: Uint32Array, after: Uint32Array, page: number): string | undefined {
  const [was, is, tries] = [countIn(before, page), countIn(after, page), triesIn(before, page)];
  if (is < was) return `${was} tries were spent, and ${is} are after a wrong PIN`;
  if (is > Math.max(was, tries)) return `${is} of ${tries} tries are spent`;
  const slots = slotsIn(after, page, PIN);
  for (const [i, { first, second }] of slots.entries()) {
    if ((first & SPENT) >>> 0 !== SPENT || (second & GIVEN) >>> 0 !== GIVEN)
      return `slot ${i} holds other words than SPENT and GIVEN`;
    if (second !== ERASED && first !== SPENT) return `slot ${i} was given back and not spent`;
    const last = slots[i - 1];
    if (last && last.first === ERASED && last.second === ERASED && first !== ERASED)
      return `slot ${i} was used before slot ${i - 1}`;
  }
  for (let i = 0; i < after.length; i++) {
    const within = i - page * PAGE;
    const isMeant = within >= PIN.at / 4 ? within < PAGE : within >= WRAP.at && within < WRAP.at + WRAP.words;
    if (after[i] !== before[i] && !isMeant) return `the word at ${i * 4} was changed`;
  }
  return undefined;
}

/** What is wrong with the card's answer. */
function brokenWord(
  before: Uint32Array,
  after: Uint32Array,
  page: number,
  told: number | undefined,
): string | undefined {
  if (told === undefined) return undefined;
  const [was, is, tries] = [countIn(before, page), countIn(after, page), triesIn(before, page)];
  const wrap = after.subarray(page * PAGE + WRAP.at, page * PAGE + WRAP.at + WRAP.words);
  if (told === TOLD.DONE) return "a wrong PIN was taken for the right one";
  if (!Object.values(TOLD).includes(told)) return `it told ${told}`;
  const isLookedAt = told === TOLD.WRONG || (told === TOLD.LAST && was < tries);
  if (isLookedAt && is !== was + 1) return `a PIN was looked at with ${was} tries spent, and ${is} are spent after it`;
  if (told === TOLD.WRONG && is >= tries) return "it told WRONG with no try left";
  if (told === TOLD.LAST && is < tries) return "it told LAST with tries left";
  if (told === TOLD.LAST && wrap.some((word) => word !== 0)) return "it told LAST, and the wrap is there";
  return undefined;
}

function slotsIn(flash: Uint32Array, page: number, tally: Tally): { first: number; second: number }[] {
  const from = page * PAGE + tally.at / 4;
  return Array.from({ length: tally.slots }, (_, i) => ({
    first: flash[from + 2 * i] as number,
    second: flash[from + 2 * i + 1] as number,
  }));
}

export function spentIn(flash: Uint32Array, page: number, tally: Tally, carried: number): number {
  const slots = slotsIn(flash, page, tally);
  const last = slots.map(({ second }) => second === GIVEN).lastIndexOf(true);
  const used = slots.slice(last + 1).filter(({ first, second }) => first !== ERASED || second !== ERASED).length;
  return last < 0 ? carried + used : used;
}

function freeIn(flash: Uint32Array, page: number, tally: Tally): number {
  const slots = slotsIn(flash, page, tally);
  const free = slots.map(({ first, second }) => first !== ERASED || second !== ERASED).lastIndexOf(true) + 1;
  return free < tally.slots ? page * PAGE * 4 + tally.at + free * 8 : ERASED;
}

/** Tries at PINs that are spent, by the head in flash. */
function countIn(flash: Uint32Array, page: number): number {
  return spentIn(flash, page, PIN, byteIn(flash, page, PIN.carriedAt));
}

function triesIn(flash: Uint32Array, page: number): number {
  return byteIn(flash, page, TRIES_AT);
}

function byteIn(flash: Uint32Array, page: number, at: number): number {
  return ((flash[page * PAGE + (at >>> 2)] as number) >>> (8 * (at & 3))) & 0xff;
}
