// Parses the contents of a file, a pipe or a prompt as a secret: a key in hexadecimal, a PIN, a passphrase.
//
// Contents stay in buffers, never in strings, so that they can be wiped. The caller wipes what is returned. An error
// names the source and the fault, but nothing of the contents.

import { isUtf8 } from "node:buffer";
import { SecretError } from "./errors.js";
import { nfkc, type Passphrase } from "./passphrase.js";
import { copyOfSecret, secretBytes } from "./secretbytes.js";

const PIN_DIGITS = 4;
const SEED_KEY_DIGITS = 32;

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const DELETE = 0x7f;
const COMMENT = 0x23;
const BLANKS = [SPACE, TAB, RETURN];

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const UTF_16_MARKS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];

/** Separators that people write between and around hexadecimal digits. */
const SEPARATORS = Buffer.from(" \t:-_,;'\"");
/** The fewest characters without separators in a line that is meant to be a key. */
const LEAST_LIKE_KEY = 24;
/** The most wrong characters in such a line, such as an O for a 0, or a leading 0x. */
const MOST_MISTYPED = 4;

/** A key of `least` to `most` bytes in hexadecimal, on one line; lines that begin with # are comments. */
export function keyIn(contents: Buffer, source: string, least: number, most: number): Buffer {
  const [digits, second] = keyLines(contents);
  if (!digits) throw new SecretError(`${source}: empty; a key in hexadecimal is expected`);
  const encoding = second || !digits.every(isHex) ? encodingFault(contents) : undefined;
  if (encoding) throw new SecretError(`${source}: ${encoding}`);
  if (second) throw new SecretError(`${source}: more than one line; a key in hexadecimal is expected`);
  if (!digits.every(isHex)) throw new SecretError(`${source}: not hexadecimal`);
  if (digits.length % 2 !== 0) throw new SecretError(`${source}: an odd number of hexadecimal digits`);
  const size = digits.length / 2;
  if (size < least || size > most) {
    const wanted = least === most ? `${least}` : `${least} to ${most}`;
    throw new SecretError(`${source}: a key of ${size} bytes; ${wanted} are expected`);
  }
  return decoded(digits);
}

/** A PIN: four digits, as ASCII. */
export function pinIn(contents: Buffer, source: string): Buffer {
  const pin = trim(contents);
  if (pin.length === PIN_DIGITS && pin.every(isDigit)) return copyOfSecret(pin);
  const why = encodingFault(contents);
  throw new SecretError(`${source}: no PIN; four digits are expected, and nothing else${why ? `: ${why}` : ""}`);
}

/** A passphrase: the one line, blanks included. */
export function passphraseIn(contents: Buffer, source: string): Buffer {
  const line = withoutLineEnd(contents);
  if (line.length === 0) throw new SecretError(`${source}: empty; a passphrase is expected`);
  if (line.includes(NEWLINE)) throw new SecretError(`${source}: more than one line; a passphrase has one`);
  return copyOfSecret(line);
}

/** The secret of a seed file: a key if there are exactly 32 hexadecimal digits, otherwise a passphrase. */
export function seedSecretIn(contents: Buffer, source: string): Buffer | (Passphrase & { passphrase: Buffer }) {
  const [digits = contents.subarray(0, 0), ...more] = keyLines(contents);
  if (digits.length === SEED_KEY_DIGITS && more.length === 0 && digits.every(isHex)) return decoded(digits);
  const fault = faultOf(contents);
  // A key with a comment above it is not a passphrase of two lines.
  if (fault && withoutLineEnd(contents).includes(NEWLINE)) throw new SecretError(`${source}: ${fault}`);
  const passphrase = passphraseIn(contents, source);
  return { passphrase, doubt: fault && `${source}: ${fault}` };
}

/** Why the contents are most likely not a passphrase; undefined if they may be one. */
function faultOf(contents: Buffer): string | undefined {
  const encoding = encodingFault(contents);
  if (encoding) return encoding;
  if (!isUtf8(contents)) return "not UTF-8; save it in that encoding";
  if (withoutLineEnd(contents).some(isControl)) return "control characters in it; a passphrase has none";
  const normal = nfkc(contents);
  try {
    return looksLikeKey(normal) ? likeKey(normal) : undefined;
  } finally {
    normal.fill(0);
  }
}

/** Damage that an editor did to the text. */
function encodingFault(contents: Buffer): string | undefined {
  if (contents.indexOf(BYTE_ORDER_MARK) === 0) return "a byte-order mark in front; save it as plain text without one";
  if (UTF_16_MARKS.some((mark) => contents.indexOf(mark) === 0)) return "UTF-16; save it as plain text in UTF-8";
  if (contents.includes(0)) return "NUL bytes in it, as in UTF-16; save it as plain text in UTF-8";
  return undefined;
}

/** Whether the only relevant line was meant to be a key: all digits, or many with few other characters. */
function looksLikeKey(contents: Buffer): boolean {
  const [line, ...more] = keyLines(contents);
  if (!line || more.length > 0) return false;
  if (line.every(isHex)) return true;
  // Counted in place: a copy would have to be wiped.
  let characters = 0;
  let others = 0;
  for (const character of line) {
    if (SEPARATORS.includes(character)) continue;
    characters++;
    if (!isHex(character)) others++;
  }
  return characters >= LEAST_LIKE_KEY && others <= MOST_MISTYPED;
}

function likeKey(contents: Buffer): string {
  const [line = contents] = keyLines(contents);
  const what = line.every(isHex) ? `${line.length} hexadecimal digits` : "like a key in hexadecimal, but none";
  return `${what}; a key is ${SEED_KEY_DIGITS} of them and nothing else, and a passphrase must not look like one`;
}

function decoded(digits: Buffer): Buffer {
  const key = secretBytes(digits.length / 2);
  const valueAt = (at: number) => digitValue(digits[at] ?? 0) ?? 0;
  for (let at = 0; at < key.length; at++) key[at] = valueAt(2 * at) * 16 + valueAt(2 * at + 1);
  return key;
}

/** The lines that are neither empty nor comments. */
function keyLines(contents: Buffer): Buffer[] {
  return linesOf(contents).filter((line) => line.length > 0 && line[0] !== COMMENT);
}

function isHex(character: number): boolean {
  return digitValue(character) !== undefined;
}

function digitValue(character: number): number | undefined {
  if (isDigit(character)) return character - 0x30;
  const letter = character | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined;
}

function isDigit(character: number): boolean {
  return character >= 0x30 && character <= 0x39;
}

/** A line end is reported as another fault. */
function isControl(character: number): boolean {
  return (character < SPACE && character !== TAB && character !== NEWLINE) || character === DELETE;
}

function linesOf(contents: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let rest = contents;
  for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
    lines.push(trim(rest.subarray(0, end)));
    rest = rest.subarray(end + 1);
  }
  return [...lines, trim(rest)];
}

function trim(line: Buffer): Buffer {
  const isBlank = (at: number) => [...BLANKS, NEWLINE].includes(line[at] ?? -1);
  let from = 0;
  let to = line.length;
  while (from < to && isBlank(from)) from++;
  while (to > from && isBlank(to - 1)) to--;
  return line.subarray(from, to);
}

function withoutLineEnd(contents: Buffer): Buffer {
  let end = contents.length;
  if (contents[end - 1] === NEWLINE) end--;
  if (contents[end - 1] === RETURN) end--;
  return contents.subarray(0, end);
}
