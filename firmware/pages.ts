// What the card remembers: one page of flash at a time, written whole and committed by its last word.
//
//   0x000  head: magic, sequence, who judges the PIN, serial number, suite, lock code; check value = commit
//   0x048  root secret; check value
//   0x05c  transport keys; check value
//   0x090  wrap under the PIN; check value
//   0x108  wrap under the unlock code; check value
//   0x180  (end of what a commit writes) wipe mark
//   0x188  tries spent on unlock codes, 5 slots
//   0x1b0  tries spent on PINs, 74 slots; page ends at 0x400
//
// A change of any field is a new page with the next sequence number in the next place, round and
// round, so that wear spreads; the page before is erased afterwards. Every bit: docs/FLASH.md.

import { crc32 } from "./crypto/crc32";
import * as flash from "./flash";
import { ERASED, PAGE_SIZE, PAGES } from "./flash";
import * as host from "./host";
import { Outcome } from "./outcome";
import { KeyVersion, Life, PutKey } from "./wire";

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
  /** The version of the transport keys. */
  keyVersion: u8;
  /** FIRST on the page of the first start, zero on all after it. No cut of power makes FIRST anything else. */
  first: u8;
  /** The lock code as a number: 0 to 99,999,999. */
  lockCode: u32;
}

const MAGIC: u32 = 0x31435344; // "DSC1"
const SERIAL_AT: u32 = 0x14;
const SUITE_AT: u32 = 0x20;
const HEAD_CHECK_AT: u32 = 0x44;
const ROOT_AT: u32 = 0x48;
const KEYS_AT: u32 = 0x5c;
const END: u32 = 0x180;
const WIPE_MARK_AT: u32 = 0x180;

export const SERIAL_SIZE: u32 = 12;
export const SUITE_SIZE: u32 = 36;
export const ROOT_SIZE: u32 = 16;
export const KEY_SIZE: u32 = PutKey.KEY;
const KEYS_SIZE: u32 = 48;

/** The version of the public GlobalPlatform test keys, which a card leaves the fab with. */
export const TEST_KEYS: u8 = <u8>KeyVersion.TEST;
/** The first byte of each of them: 40 41 42 … 4f. */
const TEST_KEY_START: u32 = 0x40;
/** Erased bits: neither a torn program nor a torn erase changes them on a page that has them. */
const FIRST: u8 = 0xff;
/** A sealed text of vault.ts. */
export const WRAP_SIZE: u32 = 116;

/** Where the two wraps lie in a page. */
export enum Wrap {
  PIN = 0x90,
  CODE = 0x108,
}

/** Where the slots for spent tries lie in a page. */
export enum Slots {
  CODE = 0x188,
  PIN = 0x1b0,
  END = 0x400,
}

/** The page in memory, as far as a commit writes it. */
const IMAGE: usize = memory.data(0x180);
export const head = changetype<Head>(IMAGE);
export const SERIAL: usize = IMAGE + SERIAL_AT;
export const SUITE: usize = IMAGE + SUITE_AT;
export const ROOT: usize = IMAGE + ROOT_AT;
/** The transport keys: ENC, MAC and DEK (GPC_SPE_014 §5.1), KEY_SIZE bytes each. */
export const KEYS: usize = IMAGE + KEYS_AT;
export const DEK: usize = KEYS + 2 * KEY_SIZE;

@unmanaged
class Place {
  page: u32;
}
const current = changetype<Place>(memory.data(offsetof<Place>()));

/** The flash address of an offset in the current page. */
export function address(offset: u32): u32 {
  return current.page * PAGE_SIZE + offset;
}

/** Where the current page begins in flash, found another way than `address` does. */
export function pageStart(): u32 {
  return ((current.page ^ 0x100) << 10) & 0xfff;
}

/** The page that counts. */
export function currentPage(): u32 {
  return current.page;
}

/** Whether flash and memory agree about the current page: a fault may have changed what memory says, or where. */
export function isCurrent(): bool {
  return head.magic === MAGIC && reads(address(0));
}

/** Whether memory holds a page: not where no card was found, nor where a wipe could not end. */
export function isMounted(): bool {
  return head.magic === MAGIC;
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
      // A first start that power interrupted leaves at most a torn page of its own.
      if (load<u32>(IMAGE, HEAD_CHECK_AT) !== ERASED && head.first !== FIRST) suspicious = true;
    } else if (head.sequence > newest) {
      newest = head.sequence;
      current.page = page;
    }
  }
  // Of what was read from a wrong place, keys may lie where the serial number should: it is not kept.
  if (newest === 0) {
    wipe();
    return suspicious ? Outcome.FLASH : firstStart();
  }
  flash.read(address(0), IMAGE, END);
  if (!headIsWhole()) wipe();
  if (!isWhole(KEYS_AT, KEYS_SIZE)) return Outcome.FLASH;
  if (flash.word(address(WIPE_MARK_AT)) !== ERASED) return finishWipe();
  if (!isWhole(ROOT_AT, ROOT_SIZE) || !isLife(head.life)) return Outcome.FLASH;
  return clearOthers();
}

/** Takes what lies at KEYS as the transport keys of the next commit. */
export function admitKeys(): void {
  putCheck(KEYS_AT, KEYS_SIZE);
}

/**
 * Writes the image in memory as the next page, commits it and erases the page before. Where that
 * fails, the image is again what the page that counts says. Transport keys that were not admitted are never written: a
 * fault that overwrote them in memory would make known keys the card's own.
 */
export function commit(): Outcome {
  if (head.magic !== MAGIC) return Outcome.FLASH;
  const outcome = isWhole(KEYS_AT, KEYS_SIZE) ? writeNext() : Outcome.FLASH;
  if (outcome !== Outcome.DONE) revert();
  return outcome;
}

/** Takes back what was changed in memory and not committed. */
export function revert(): void {
  flash.read(address(0), IMAGE, END);
}

function writeNext(): Outcome {
  const page = (current.page + 1) % PAGES;
  const start = page * PAGE_SIZE;
  // The commit has to program its word: a head that checks to the erased word gets another sequence number.
  do {
    head.sequence++;
    head.first = head.sequence === 1 ? FIRST : 0;
    putCheck(0, HEAD_CHECK_AT);
  } while (load<u32>(IMAGE, HEAD_CHECK_AT) === ERASED);
  putCheck(ROOT_AT, ROOT_SIZE);
  putCheck(KEYS_AT, KEYS_SIZE);
  if (!isDestroyed(Wrap.PIN)) putCheck(Wrap.PIN, WRAP_SIZE);
  if (!isDestroyed(Wrap.CODE)) putCheck(Wrap.CODE, WRAP_SIZE);
  if (!flash.clear(page)) return Outcome.BATTERY;
  for (let at: u32 = 0; at < END; at += 4) {
    if (at !== HEAD_CHECK_AT && !write(start, at)) return Outcome.BATTERY;
  }
  // What was not written as meant must never become true: the commit comes after the look at the rest.
  if (!reads(start)) return Outcome.FLASH;
  if (!write(start, HEAD_CHECK_AT)) return Outcome.BATTERY;
  if (flash.word(start + HEAD_CHECK_AT) !== load<u32>(IMAGE, HEAD_CHECK_AT)) return Outcome.FLASH;
  current.page = page;
  return clearOthers();
}

/** Whether a wrap can be opened with the right secret: it is there and its check value holds. */
export function isUsable(which: Wrap): bool {
  return !isDestroyed(which) && isWhole(which, WRAP_SIZE);
}

/** Programs a wrap to zeros, in flash and in memory; done before, it does nothing. Memory says what flash says then. */
export function destroy(which: Wrap): Outcome {
  const done = flash.zero(address(which), WRAP_SIZE + 4);
  revert();
  return done ? Outcome.DONE : Outcome.BATTERY;
}

/** Marks a wrap in memory as not there; the next commit writes it so. */
export function drop(which: Wrap): void {
  memory.fill(IMAGE + which, 0, WRAP_SIZE + 4);
}

/**
 * Back to a blank card with a fresh root secret; serial number and transport keys stay. What it
 * begins and cannot end, power-on finishes; nothing can be committed until then.
 */
export function wipeCard(): Outcome {
  if (!flash.program(address(WIPE_MARK_AT), 0)) return Outcome.BATTERY;
  const outcome = finishWipe();
  if (outcome !== Outcome.DONE) wipe();
  return outcome;
}

/** Forgets the page in memory. */
export function wipe(): void {
  memory.fill(IMAGE, 0, END);
  current.page = 0;
}

function firstStart(): Outcome {
  memory.fill(IMAGE, 0, END);
  head.magic = MAGIC;
  head.keyVersion = TEST_KEYS;
  for (let i: u32 = 0; i < KEYS_SIZE; i++) store<u8>(KEYS + i, (TEST_KEY_START + (i % KEY_SIZE)) as u8);
  admitKeys();
  current.page = PAGES - 1;
  return commitBlank();
}

/** Zeroes every copy of the root secret, stale ones too, and only then writes and erases. */
function finishWipe(): Outcome {
  for (let page: u32 = 0; page < PAGES; page++) {
    if (!flash.isBlank(page) && !flash.zero(page * PAGE_SIZE + ROOT_AT, ROOT_SIZE + 4)) return Outcome.BATTERY;
  }
  head.pinCheck = 0;
  head.tries = 0;
  head.suiteLength = 0;
  head.pinSpent = 0;
  head.codeSpent = 0;
  head.lockCode = 0;
  memory.fill(SUITE, 0, SUITE_SIZE);
  drop(Wrap.PIN);
  drop(Wrap.CODE);
  return commitBlank();
}

function commitBlank(): Outcome {
  if (!host.random(ROOT, ROOT_SIZE)) return Outcome.RANDOM;
  head.life = <u8>Life.BLANK;
  return commit();
}

/** Erases all pages but one, and looks whether that one is still there: its counts of tries went with it. */
function clearOthers(): Outcome {
  for (let page: u32 = 0; page < PAGES; page++) {
    if (page !== current.page && !flash.clear(page)) return Outcome.BATTERY;
  }
  return reads(address(0)) ? Outcome.DONE : Outcome.FLASH;
}

function write(start: u32, offset: u32): bool {
  const value = load<u32>(IMAGE + offset);
  return value === ERASED || flash.program(start + offset, value);
}

/** Whether flash from `start` on says what the image says, the commit not yet written. */
function reads(start: u32): bool {
  let difference: u32 = 0;
  for (let at: u32 = 0; at < END; at += 4) {
    if (at !== HEAD_CHECK_AT) difference |= flash.word(start + at) ^ load<u32>(IMAGE + at);
  }
  return difference === 0;
}

/** Whether a page was committed: its check value holds, and is a word that was programmed. */
function headIsWhole(): bool {
  return head.magic === MAGIC && isWhole(0, HEAD_CHECK_AT) && load<u32>(IMAGE, HEAD_CHECK_AT) !== ERASED;
}

function isLife(life: u8): bool {
  return life === <u8>Life.BLANK || life === <u8>Life.SEEDED || life === <u8>Life.PERSONALIZED;
}

/** Whether the check value behind a record of the image holds. */
function isWhole(offset: u32, length: u32): bool {
  return load<u32>(IMAGE + offset + length) === check(offset, length);
}

function putCheck(offset: u32, length: u32): void {
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
