// The card's flash: NOR in pages, with the rules and the failures of real flash.

export const PAGES = 4;
export const PAGE_SIZE = 1024;
export const FLASH_SIZE = PAGES * PAGE_SIZE;

const ERASED = 0xffffffff;

/** The firmware broke a rule of flash: a bug in the firmware, or a gap in its log. */
export class FlashMisuse extends Error {
  override name = "FlashMisuse";
}

/** Power failed at a flash operation. Thrown through the firmware, caught by the card. */
export class PowerCut extends Error {
  override name = "PowerCut";
}

/** Whether a power cut comes before its operation or in the middle of it. */
export type CutMode = "clean" | "torn";

/** The whole state of a flash: a copy, or the flash itself. */
export interface FlashCopy {
  readonly bytes: Uint8Array;
  readonly programs: Uint8Array;
  readonly erases: readonly number[];
  readonly operations: number;
}

/** Whether nothing was ever written to a flash with these bytes. */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0xff);
}

export class Flash {
  readonly bytes = new Uint8Array(FLASH_SIZE).fill(0xff);
  /** How often each word was programmed since the last erase of its page. */
  readonly programs = new Uint8Array(FLASH_SIZE / 4);
  /** Erases of each page since this object was made. */
  readonly erases: number[] = new Array(PAGES).fill(0);
  /** Programs and erases since this object was made. */
  operations = 0;
  /** Called after each change, with the bytes that may differ. */
  onChange: ((address: number, length: number) => void) | undefined;

  readonly #words = new DataView(this.bytes.buffer);
  #target: Uint8Array | undefined;
  #targetWords: Uint32Array | undefined;
  readonly #whole = new Uint32Array(this.bytes.buffer);
  #cut: { left: number; mode: CutMode; random: () => number } | undefined;

  /** A blank flash, or one with the given contents (FLASH_SIZE bytes). */
  constructor(contents?: Uint8Array) {
    if (!contents) return;
    if (contents.length !== FLASH_SIZE) throw new RangeError(`a flash holds ${FLASH_SIZE} bytes`);
    this.bytes.set(contents);
    for (let word = 0; word < this.programs.length; word++) {
      const value = this.#words.getUint32(word * 4, true);
      this.programs[word] = value === ERASED ? 0 : value === 0 ? 2 : 1;
    }
  }

  /**
   * Arms a power cut at the `count`th operation from now (1 = the next), replacing one armed before. `random` (32 bits
   * per call) chooses the bits that an interrupted operation changes.
   */
  cutAt(count: number, mode: CutMode, random: () => number): void {
    this.#cut = { left: count, mode, random };
  }

  /** Copies `length` bytes at `address` to `target` at `offset`. */
  read(address: number, target: Uint8Array, offset: number, length: number): void {
    const words = this.#wordsOf(target);
    if (!words || (address | offset | length) % 4 !== 0) {
      target.set(this.bytes.subarray(address, address + length), offset);
      return;
    }
    // The firmware reads often and little, so words are copied in a loop without temporary objects.
    const from = address >>> 2;
    const to = offset >>> 2;
    for (let i = 0; i < length >>> 2; i++) words[to + i] = this.#whole[from + i] as number;
  }

  /** The target as words, kept from one read to the next; undefined if it is not aligned. */
  #wordsOf(target: Uint8Array): Uint32Array | undefined {
    if (this.#target !== target) {
      this.#target = target;
      const aligned = (target.byteOffset | target.byteLength) % 4 === 0;
      this.#targetWords = aligned ? new Uint32Array(target.buffer, target.byteOffset, target.length / 4) : undefined;
    }
    return this.#targetWords;
  }

  /** Programs a word: once after an erase, and once more to all zeros. Bits only change from 1 to 0. */
  program(address: number, value: number): void {
    if (address % 4 !== 0 || address < 0 || address >= FLASH_SIZE) {
      throw new FlashMisuse(`program at ${address}: no word of the flash`);
    }
    const word = address / 4;
    const old = this.#words.getUint32(address, true);
    const programs = this.programs[word] as number;
    if (programs > 0 && (value !== 0 || programs > 1)) {
      throw new FlashMisuse(`program at ${address}: the word was programmed before`);
    }
    const torn = this.#interrupted();
    const result = (torn ? old & (value | torn.random()) : old & value) >>> 0;
    this.#words.setUint32(address, result, true);
    // A zeroing that power interrupted may be repeated. So may a program that changed no bit, since it cannot be seen.
    this.programs[word] = torn && (programs > 0 || result === old) ? programs : programs + 1;
    this.#changed(address, 4);
    if (torn) throw new PowerCut();
    if (result !== value) throw new FlashMisuse(`program at ${address}: a bit cannot be set`);
  }

  /** Erases a page: all its bits become 1. */
  erase(page: number): void {
    if (!(page >= 0 && page < PAGES)) throw new FlashMisuse(`erase of page ${page}: there is none`);
    const torn = this.#interrupted();
    const start = page * PAGE_SIZE;
    for (let at = start; at < start + PAGE_SIZE; at += 4) {
      const left = torn ? this.#words.getUint32(at, true) | torn.random() : ERASED;
      this.#words.setUint32(at, left >>> 0, true);
    }
    this.programs.fill(0, start / 4, (start + PAGE_SIZE) / 4);
    this.erases[page] = (this.erases[page] as number) + 1;
    this.#changed(start, PAGE_SIZE);
    if (torn) throw new PowerCut();
  }

  /** Whether nothing was ever written. */
  get isBlank(): boolean {
    return isBlank(this.bytes);
  }

  /** Operations and wear so far. */
  get counts(): Pick<FlashCopy, "erases" | "operations"> {
    return { erases: [...this.erases], operations: this.operations };
  }

  copy(): FlashCopy {
    return { bytes: this.bytes.slice(), programs: this.programs.slice(), ...this.counts };
  }

  /** Takes the state of a copy, or of another flash. */
  restore(copy: FlashCopy): void {
    this.bytes.set(copy.bytes);
    this.programs.set(copy.programs);
    for (let page = 0; page < PAGES; page++) this.erases[page] = copy.erases[page] as number;
    this.operations = copy.operations;
    this.#cut = undefined;
    this.onChange?.(0, FLASH_SIZE);
  }

  /** Counts down to an armed power cut. Throws for a clean cut; returns a torn write for the caller to carry out. */
  #interrupted(): { random: () => number } | undefined {
    const cut = this.#cut;
    if (!cut || --cut.left > 0) return undefined;
    this.#cut = undefined;
    if (cut.mode === "clean") throw new PowerCut();
    return cut;
  }

  #changed(address: number, length: number): void {
    this.operations++;
    this.onChange?.(address, length);
  }
}
