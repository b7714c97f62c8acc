// A card's flash kept in a file, written in place as the firmware writes it.
//
// Each operation is one write of a word or a page into a file whose size never changes, so that a
// simulator that dies leaves the flash as a card would that lost power there, and nothing worse.

import { fstatSync, lstatSync, openSync, readFileSync, realpathSync, statSync, writeSync } from "node:fs";
import { basename, dirname } from "node:path";
import { createExclusive, FileError, removeAbandoned } from "../../host-tools/files/files.js";
import { type Lock, LockError, tryLockFile } from "../../host-tools/files/lock.js";
import { FLASH_SIZE, Flash } from "../core/flash.js";
import { isPlausible } from "../core/image.js";
import { UserError } from "./usererror.js";

/** A flash file that cannot be used; the message is for people. */
export class FlashFileError extends UserError {
  override name = "FlashFileError";
}

/** The locks of the files that this process has, until it ends: a lock must stay reachable to stay held. */
const held = new Map<string, Lock>();

/**
 * Opens the flash kept in `path`, blank and new if there is none, and keeps the file up to date. Other simulators
 * are kept off it, by whatever name they call it, until this process ends.
 */
export function openFlashFile(path: string): Flash {
  if (!exists(path)) createBlank(path);
  // Before a lock is put beside it: it may be anything.
  readFlashFile(path);
  const place = realpathSync(path);
  const lock = reserve(path, place);
  removeAbandoned(dirname(place), (name) => name === basename(place));
  // And once more: up to now another simulator may have written to it.
  const flash = new Flash(readFlashFile(path));
  const file = openToWrite(path);
  flash.onChange = (address, length) => {
    try {
      lock.verify();
      refuseMoved(place, file);
      writeSync(file, flash.bytes, address, length, address);
    } catch (error) {
      const reason = error instanceof LockError ? error.message : `can no longer be written (${codeOf(error)})`;
      throw new FlashFileError(`${path}: ${reason}; the card lost power there`);
    }
  };
  return flash;
}

/** Whoever opens a file by its new name holds another lock, and what is written to a deleted one is lost. */
function refuseMoved(place: string, file: number): void {
  const opened = fstatSync(file, { bigint: true });
  const found = statSync(place, { bigint: true, throwIfNoEntry: false });
  if (found?.dev === opened.dev && found.ino === opened.ino) return;
  throw new LockError("was renamed, replaced or deleted while it was in use");
}

/** Takes the lock of a flash file; one that this process has it keeps. */
function reserve(path: string, place: string): Lock {
  const lock = held.get(place) ?? refusing(path, () => tryLockFile(place));
  if (!lock) throw new FlashFileError(`${path}: in use by another simulator; end that one first`);
  held.set(place, lock);
  return lock;
}

function refusing<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof LockError) throw new FlashFileError(`${path}: ${error.message}`);
    throw new FlashFileError(`${path}: cannot be reserved (${codeOf(error)}); choose a folder you may write`);
  }
}

/** The contents of a flash file; it is only read. */
export function readFlashFile(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    if (!statSync(path).isFile()) throw new FlashFileError(`${path}: not a file; a card's flash is kept in one`);
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof FlashFileError) throw error;
    throw new FlashFileError(`${path}: cannot be read (${codeOf(error)})`);
  }
  if (bytes.length !== FLASH_SIZE) {
    throw new FlashFileError(`${path}: ${bytes.length} bytes, and a card's flash has ${FLASH_SIZE}; left as it is`);
  }
  if (!isPlausible(bytes)) throw new FlashFileError(`${path}: not the flash of this card; left as it is`);
  return bytes;
}

/** Makes a file of a flash image, for its owner's eyes only, whole or not at all; one that is there is left alone. */
export function saveFlashFile(path: string, bytes: Uint8Array): void {
  try {
    createExclusive(path, bytes);
  } catch (error) {
    throw error instanceof FileError ? new FlashFileError(error.message) : error;
  }
}

function openToWrite(path: string): number {
  try {
    return openSync(path, "r+");
  } catch (error) {
    throw new FlashFileError(`${path}: cannot be written (${codeOf(error)}); choose a file you may write`);
  }
}

function createBlank(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new FlashFileError(`${path}: a link to a file that is not there; delete the link`);
  }
  try {
    createExclusive(path, new Uint8Array(FLASH_SIZE).fill(0xff));
  } catch (error) {
    // Another simulator may have made it meanwhile: then its lock decides.
    if (!(error instanceof FileError)) throw error;
    if (error.reason !== "exists") throw new FlashFileError(error.message);
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
