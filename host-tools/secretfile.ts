// Secrets from files or standard input: keys in hexadecimal, PINs, passphrases.
//
// What is read stays in buffers, never in strings, so that the caller can wipe it: what is returned is
// the caller's to fill with zeros. An error says what is wrong with a file, and nothing of its contents.

import { randomFillSync } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { createExclusive, DISK, explained, type FileSystem } from "./files.js";
import { concatSecrets, copyOfSecret, hexOf, secretBytes } from "./secretbytes.js";

/** A secret that cannot be used; the message is one line for people, with nothing of the secret in it. */
export class SecretError extends Error {
  override name = "SecretError";
}

export interface SecretOptions {
  /** Reads the file although its group or others may too. */
  allowShared?: boolean;
  /** Where `-` is read from, or what was read there. */
  stdin?: number | Uint8Array;
}

export interface KeyOptions extends SecretOptions {
  /** Bytes of the key. */
  least?: number;
  most?: number;
}

/** Standard input instead of a file. */
export const STDIN = "-";

/** No secret is longer. */
const MAX_BYTES = 4096;
const LEAST_KEY = 16;
const MOST_KEY = 64;
const PIN_DIGITS = 4;
const TRANSPORT_KEY_BYTES = 16;
const SEED_KEY_BYTES = 16;
const TRANSPORT_KEY_HEAD = Buffer.from(
  "# DSC+ transport master key (AES-128). Keep it secret: it reseeds every card.\n",
);

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const COMMENT = 0x23;
const BLANKS = [0x20, 0x09, RETURN];

/** A key in hexadecimal, on one line; lines that begin with # are comments. */
export function readKey(path: string, options: KeyOptions = {}): Buffer {
  const { least = LEAST_KEY, most = MOST_KEY } = options;
  return reading(path, options, (contents) => {
    const [digits, second] = keyLines(contents);
    if (!digits) throw new SecretError(`${nameOf(path)}: empty; a key in hexadecimal is expected`);
    if (second) throw new SecretError(`${nameOf(path)}: more than one line; a key in hexadecimal is expected`);
    return decodeKey(digits, path, least, most);
  });
}

/** What opens a seed file: a key where the file holds 32 hexadecimal digits and nothing else, or else a passphrase. */
export function readSeedSecret(path: string, options: SecretOptions = {}): Buffer | { passphrase: Buffer } {
  let isKey = false;
  const secret = reading(path, options, (contents) => {
    const [digits, ...more] = keyLines(contents);
    isKey = digits?.length === 2 * SEED_KEY_BYTES && more.length === 0 && digits.every(isHex);
    return isKey && digits ? decodeKey(digits, path, SEED_KEY_BYTES, SEED_KEY_BYTES) : onlyLine(contents, path);
  });
  return isKey ? secret : { passphrase: secret };
}

/** A PIN: four digits, as ASCII. */
export function readPin(path: string, options: SecretOptions = {}): Buffer {
  return reading(path, options, (contents) => {
    const pin = trim(contents);
    if (pin.length !== PIN_DIGITS || !pin.every(isDigit))
      throw new SecretError(`${nameOf(path)}: no PIN; four digits are expected, and nothing else`);
    return copyOfSecret(pin);
  });
}

/** A passphrase: the one line of the file, spaces included. */
export function readPassphrase(path: string, options: SecretOptions = {}): Buffer {
  return reading(path, options, (contents) => onlyLine(contents, path));
}

/** Draws a transport master key and keeps it in a new file of the owner's. Never overwrites. */
export function createTransportKeyFile(path: string, disk: FileSystem = DISK): void {
  const key = randomFillSync(secretBytes(TRANSPORT_KEY_BYTES));
  const hex = hexOf(key);
  const contents = concatSecrets(TRANSPORT_KEY_HEAD, hex, Buffer.of(NEWLINE));
  try {
    createExclusive(path, contents, disk);
  } finally {
    for (const secret of [key, hex, contents]) secret.fill(0);
  }
}

/** A transport master key: 16 bytes. */
export function readTransportKey(path: string, options: SecretOptions = {}): Buffer {
  return readKey(path, { ...options, least: TRANSPORT_KEY_BYTES, most: TRANSPORT_KEY_BYTES });
}

/** Hands the contents to `use` and wipes them. */
function reading(path: string, options: SecretOptions, use: (contents: Buffer) => Buffer): Buffer {
  const buffer = Buffer.alloc(MAX_BYTES + 1);
  try {
    const size = path === STDIN ? readStdin(options.stdin ?? 0, buffer) : readFile(path, buffer, options);
    if (size > MAX_BYTES) throw new SecretError(`${nameOf(path)}: more than ${MAX_BYTES} bytes; no secret is so long`);
    return use(buffer.subarray(0, size));
  } catch (error) {
    if (error instanceof SecretError) throw error;
    throw explained(nameOf(path), "read", error);
  } finally {
    buffer.fill(0);
  }
}

function readStdin(stdin: number | Uint8Array, buffer: Buffer): number {
  if (typeof stdin === "number") return fill(stdin, buffer);
  buffer.set(stdin.subarray(0, buffer.length));
  return Math.min(stdin.length, buffer.length);
}

function readFile(path: string, buffer: Buffer, options: SecretOptions): number {
  const file = openSync(path, "r");
  try {
    const stats = fstatSync(file);
    refuseOtherKinds(path, stats);
    if (!options.allowShared) refuseShared(path, stats);
    return fill(file, buffer);
  } finally {
    closeSync(file);
  }
}

/** A file, or a pipe that a shell has made. */
function refuseOtherKinds(path: string, stats: Stats): void {
  if (stats.isDirectory()) throw new SecretError(`${path}: cannot read it: it is a folder`);
  if (!stats.isFile() && !stats.isFIFO()) throw new SecretError(`${path}: not a file`);
}

/** Windows keeps no such mode. */
function refuseShared(path: string, { mode }: Stats): void {
  if (process.platform === "win32" || (mode & 0o077) === 0) return;
  throw new SecretError(`${path}: others may read it; do chmod 600, or insist with --insecure-key-file`);
}

/** Reads until the end or until the buffer is full. */
function fill(file: number, buffer: Buffer): number {
  let size = 0;
  while (size < buffer.length) {
    const count = readSync(file, buffer, size, buffer.length - size, null);
    if (count === 0) break;
    size += count;
  }
  return size;
}

function decodeKey(digits: Buffer, path: string, least: number, most: number): Buffer {
  if (!digits.every(isHex)) throw new SecretError(`${nameOf(path)}: not hexadecimal`);
  if (digits.length % 2 !== 0) throw new SecretError(`${nameOf(path)}: an odd number of hexadecimal digits`);
  const size = digits.length / 2;
  if (size < least || size > most) {
    const wanted = least === most ? `${least}` : `${least} to ${most}`;
    throw new SecretError(`${nameOf(path)}: a key of ${size} bytes; ${wanted} are expected`);
  }
  const key = secretBytes(size);
  const valueAt = (at: number) => digitValue(digits[at] ?? 0) ?? 0;
  for (let at = 0; at < size; at++) key[at] = valueAt(2 * at) * 16 + valueAt(2 * at + 1);
  return key;
}

function onlyLine(contents: Buffer, path: string): Buffer {
  const line = withoutLineEnd(contents);
  if (line.length === 0) throw new SecretError(`${nameOf(path)}: empty; a passphrase is expected`);
  if (line.includes(NEWLINE)) throw new SecretError(`${nameOf(path)}: more than one line; a passphrase is one`);
  return copyOfSecret(line);
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

function nameOf(path: string): string {
  return path === STDIN ? "standard input" : path;
}
