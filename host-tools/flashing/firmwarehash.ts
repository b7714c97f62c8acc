// Identifies the firmware of a module, and checks whether an image for a board was built from it.
//
// The build replaces eight letters in the module's data by the first 8 bytes of its SHA-256 (firmware/version.ts). They
// are found as the only eight bytes of the data that equal the hash of the module with the letters restored.

import { createHash } from "node:crypto";
import type { Block } from "./intelhex.js";

/** The firmware that a card reports; the hash is in hexadecimal. */
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

/** Version and hash of a compiled module; undefined if it has none. */
export function firmwareOf(module: Buffer): Firmware | undefined {
  for (const { start, end } of dataOf(module)) {
    for (let at = start; at + LETTERS.length <= end; at++) {
      if (isHash(module, at)) return { version: versionBefore(module, start, at), hash: hashAt(module, at) };
    }
  }
  return undefined;
}

/** Whether the image contains the firmware: the hash is in the module's initial data. */
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

/** Major, minor and patch version before the hash. The compiler leaves out leading zeros of a segment. */
function versionBefore(module: Buffer, start: number, at: number): string {
  const bytes = [...module.subarray(Math.max(start, at - VERSION_SIZE), at)];
  return [...new Array(VERSION_SIZE - bytes.length).fill(0), ...bytes].join(".");
}

/** The positions of the active data segments in the module (WebAssembly Core Specification 1.0, 5.5). */
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
    // The compiler makes no other kind.
    if (!isPlain || reader.byte() !== END) return [];
    const size = reader.number();
    found.push({ start: reader.at, end: reader.at + size });
    reader.skip(size);
  }
  return found;
}

/** Reads bytes and LEB128 numbers; beyond the end it reads zeros. */
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
