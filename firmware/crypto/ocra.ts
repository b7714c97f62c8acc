// OCRA, the OATH challenge-response algorithm (RFC 6287), for every suite of its §6:
// C, Q in N, A and H, P, S, T, and 4 to 10 digits or none.
//
//   suite    = "OCRA-1:" "HOTP-SHA" n "-" digits ":" [C-] Q [-P] [-S] [-T]
//   response = decimal(truncate(HMAC(key, suite | 00 | [C] Q [P] [S] [T])))

import * as hash from "./hash";
import { Hash } from "./hash";
import * as hmac from "./hmac";

/** A suite as `parse` reads it. Zero means absent, except in `digits`. */
@unmanaged
export class Suite {
  algorithm: u32;
  /** Digits of the response: 4 to 10, or 0: the whole HMAC, not truncated (§5.2). */
  digits: u32;
  counter: u32;
  /** The letter N, A or H (§5.1, Q), and the longest challenge. */
  format: u32;
  challenge: u32;
  /** The hash of P; a Hash. */
  pin: u32;
  /** Bytes of S. */
  session: u32;
  /** Seconds in a time step of T. */
  step: u32;
}
/** The suite parsed last. */
export const suite = changetype<Suite>(memory.data(offsetof<Suite>()));

/** The inputs of a response beside key and suite. Only those that the suite names are read. */
@unmanaged
export class Input {
  counter: u64;
  time: u64;
  /** The challenge in ASCII: decimal digits, characters or hexadecimal digits. */
  challenge: usize;
  challengeLength: u32;
  /** The hash of the PIN (digestSize bytes of suite.pin). */
  pin: usize;
  /** Session information. If it is shorter than the suite says, it is padded with zeros in front. */
  session: usize;
  sessionLength: u32;
}
export const input = changetype<Input>(memory.data(offsetof<Input>()));

/** Where `parse` reads, and where the text ends. */
@unmanaged
class Cursor {
  at: usize;
  end: usize;
}
const cursor = changetype<Cursor>(memory.data(offsetof<Cursor>()));

/** The characters of a suite. */
export enum Ascii {
  ZERO = 0x30,
  DASH = 0x2d,
  COLON = 0x3a,
  A = 0x41,
  C = 0x43,
  H = 0x48,
  M = 0x4d,
  N = 0x4e,
  P = 0x50,
  Q = 0x51,
  S = 0x53,
  T = 0x54,
}

/** What `number` returns if there is no number. */
const NONE: u32 = 0xffffffff;
/** The most characters of one party's challenge (§6.3); in mutual mode Q holds two (§5.1). */
const MAX_CHALLENGE: u32 = 64;
const FIELD_SIZE: u32 = 128;
const WORD: usize = memory.data(8);
const FIELD: usize = memory.data(128);
/** The HMAC, in the place of the field that went into it. */
const MAC: usize = FIELD;

/** Parses the suite of `length` ASCII bytes at `text` into `suite`. Returns false if it is not a suite (§6). */
export function parse(text: usize, length: u32): bool {
  memory.fill(changetype<usize>(suite), 0, 32);
  cursor.at = text;
  cursor.end = text + length;
  if (!literal("OCRA-1:HOTP-") || !cryptoFunction() || !symbol(Ascii.COLON)) return false;
  if (symbol(Ascii.C)) {
    suite.counter = 1;
    if (!symbol(Ascii.DASH)) return false;
  }
  if (!challengeFormat()) return false;
  if (atEnd()) return true;
  if (!symbol(Ascii.DASH)) return false;
  return dataInput();
}

/**
 * Computes the response to `input` under `suite`, whose text is the `length` bytes at `text`. Writes suite.digits ASCII
 * digits to `out` (or the whole HMAC) and returns the number of bytes.
 */
export function respond(text: usize, length: u32, key: usize, keyLength: u32, out: usize): u32 {
  hmac.begin(suite.algorithm, key, keyLength);
  hmac.update(text, length);
  word(0, 1);
  if (suite.counter) word(input.counter, 8);
  encodeChallenge();
  hmac.update(FIELD, FIELD_SIZE);
  if (suite.pin) hmac.update(input.pin, hash.digestSize(suite.pin));
  if (suite.session) session();
  if (suite.step) word(input.time, 8);
  hmac.end(MAC);
  const size = hash.digestSize(suite.algorithm);
  const written = suite.digits ? decimal(truncate(size), suite.digits, out) : raw(size, out);
  wipe();
  return written;
}

/** Wipes the inputs and the HMAC. */
export function wipe(): void {
  memory.fill(FIELD, 0, FIELD_SIZE);
  memory.fill(changetype<usize>(input), 0, 40);
}

/** Writes `value` as `digits` ASCII digits with leading zeros. Returns `digits`. */
export function decimal(value: u32, digits: u32, out: usize): u32 {
  for (let i = digits; i > 0; i--) {
    store<u8>(out + i - 1, (Ascii.ZERO + (value % 10)) as u8);
    value /= 10;
  }
  return digits;
}

/** Dynamic truncation (RFC 4226 §5.3), not yet reduced to digits. */
function truncate(size: u32): u32 {
  const offset = load<u8>(MAC + size - 1) & 15;
  return bswap<u32>(load<u32>(MAC + offset)) & 0x7fffffff;
}

function raw(size: u32, out: usize): u32 {
  memory.copy(out, MAC, size);
  return size;
}

/** Adds the low `length` bytes of `value` to the HMAC, the highest first. */
function word(value: u64, length: u32): void {
  store<u64>(WORD, bswap<u64>(value));
  hmac.update(WORD + 8 - length, length);
}

function session(): void {
  for (let i = input.sessionLength; i < suite.session; i++) word(0, 1);
  hmac.update(input.session, input.sessionLength);
}

/** Q as its 128-byte field (§5.1): left-aligned, zeros after it. */
function encodeChallenge(): void {
  memory.fill(FIELD, 0, FIELD_SIZE);
  const length = input.challengeLength;
  if (suite.format === Ascii.A) {
    memory.copy(FIELD, input.challenge, min<u32>(length, FIELD_SIZE));
    return;
  }
  if (suite.format === Ascii.H) {
    for (let i: u32 = 0; i < min<u32>(length, 2 * FIELD_SIZE); i++) {
      setNibble(i, hexDigit(load<u8>(input.challenge + i)));
    }
    return;
  }
  encodeNumber(min<u32>(length, 2 * MAX_CHALLENGE));
}

/** Encodes a decimal number as the shortest hexadecimal number, left-aligned: 123456 → 1e240. */
function encodeNumber(length: u32): void {
  // A number of n decimal digits fits in n nibbles. Compute it at the end of the field, then move it to the start.
  const bytes = (length + 1) >> 1;
  const number = FIELD + FIELD_SIZE - bytes;
  for (let i: u32 = 0; i < length; i++) {
    let carry: u32 = (load<u8>(input.challenge + i) as u32) - Ascii.ZERO;
    for (let at = number + bytes; at > number; at--) {
      carry += (load<u8>(at - 1) as u32) * 10;
      store<u8>(at - 1, carry as u8);
      carry >>= 8;
    }
  }
  const total = 2 * FIELD_SIZE;
  let from = total - 2 * bytes;
  while (from < total && nibble(from) === 0) from++;
  for (let to: u32 = 0; from < total; from++, to++) {
    const value = nibble(from);
    setNibble(from, 0);
    setNibble(to, value);
  }
}

function nibble(index: u32): u32 {
  const byte = load<u8>(FIELD + (index >> 1)) as u32;
  return index & 1 ? byte & 15 : byte >> 4;
}

function setNibble(index: u32, value: u32): void {
  const at = FIELD + (index >> 1);
  const byte = load<u8>(at) as u32;
  store<u8>(at, (index & 1 ? (byte & 0xf0) | value : (byte & 0x0f) | (value << 4)) as u8);
}

function hexDigit(c: u32): u32 {
  return c <= 0x39 ? c - Ascii.ZERO : (c & 15) + 9;
}

/** SHAn-digits (§6.2). */
function cryptoFunction(): bool {
  suite.algorithm = hashName();
  if (suite.algorithm === 0 || !symbol(Ascii.DASH)) return false;
  suite.digits = plainNumber(2);
  return suite.digits === 0 || (suite.digits >= 4 && suite.digits <= 10);
}

/** QNxx, QAxx or QHxx, xx from 04 to 64 (§6.3). */
function challengeFormat(): bool {
  if (!symbol(Ascii.Q)) return false;
  if (symbol(Ascii.N)) suite.format = Ascii.N;
  else if (symbol(Ascii.A)) suite.format = Ascii.A;
  else if (symbol(Ascii.H)) suite.format = Ascii.H;
  else return false;
  const start = cursor.at;
  suite.challenge = number(2);
  return cursor.at - start === 2 && suite.challenge >= 4 && suite.challenge <= MAX_CHALLENGE;
}

/** [Phash][-Snnn][-Tn], at least one of them (§6.3). */
function dataInput(): bool {
  if (symbol(Ascii.P)) {
    suite.pin = hashName();
    if (suite.pin === 0) return false;
    if (atEnd()) return true;
    if (!symbol(Ascii.DASH)) return false;
  }
  if (symbol(Ascii.S)) {
    const start = cursor.at;
    suite.session = number(3);
    if (cursor.at - start !== 3 || suite.session === 0 || suite.session > 512) return false;
    if (atEnd()) return true;
    if (!symbol(Ascii.DASH)) return false;
  }
  if (!symbol(Ascii.T)) return false;
  suite.step = timeStep();
  return suite.step !== 0 && atEnd();
}

/** The time step, 1–59 S or M or 1–48 H (§6.3), in seconds; 0 if it is none of these. */
function timeStep(): u32 {
  const steps = plainNumber(2);
  if (steps === 0 || steps > 59) return 0;
  if (symbol(Ascii.S)) return steps;
  if (symbol(Ascii.M)) return steps * 60;
  return symbol(Ascii.H) && steps <= 48 ? steps * 3600 : 0;
}

/** A Hash by its name, or 0. */
function hashName(): u32 {
  if (!literal("SHA")) return 0;
  const bits = plainNumber(3);
  if (bits === 1) return Hash.SHA1;
  if (bits === 256) return Hash.SHA256;
  return bits === 512 ? Hash.SHA512 : 0;
}

/** A decimal number of at most `most` digits, or NONE. */
function number(most: u32): u32 {
  let value: u32 = 0;
  const start = cursor.at;
  while (!atEnd() && cursor.at - start < most) {
    const digit = (load<u8>(cursor.at) as u32) - Ascii.ZERO;
    if (digit > 9) break;
    value = value * 10 + digit;
    cursor.at++;
  }
  return cursor.at === start ? NONE : value;
}

/**
 * The same without leading zeros: lengths are written 08 and 064, but hashes, digits and time steps are written SHA1, 6
 * and 1M (§6).
 */
function plainNumber(most: u32): u32 {
  const start = cursor.at;
  const value = number(most);
  return cursor.at - start > 1 && load<u8>(start) === Ascii.ZERO ? NONE : value;
}

function literal(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    if (!symbol(load<u8>(changetype<usize>(text) + (i << 1)))) return false;
  }
  return true;
}

function symbol(c: u32): bool {
  if (atEnd() || load<u8>(cursor.at) !== c) return false;
  cursor.at++;
  return true;
}

function atEnd(): bool {
  return cursor.at >= cursor.end;
}
