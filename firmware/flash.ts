// The flash as the firmware uses it: each change asks the battery first, since one that fails
// half way is worse than none.

import * as host from "./host";
import * as power from "./power";

export const PAGES: u32 = 4;
export const PAGE_SIZE: u32 = 1024;
export const ERASED: u32 = 0xffffffff;

/** Where pages are looked through, a piece at a time. */
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

/** Reads CHUNK_SIZE bytes at flash `address` into CHUNK, where they stay until this file reads again. */
export function chunk(address: u32): usize {
  host.flash_read(address, CHUNK, CHUNK_SIZE);
  return CHUNK;
}

/** Programs the word at flash `address`. Returns false, with nothing done, where the battery is too low. */
export function program(address: u32, value: u32): bool {
  if (!power.usable()) return false;
  host.flash_program(address, value);
  return true;
}

/** Programs `length` bytes (a multiple of 4) to all zeros; a word that is zero already is left alone. */
export function zero(address: u32, length: u32): bool {
  for (let at = address; at < address + length; at += 4) {
    if (word(at) !== 0 && !program(at, 0)) return false;
  }
  return true;
}

/** Erases a page unless it is blank. Returns false, with nothing done, where the battery is too low. */
export function clear(page: u32): bool {
  if (isBlank(page)) return true;
  if (!power.usable()) return false;
  host.flash_erase(page);
  return true;
}

/** Forgets what was read last. */
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
