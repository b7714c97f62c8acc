// Secrets from files: keys in hexadecimal, PINs, passphrases; and the file of a new transport key. secrettext.ts parses
// the contents.
//
// Secrets stay in buffers, never in strings, so that they can be wiped. The caller wipes what is returned.

import { randomFillSync } from "node:crypto";
import { closeSync, fstatSync, readSync, type Stats } from "node:fs";
import { SecretError } from "./errors.js";
import { createExclusive, DISK, explained, type FileSystem, openWithoutWaiting } from "./files.js";
import type { Passphrase } from "./passphrase.js";
import { concatSecrets, hexOf, secretBytes } from "./secretbytes.js";
import { keyIn, passphraseIn, pinIn, seedSecretIn } from "./secrettext.js";

export interface SecretOptions {
  /** Accept a file that its group or others can read. */
  allowShared?: boolean;
  /** Contents that were already read: from standard input, a pipe or the keyboard. */
  contents?: Uint8Array;
}

export interface KeyOptions extends SecretOptions {
  /** Smallest size of the key in bytes. */
  least?: number;
  most?: number;
}

/** Standard input instead of a file. */
export const STDIN = "-";

/** The longest secret. */
export const MAX_BYTES = 4096;
const LEAST_KEY = 16;
const MOST_KEY = 64;
const TRANSPORT_KEY_BYTES = 16;
const TRANSPORT_KEY_HEAD = Buffer.from(
  "# DSC+ transport master key (AES-128). Keep it secret: it reseeds every card.\n",
);

const NEWLINE = 0x0a;

/** A key in hexadecimal, on one line; lines that begin with # are comments. */
export function readKey(path: string, options: KeyOptions = {}): Buffer {
  const { least = LEAST_KEY, most = MOST_KEY } = options;
  return readContents(path, options, (contents, source) => keyIn(contents, source, least, most));
}

/** The secret of a seed file: a key if the file contains exactly 32 hexadecimal digits, otherwise a passphrase. */
export function readSeedSecret(
  path: string,
  options: SecretOptions = {},
): Buffer | (Passphrase & { passphrase: Buffer }) {
  return readContents(path, options, seedSecretIn);
}

/** A PIN: four digits, as ASCII. */
export function readPin(path: string, options: SecretOptions = {}): Buffer {
  return readContents(path, options, pinIn);
}

/** A passphrase: the one line of the file, blanks included. */
export function readPassphrase(path: string, options: SecretOptions = {}): Buffer {
  return readContents(path, options, passphraseIn);
}

/** Draws a transport master key into a new file that only its owner can read. Never overwrites. */
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

/** Calls `use` with the contents and the name of their source for people, and wipes the contents. */
export function readContents<T>(path: string, options: SecretOptions, use: (contents: Buffer, source: string) => T): T {
  const buffer = Buffer.alloc(MAX_BYTES + 1);
  try {
    const size = options.contents ? copyInto(buffer, options.contents) : readFile(path, buffer, options);
    if (size > MAX_BYTES)
      throw new SecretError(`${nameOf(path)}: more than ${MAX_BYTES} bytes; no secret is that long`);
    return use(buffer.subarray(0, size), nameOf(path));
  } catch (error) {
    if (error instanceof SecretError) throw error;
    throw explained(nameOf(path), "read", error);
  } finally {
    buffer.fill(0);
  }
}

function copyInto(buffer: Buffer, contents: Uint8Array): number {
  buffer.set(contents.subarray(0, buffer.length));
  return Math.min(contents.length, buffer.length);
}

function readFile(path: string, buffer: Buffer, options: SecretOptions): number {
  const file = openWithoutWaiting(path);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw notAFile(path, stats);
    if (!options.allowShared) refuseShared(path, stats);
    return fill(file, buffer);
  } finally {
    closeSync(file);
  }
}

export function notAFile(path: string, stats: Stats): SecretError {
  return new SecretError(stats.isDirectory() ? `${path}: cannot read it: it is a folder` : `${path}: not a file`);
}

/** Windows has no such mode. */
export function refuseShared(path: string, { mode }: Stats): void {
  if (process.platform === "win32" || (mode & 0o077) === 0) return;
  throw new SecretError(`${path}: others may read it; run chmod 600, or insist with --insecure-key-file`);
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

function nameOf(path: string): string {
  return path === STDIN ? "standard input" : path;
}
