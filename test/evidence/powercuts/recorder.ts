// Recorded flash operations, and every way in which power can fail at one of them.

import { Flash, type FlashCopy, FlashMisuse, PowerCut } from "../../../sim/core/flash.js";
import { Random } from "../../../sim/core/random.js";

/** A program of a word, or (without a value) an erase of a page, and the flash before it. */
export interface Operation {
  /** The word's address, or the page. */
  readonly at: number;
  readonly value?: number;
  readonly before: FlashCopy;
}

/** A flash that reports each operation before it is done. */
export class Recorder extends Flash {
  onOperation: ((operation: Operation) => void) | undefined;
  /** The operation of this number (the first is 0) is torn although power stays on. */
  prevented: { readonly number: number; readonly bits: Bits } | undefined;
  #number = 0;
  #wasPrevented = false;
  /** How often a page may be erased: pages are used in turn, and each power cut may cost one additional erase. */
  readonly #share: number;

  constructor(copy: FlashCopy, cuts = 0) {
    super();
    this.#share = 1 + cuts;
    this.restore(copy);
  }

  get wasPrevented(): boolean {
    return this.#wasPrevented;
  }

  override program(at: number, value: number): void {
    this.#record({ at, value, before: this.copy() });
    this.#unlessPrevented(() => super.program(at, value));
  }

  override erase(at: number): void {
    this.#record({ at, before: this.copy() });
    this.#unlessPrevented(() => super.erase(at));
    if (Math.max(...this.erases) - Math.min(...this.erases) > this.#share)
      throw new FlashMisuse(`erase of page ${at}: more than its share, of ${this.erases.join(", ")}`);
  }

  #record(operation: Operation): void {
    this.#number++;
    this.onOperation?.(operation);
  }

  #unlessPrevented(run: () => void): void {
    const bits = this.prevented?.number === this.#number - 1 ? this.prevented.bits : undefined;
    if (!bits) return run();
    this.#wasPrevented = true;
    this.cutAt(1, "torn", bits);
    try {
      run();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
  }
}

/** Returns 32 bits a call: the bits that an interrupted program leaves unchanged, or that an interrupted erase sets. */
type Bits = () => number;

/** A way in which power fails at an operation. Its name is the end of a case's id. */
export interface Cut {
  readonly name: string;
  /** The bits of a torn operation, from the first on. */
  readonly tornBits?: () => Bits;
}

const ALL = 0xffffffff;
/** The most samples, at any scale. */
export const MOST = 1024;
const WORDS = 256;
const BEFORE: Cut = { name: "before" };
const AFTER: Cut = { name: "after" };

/**
 * The cuts before, in the middle of, and after an operation. In the middle, a program leaves every subset of its bits if there
 * are at most `few` subsets; any other program, and an erase, leaves `tornWrites` seeded samples.
 */
export function cutsAt(operation: Operation, tornWrites: number, few = 0): Cut[] {
  const count = isExhaustive(operation, few) ? subsetsOf(operation) : tornWrites;
  const tornCut = isExhaustive(operation, few) ? subsetCut : sampleCut;
  return [BEFORE, ...Array.from({ length: count }, (_, number) => tornCut(operation, number)), AFTER];
}

/** Whether a program has at most `few` subsets of its bits. */
export function isExhaustive(operation: Operation, few: number): boolean {
  return operation.value !== undefined && subsetsOf(operation) <= few;
}

/** The cut of that name, from any scale. */
export function cutNamed(operation: Operation, name: string): Cut | undefined {
  const [, kind, number] = /^torn-(all|of)-(\d+)$/.exec(name) ?? [];
  if (kind === undefined) return [BEFORE, AFTER].find((cut) => cut.name === name);
  if (kind === "of") return Number(number) < MOST ? sampleCut(operation, Number(number)) : undefined;
  return Number(number) < subsetsOf(operation) ? subsetCut(operation, Number(number)) : undefined;
}

/** The number of subsets of the bits that a program clears; 1 for an erase. */
function subsetsOf(operation: Operation): number {
  return 2 ** changingBits(operation).length;
}

function subsetCut(operation: Operation, number: number): Cut {
  return { name: `torn-all-${number}`, tornBits: () => subset(changingBits(operation), number) };
}

function sampleCut(operation: Operation, number: number): Cut {
  return { name: `torn-of-${number}`, tornBits: () => sample(operation, number) };
}

/** The flash that a cut leaves. */
export function imageOf(operation: Operation, cut: Cut): FlashCopy {
  if (cut.name === "before") return operation.before;
  const flash = new Flash();
  flash.restore(operation.before);
  if (cut.tornBits) flash.cutAt(1, "torn", cut.tornBits());
  try {
    if (operation.value === undefined) flash.erase(operation.at);
    else flash.program(operation.at, operation.value);
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  return flash.copy();
}

/** The bits that a program clears, each as a word; none for an erase. */
function changingBits({ at, value, before }: Operation): number[] {
  if (value === undefined) return [];
  const old = new DataView(before.bytes.buffer).getUint32(at, true);
  return Array.from({ length: 32 }, (_, bit) => (1 << bit) >>> 0).filter((bit) => old & ~value & bit);
}

function subset(bits: readonly number[], number: number): Bits {
  const kept = bits.reduce((mask, bit, i) => (number & (1 << i) ? mask | bit : mask), 0) >>> 0;
  return () => kept;
}

/** A seeded sample: none of the bits, all of them, then mixes of every density, by bits, by words or by halves. */
function sample({ at, value, before }: Operation, number: number): Bits {
  const erase = value === undefined;
  if (number < 2) return () => ((number === 0) === erase ? 0 : ALL);
  const random = new Random((before.operations * 4096 + at) * 1024 + number);
  const density = 1 + ((number >>> 1) % 7);
  if (!erase || number % 2) return () => bitsOf(random, density);
  if (number % 4) return () => (random.next() % 8 < density ? ALL : 0);
  const edge = (WORDS * density) / 8;
  const low = random.next() % 2 === 0;
  let word = 0;
  return () => (word++ < edge === low ? ALL : 0);
}

/** 32 bits, each set with a chance of `density` (1 to 7) eighths. */
function bitsOf(random: Random, density: number): number {
  let bits = 0;
  for (const digit of [1, 2, 4]) bits = density & digit ? bits | random.next() : bits & random.next();
  return bits >>> 0;
}
