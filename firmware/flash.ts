// The flash. Each change checks the battery first, since a change that fails half-way is worse than none.

import * as host from "./host";
import * as power from "./power";

export const PAGES: u32 = 4;
export const PAGE_SIZE: u32 = 1024;
export const ERASED: u32 = 0xffffffff;

/** The buffer in which pages are read, piece by piece. */
export const CHUNK_SIZE: u32 = 128;
export const CHUNK: usize = memory.data(128);

/** Copies `length` bytes at flash `address` to `into`. */
export function read(address: u32, into: usize, length: u32): void {
  host.flash_read(address, into, length);
}

/** The word at flash `address`. */
export function word(address: u32): u32 {
  host.flash_read(address, CHUNK, 4);
  return load<u32>(CHUNK);
}

/** Reads CHUNK_SIZE bytes at flash `address` into CHUNK. They stay there until the next read by this file. */
export function chunk(address: u32): usize {
  host.flash_read(address, CHUNK, CHUNK_SIZE);
  return CHUNK;
}

/** Programs the word at flash `address`. Returns false and changes nothing if the battery is too low. */
export function program(address: u32, value: u32): bool {
  if (!power.usable()) return false;
  host.flash_program(address, value);
  return true;
}

/** Programs `length` bytes (a multiple of 4) to all zeros. Skips words that are zero already. */
export function zero(address: u32, length: u32): bool {
  for (let at = address; at < address + length; at += 4) {
    if (word(at) !== 0 && !program(at, 0)) return false;
  }
  return true;
}

/** Erases a page unless it is blank. Returns false and changes nothing if the battery is too low. */
export function clear(page: u32): bool {
  if (isBlank(page)) return true;
  if (!power.usable()) return false;
  host.flash_erase(page);
  return true;
}

/** Wipes CHUNK. */
export function wipe(): void {
  memory.fill(CHUNK, 0, CHUNK_SIZE);
}

/** Whether every word of a page reads as erased. */
export function isBlank(page: u32): bool {
  const start = page * PAGE_SIZE;
  let all: u64 = u64.MAX_VALUE;
  for (let at = start; at < start + PAGE_SIZE; at += CHUNK_SIZE) {
    const bytes = chunk(at);
    for (let i: u32 = 0; i < CHUNK_SIZE; i += 8) all &= load<u64>(bytes + i);
  }
  return all === u64.MAX_VALUE;
}
