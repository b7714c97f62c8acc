// What the card remembers: one page of flash at a time, written whole and committed by its last word.
//
//   0x000  head: magic, sequence, policy, serial number, suite, lock code; check value = commit
//   0x048  root secret; check value
//   0x05c  wrap under the PIN; check value
//   0x0d4  wrap under the unlock code; check value
//   0x14c  (end of what a commit writes)
//   0x150  tries spent on unlock codes, 5 slots
//   0x178  tries spent on PINs, 81 slots; page ends at 0x400
//
// A change of any field is a new page with the next sequence number in the next place, round and
// round, so that wear spreads; the page before is erased afterwards. Every bit: docs/FLASH.md.

import { crc32 } from "./crypto/crc32";
import * as flash from "./flash";
import { ERASED, PAGE_SIZE, PAGES } from "./flash";
import * as host from "./host";
import { Outcome } from "./wire";

/** Where a card is in its life. */
export enum Life {
  /** As it leaves the fab, or wiped: no keys. */
  BLANK = 1,
  PERSONALIZED = 3,
}

/** Who judges the PIN. */
export enum PinCheck {
  CARD = 1,
  SERVER = 2,
}

/** The scalars of the head. Byte fields follow at SERIAL and SUITE. */
@unmanaged
export class Head {
  magic: u32;
  sequence: u32;
  life: u8;
  pinCheck: u8;
  /** Wrong PINs in a row that lock the card: 3 to 10. */
  tries: u8;
  suiteLength: u8;
  /** Tries that were spent when this page was written. */
  pinSpent: u8;
  codeSpent: u8;
  reserved: u16;
  /** The lock code as a number: 0 to 99,999,999. */
  lockCode: u32;
}

const MAGIC: u32 = 0x31435344; // "DSC1"
const SERIAL_AT: u32 = 0x14;
const SUITE_AT: u32 = 0x20;
const HEAD_CHECK_AT: u32 = 0x44;
const ROOT_AT: u32 = 0x48;
const ROOT_CHECK_AT: u32 = 0x58;
const END: u32 = 0x14c;

export const SERIAL_SIZE: u32 = 12;
export const SUITE_SIZE: u32 = 36;
export const ROOT_SIZE: u32 = 16;
/** A sealed text of vault.ts. */
export const WRAP_SIZE: u32 = 116;

/** Where the two wraps lie in a page. */
export enum Wrap {
  PIN = 0x5c,
  CODE = 0xd4,
}

/** Where the slots for spent tries lie in a page. */
export enum Slots {
  CODE = 0x150,
  PIN = 0x178,
  END = 0x400,
}

/** The page in memory, as far as a commit writes it. */
const IMAGE: usize = memory.data(0x14c);
export const head = changetype<Head>(IMAGE);
export const SERIAL: usize = IMAGE + SERIAL_AT;
export const SUITE: usize = IMAGE + SUITE_AT;
export const ROOT: usize = IMAGE + ROOT_AT;

@unmanaged
class Place {
  page: u32;
}
const current = changetype<Place>(memory.data(4));

/** The flash address of an offset in the current page. */
export function address(offset: u32): u32 {
  return current.page * PAGE_SIZE + offset;
}

/** A wrap in memory, to read or to fill before a commit. */
export function wrap(which: Wrap): usize {
  return IMAGE + which;
}

/**
 * Finds the newest page and reads it, finishing what power interrupted. On a card that never
 * started, writes the first page with a fresh root secret.
 */
export function mount(): Outcome {
  let newest: u32 = 0;
  let suspicious = false;
  for (let page: u32 = 0; page < PAGES; page++) {
    flash.read(page * PAGE_SIZE, IMAGE, ROOT_AT);
    if (!headIsWhole()) {
      // A first start that power interrupted leaves at most a torn commit of sequence 1.
      if (load<u32>(IMAGE, HEAD_CHECK_AT) !== ERASED && head.sequence !== 1) suspicious = true;
    } else if (head.sequence > newest) {
      newest = head.sequence;
      current.page = page;
    }
  }
  if (newest === 0) return suspicious ? Outcome.FLASH : firstStart();
  flash.read(address(0), IMAGE, END);
  if (!isWhole(ROOT_AT, ROOT_CHECK_AT - ROOT_AT)) return Outcome.FLASH;
  return clearOthers() ? Outcome.DONE : Outcome.BATTERY;
}

/** Writes the image in memory as the next page, commits it and erases the page before. */
export function commit(): Outcome {
  const page = (current.page + 1) % PAGES;
  const start = page * PAGE_SIZE;
  head.magic = MAGIC;
  head.sequence++;
  seal(0, HEAD_CHECK_AT);
  seal(ROOT_AT, ROOT_CHECK_AT - ROOT_AT);
  if (!isDestroyed(Wrap.PIN)) seal(Wrap.PIN, WRAP_SIZE);
  if (!isDestroyed(Wrap.CODE)) seal(Wrap.CODE, WRAP_SIZE);
  if (!flash.clear(page)) return Outcome.BATTERY;
  for (let at: u32 = 0; at < END; at += 4) {
    if (at !== HEAD_CHECK_AT && !write(start, at)) return Outcome.BATTERY;
  }
  if (!write(start, HEAD_CHECK_AT)) return Outcome.BATTERY;
  if (!reads(start)) return Outcome.FLASH;
  current.page = page;
  return clearOthers() ? Outcome.DONE : Outcome.BATTERY;
}

/** Whether a wrap can be opened with the right secret: it is there and its check value holds. */
export function isUsable(which: Wrap): bool {
  return !isDestroyed(which) && isWhole(which, WRAP_SIZE);
}

/** Programs a wrap to zeros, in flash and in memory; done before, it does nothing. */
export function destroy(which: Wrap): Outcome {
  memory.fill(IMAGE + which, 0, WRAP_SIZE + 4);
  return flash.zero(address(which), WRAP_SIZE + 4) ? Outcome.DONE : Outcome.BATTERY;
}

/** Marks a wrap in memory as not there; the next commit writes it so. */
export function drop(which: Wrap): void {
  memory.fill(IMAGE + which, 0, WRAP_SIZE + 4);
}

/** Forgets the page in memory. */
export function wipe(): void {
  memory.fill(IMAGE, 0, END);
  current.page = 0;
}

function firstStart(): Outcome {
  memory.fill(IMAGE, 0, END);
  if (!host.random(ROOT, ROOT_SIZE)) return Outcome.RANDOM;
  head.life = <u8>Life.BLANK;
  current.page = PAGES - 1;
  return commit();
}

function clearOthers(): bool {
  for (let page: u32 = 0; page < PAGES; page++) {
    if (page !== current.page && !flash.clear(page)) return false;
  }
  return true;
}

function write(start: u32, offset: u32): bool {
  const value = load<u32>(IMAGE + offset);
  return value === ERASED || flash.program(start + offset, value);
}

/** Whether flash from `start` on says what the image says. */
function reads(start: u32): bool {
  let difference: u32 = 0;
  for (let at: u32 = 0; at < END; at += 4) difference |= flash.word(start + at) ^ load<u32>(IMAGE + at);
  return difference === 0;
}

function headIsWhole(): bool {
  return head.magic === MAGIC && isWhole(0, HEAD_CHECK_AT);
}

/** Whether the check value behind a record of the image holds. */
function isWhole(offset: u32, length: u32): bool {
  return load<u32>(IMAGE + offset + length) === check(offset, length);
}

function seal(offset: u32, length: u32): void {
  store<u32>(IMAGE + offset + length, check(offset, length));
}

/** A record's check value holds for its place and its page's sequence number only. */
function check(offset: u32, length: u32): u32 {
  return crc32(head.sequence ^ (offset << 16), IMAGE + offset, length);
}

function isDestroyed(which: Wrap): bool {
  let bits: u32 = 0;
  for (let i: u32 = 0; i < WRAP_SIZE + 4; i += 4) bits |= load<u32>(IMAGE + which + i);
  return bits === 0;
}
