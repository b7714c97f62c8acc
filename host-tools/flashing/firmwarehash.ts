// Which firmware a module is, and whether an image for a board was built from it.
//
// The build puts the first 8 bytes of the module's SHA-256 in the place of eight letters in its data
// (firmware/version.ts). They are found again as the only eight bytes of its data that are the hash of the
// module with the letters in their place.

import { createHash } from "node:crypto";
import type { Block } from "./intelhex.js";

/** What the card tells as its firmware; the hash in hexadecimal. */
export interface Firmware {
  readonly version: string;
  readonly hash: string;
}

const LETTERS = Buffer.from("DSC+hash", "ascii");
const VERSION_SIZE = 3;
/** Magic number and version of the format. */
const MODULE_HEAD = Buffer.from("0061736d01000000", "hex");
const DATA_SECTION = 11;
const I32_CONST = 0x41;
const END = 0x0b;

/** Version and hash of a compiled module; nothing where it has none. */
export function firmwareOf(module: Buffer): Firmware | undefined {
  for (const { start, end } of dataOf(module)) {
    for (let at = start; at + LETTERS.length <= end; at++) {
      if (isHash(module, at)) return { version: versionBefore(module, start, at), hash: hashAt(module, at) };
    }
  }
  return undefined;
}

/** Whether the image holds the firmware: the hash is in the data that the module starts with. */
export function holdsFirmware(blocks: readonly Block[], { hash }: Firmware): boolean {
  return blocks.some(({ bytes }) => bytes.includes(Buffer.from(hash, "hex")));
}

function isHash(module: Buffer, at: number): boolean {
  const hash = createHash("sha256").update(module.subarray(0, at)).update(LETTERS);
  const digest = hash.update(module.subarray(at + LETTERS.length)).digest();
  return digest.subarray(0, LETTERS.length).equals(module.subarray(at, at + LETTERS.length));
}

function hashAt(module: Buffer, at: number): string {
  return module.toString("hex", at, at + LETTERS.length);
}

/** Major, minor, patch before the hash. The compiler leaves out zeros that a segment would begin with. */
function versionBefore(module: Buffer, start: number, at: number): string {
  const bytes = [...module.subarray(Math.max(start, at - VERSION_SIZE), at)];
  return [...new Array(VERSION_SIZE - bytes.length).fill(0), ...bytes].join(".");
}

/** Where the active data segments lie in the module. (WebAssembly Core Specification 1.0, 5.5.) */
function dataOf(module: Buffer): { start: number; end: number }[] {
  if (!module.subarray(0, MODULE_HEAD.length).equals(MODULE_HEAD)) return [];
  const reader = new Reader(module, MODULE_HEAD.length);
  while (!reader.atEnd) {
    const id = reader.byte();
    const size = reader.number();
    if (id === DATA_SECTION) return segments(reader);
    reader.skip(size);
  }
  return [];
}

function segments(reader: Reader): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (let left = reader.number(); left > 0; left--) {
    const isPlain = reader.number() === 0 && reader.byte() === I32_CONST;
    reader.number();
    // The compiler makes no others.
    if (!isPlain || reader.byte() !== END) return [];
    const size = reader.number();
    found.push({ start: reader.at, end: reader.at + size });
    reader.skip(size);
  }
  return found;
}

/** Reads bytes and LEB128 numbers; beyond the end there are zeros. */
class Reader {
  at: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  get atEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.at++] ?? 0;
  }

  number(): number {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  }

  skip(size: number): void {
    this.at += size;
  }
}
