// The chip of the BBC micro:bit V1, the nRF51822 with 256 KB of flash and 16 KB of RAM: decides which images are for
// it.

import type { Block } from "./intelhex.js";

/** An image that must not go onto this chip. */
export class ImageError extends Error {
  override name = "ImageError";
}

/** Addresses from `start` up to but not including `end`. */
interface Range {
  readonly start: number;
  readonly end: number;
}

const FLASH: Range = { start: 0, end: 0x40000 };
/** User information configuration registers. */
const UICR: Range = { start: 0x10001000, end: 0x10001100 };
const RAM: Range = { start: 0x20000000, end: 0x20004000 };
/** The pages that hold the card's data: keys, PIN, counters (docs/FLASH.md). */
const CARD: Range = { start: 0x3f000, end: FLASH.end };
/** Initial stack pointer and reset vector. */
const VECTORS_SIZE = 8;
/** The board name in an image of this project (board/ports/microbit/port.c). */
const BOARD = /DSC\+ board: ([a-z0-9-]{1,32})\0/;

/**
 * The board that an image of this project names; undefined if it names none. Ports for other chips have stack and code
 * at the same addresses, so checkImage() alone would accept their images.
 */
export function boardOf(blocks: readonly Block[]): string | undefined {
  for (const { bytes } of blocks) {
    const [, board] = BOARD.exec(bytes.toString("latin1")) ?? [];
    if (board) return board;
  }
  return undefined;
}

/** Throws ImageError unless every byte has a place on the chip outside the card's pages, and the chip could start. */
export function checkImage(blocks: readonly Block[]): void {
  for (const block of blocks) checkPlace(block);
  const vectors = blocks.find(({ address }) => address === FLASH.start)?.bytes;
  if (!vectors || vectors.length < VECTORS_SIZE)
    throw new ImageError("nothing at address 0, where the chip starts: not a whole image");
  const stack = vectors.readUInt32LE(0);
  const reset = vectors.readUInt32LE(4);
  // A full-descending stack may begin right after the RAM.
  if (stack <= RAM.start || stack > RAM.end)
    throw new ImageError(`its stack begins at ${hex(stack)}, beyond this chip's 16 KB of RAM: for another chip`);
  if (reset % 2 === 0 || !isWithin(FLASH, reset))
    throw new ImageError(`it starts at ${hex(reset)}, which is not Thumb code in this chip's flash: for another chip`);
}

function checkPlace({ address, bytes }: Block): void {
  const end = address + bytes.length;
  if (address < CARD.end && end > CARD.start)
    throw new ImageError(
      `it writes to ${hex(Math.max(address, CARD.start))}, one of the pages that are the card's own`,
    );
  const fits = [FLASH, UICR].some((range) => address >= range.start && end <= range.end);
  if (!fits)
    throw new ImageError(
      `it has bytes at ${hex(address)} to ${hex(end - 1)}, where this chip has no flash: for another chip`,
    );
}

function isWithin({ start, end }: Range, address: number): boolean {
  return address >= start && address < end;
}

function hex(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(8, "0")}`;
}
