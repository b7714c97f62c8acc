// The memory of a card: where the firmware keeps what it reads of flash, and how two cards' memories differ.

import type { Flash } from "../../sim/core/flash.js";

/** The number of bytes of the current page that are kept in memory (docs/FLASH.md). */
export const PAGE_IMAGE = 0x180;
/** The number of bytes of flash that the firmware searches at once. */
export const CHUNK = 128;

/** Addresses in a card's memory, known once the card read that much of flash: after it was turned on. */
export interface Places {
  page: number;
  chunk: number;
}

/** Finds them by observing the reads of flash. */
export function placesOf(flash: Flash): Places {
  const places = { page: -1, chunk: -1 };
  const read = flash.read.bind(flash);
  flash.read = (address, target, offset, length) => {
    if (length === PAGE_IMAGE) places.page = offset;
    if (length === CHUNK) places.chunk = offset;
    read(address, target, offset, length);
  };
  return places;
}

/** Where two memories differ, as a text for a message; empty if they are equal. */
export function differences(one: Uint8Array, other: Uint8Array): string {
  const places = [...one.keys()].filter((at) => one[at] !== other[at]);
  return places.length ? `${places.length} bytes, from ${places[0]} to ${places.at(-1)}` : "";
}
