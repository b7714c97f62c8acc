// What the card keeps in flash: one current page, written whole and committed by its last word.
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
// Each change of a field writes a new page, with the next sequence number, in the next of the four places, which
// spreads wear; then the page before is erased. docs/FLASH.md describes every bit.

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
  /** FIRST on the page of the first start, zero on every later one. A power cut never changes FIRST. */
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

/** The version of the public GlobalPlatform test keys, which a factory-new card has. */
export const TEST_KEYS: u8 = <u8>KeyVersion.TEST;
/** The first byte of each test key, which is 40 41 42 … 4f. */
const TEST_KEY_START: u32 = 0x40;
/** All bits are erased, so neither a torn program nor a torn erase of its page can change it. */
const FIRST: u8 = 0xff;
/** Bytes of a wrap, as vault.ts seals it. */
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

/** The current page in memory, as far as a commit writes it. */
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

/** The flash address of the current page, computed independently of `address`. */
export function pageStart(): u32 {
  return ((current.page ^ 0x100) << 10) & 0xfff;
}

/** The number of the current page. */
export function currentPage(): u32 {
  return current.page;
}

/** Whether flash and memory agree about the current page: a fault may have changed the image or the page number. */
export function isCurrent(): bool {
  return head.magic === MAGIC && reads(address(0));
}

/** Whether memory holds a page. It holds none if `mount` found none or a wipe could not finish. */
export function isMounted(): bool {
  return head.magic === MAGIC;
}

/** A wrap in memory, to read or to fill before a commit. */
export function wrap(which: Wrap): usize {
  return IMAGE + which;
}

/**
 * Finds the newest page, reads it and finishes what a power cut interrupted. On a card that never started, writes the
 * first page with a fresh root secret.
 */
export function mount(): Outcome {
  let newest: u32 = 0;
  let suspicious = false;
  for (let page: u32 = 0; page < PAGES; page++) {
    flash.read(page * PAGE_SIZE, IMAGE, ROOT_AT);
    if (!headIsWhole()) {
      // An interrupted first start leaves no other torn page than one marked FIRST.
      if (load<u32>(IMAGE, HEAD_CHECK_AT) !== ERASED && head.first !== FIRST) suspicious = true;
    } else if (head.sequence > newest) {
      newest = head.sequence;
      current.page = page;
    }
  }
  // A faulty read may have put key bytes where the serial number belongs, so wipe the image.
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

/** Accepts the bytes at KEYS as the transport keys of the next commit. */
export function admitKeys(): void {
  putCheck(KEYS_AT, KEYS_SIZE);
}

/**
 * Writes the image as the next page, commits it and erases the page before. If that fails, reads the image back from
 * the current page. Transport keys that were not admitted are never written: a fault that overwrote them in memory
 * would give the card keys that everybody knows.
 */
export function commit(): Outcome {
  if (head.magic !== MAGIC) return Outcome.FLASH;
  const outcome = isWhole(KEYS_AT, KEYS_SIZE) ? writeNext() : Outcome.FLASH;
  if (outcome !== Outcome.DONE) revert();
  return outcome;
}

/** Undoes changes in memory that were not committed. */
export function revert(): void {
  flash.read(address(0), IMAGE, END);
}

function writeNext(): Outcome {
  const page = (current.page + 1) % PAGES;
  const start = page * PAGE_SIZE;
  // The commit must program its word. If the check value equals an erased word, take another sequence number.
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
  // Read the rest back before the commit: a page that was written wrongly must never count.
  if (!reads(start)) return Outcome.FLASH;
  if (!write(start, HEAD_CHECK_AT)) return Outcome.BATTERY;
  if (flash.word(start + HEAD_CHECK_AT) !== load<u32>(IMAGE, HEAD_CHECK_AT)) return Outcome.FLASH;
  current.page = page;
  return clearOthers();
}

/** Whether the right secret can open a wrap: it is present and its check value holds. */
export function isUsable(which: Wrap): bool {
  return !isDestroyed(which) && isWhole(which, WRAP_SIZE);
}

/** Programs a wrap to zeros in flash, unless it is zero already, and reads the page back into memory. */
export function destroy(which: Wrap): Outcome {
  const done = flash.zero(address(which), WRAP_SIZE + 4);
  revert();
  return done ? Outcome.DONE : Outcome.BATTERY;
}

/** Removes a wrap from the image. The next commit writes zeros in its place. */
export function drop(which: Wrap): void {
  memory.fill(IMAGE + which, 0, WRAP_SIZE + 4);
}

/**
 * Makes the card blank, with a fresh root secret; serial number and transport keys stay. If it cannot finish, the next
 * power-on finishes the wipe; until then nothing can be committed.
 */
export function wipeCard(): Outcome {
  if (!flash.program(address(WIPE_MARK_AT), 0)) return Outcome.BATTERY;
  const outcome = finishWipe();
  if (outcome !== Outcome.DONE) wipe();
  return outcome;
}

/** Wipes the image. */
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

/** Zeroes every copy of the root secret, stale ones too, and only then writes the blank page and erases the others. */
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

/**
 * Erases all pages but the current one. Then checks that a fault did not erase the current page, which holds the counts
 * of tries.
 */
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

/** Whether the page at flash address `start` equals the image, apart from the commit word. */
function reads(start: u32): bool {
  let difference: u32 = 0;
  for (let at: u32 = 0; at < END; at += 4) {
    if (at !== HEAD_CHECK_AT) difference |= flash.word(start + at) ^ load<u32>(IMAGE + at);
  }
  return difference === 0;
}

/** Whether the page in the image was committed: its check value holds and is not an erased word. */
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

/** The check value of a record. It holds only at its offset and with its page's sequence number. */
function check(offset: u32, length: u32): u32 {
  return crc32(head.sequence ^ (offset << 16), IMAGE + offset, length);
}

function isDestroyed(which: Wrap): bool {
  let bits: u32 = 0;
  for (let i: u32 = 0; i < WRAP_SIZE + 4; i += 4) bits |= load<u32>(IMAGE + which + i);
  return bits === 0;
}
