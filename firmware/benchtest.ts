// The bench test of a card before a key goes in: screen, keys, flash, random source, algorithms.

import * as card from "./card";
import * as flash from "./flash";
import { ERASED, PAGE_SIZE, PAGES } from "./flash";
import { currentPage } from "./pages";
import * as selftest from "./selftest";
import { Sw } from "./wire";

/** Programmed and read back at the first and the last word of a page. */
const PATTERN: u32 = 0x5aa5c33c;

/** Lights the whole screen, until a key shows its number. */
export function screen(): u32 {
  card.startTest();
  return Sw.DONE;
}

/** Writes the keys that went down in the test since the last call, bit n for key n. Returns the length, 2. */
export function keysSeen(out: usize): u32 {
  card.startTest();
  store<u16>(out, bswap<u16>(card.takeTested() as u16));
  return 2;
}

/** Programs, reads back and erases each page but the current one. Writes how many are good. Returns the length, 1. */
export function flashPages(out: usize): u32 {
  let good: u32 = 0;
  for (let page: u32 = 0; page < PAGES; page++) {
    if (page !== currentPage() && works(page)) good++;
  }
  store<u8>(out, good as u8);
  return 1;
}

/** Writes 1 if the random source is good, else 0. Returns the length, 1. */
export function random(out: usize): u32 {
  store<u8>(out, selftest.randomWorks() ? 1 : 0);
  return 1;
}

/** Writes 1 if every algorithm gives its known answer, else 0. Returns the length, 1. */
export function crypto(out: usize): u32 {
  store<u8>(out, selftest.cryptoWorks() ? 1 : 0);
  return 1;
}

function works(page: u32): bool {
  const first = page * PAGE_SIZE;
  const last = first + PAGE_SIZE - 4;
  if (!flash.program(first, PATTERN) || !flash.program(last, ~PATTERN)) return false;
  const held = flash.word(first) === PATTERN && flash.word(last) === ~PATTERN;
  return flash.clear(page) && held && flash.word(first) === ERASED && flash.word(last) === ERASED;
}
