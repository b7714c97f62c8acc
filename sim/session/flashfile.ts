// A card's flash in a file, written in place as the firmware writes it.
//
// Each operation is one write of a word or a page into a file whose size never changes. So a simulator that is killed
// leaves the flash just like a card that lost power at that point.

import { fstatSync, lstatSync, openSync, readFileSync, realpathSync, statSync, writeSync } from "node:fs";
import { basename, dirname } from "node:path";
import { FileError } from "../../host-tools/files/errors.js";
import { faultInWords } from "../../host-tools/files/faults.js";
import { createExclusive, removeAbandoned } from "../../host-tools/files/files.js";
import { type Lock, LockError, tryLockFile } from "../../host-tools/files/lock.js";
import { FLASH_SIZE, Flash } from "../core/flash.js";
import { isPlausible } from "../core/image.js";
import { UserError } from "./usererror.js";

/** A flash file that cannot be used; the message is for people. */
export class FlashFileError extends UserError {
  override name = "FlashFileError";
}

/** The locks of this process's files, until it ends: a lock that is garbage collected would be released. */
const held = new Map<string, Lock>();

/**
 * Opens the flash in `path`, makes a blank one if there is none, and keeps the file up to date. Until this process
 * ends, other simulators are kept off it, whatever name they use for it.
 */
export function openFlashFile(path: string): Flash {
  if (!exists(path)) createBlank(path);
  // Checked before a lock is put beside it, since it may be any file.
  readFlashFile(path);
  const place = realpathSync(path);
  const lock = reserve(path, place);
  removeAbandoned(dirname(place), (name) => name === basename(place));
  // Read again, since another simulator may have written to it until now.
  const flash = new Flash(readFlashFile(path));
  const file = openToWrite(path);
  flash.onChange = (address, length) => {
    try {
      lock.verify();
      refuseMoved(place, file);
      writeSync(file, flash.bytes, address, length, address);
    } catch (error) {
      const reason = error instanceof LockError ? error.message : `can no longer be written: ${faultInWords(error)}`;
      throw new FlashFileError(`${path}: ${reason}; the card lost power there`);
    }
  };
  return flash;
}

/** A process that opens the file by its new name would hold another lock, and writes to a deleted file are lost. */
function refuseMoved(place: string, file: number): void {
  const opened = fstatSync(file, { bigint: true });
  const found = statSync(place, { bigint: true, throwIfNoEntry: false });
  if (found?.dev === opened.dev && found.ino === opened.ino) return;
  throw new LockError("was renamed, replaced or deleted while it was in use");
}

/** Takes the lock of a flash file, unless this process already has it. */
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
    throw new FlashFileError(`${path}: cannot be reserved: ${faultInWords(error)}; choose a folder you may write`);
  }
}

/** The contents of a flash file, which is only read. */
export function readFlashFile(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    if (!statSync(path).isFile()) throw new FlashFileError(`${path}: not a file; a card's flash is kept in one`);
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof FlashFileError) throw error;
    throw new FlashFileError(`${path}: cannot be read: ${faultInWords(error)}`);
  }
  if (bytes.length !== FLASH_SIZE) {
    throw new FlashFileError(`${path}: ${bytes.length} bytes, but a card's flash has ${FLASH_SIZE}; name another file`);
  }
  if (!isPlausible(bytes)) throw new FlashFileError(`${path}: not the flash of this card; name another file`);
  return bytes;
}

/**
 * Writes a flash image into a new file that only its owner can read, completely or not at all; an existing file is left
 * alone.
 */
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
    throw new FlashFileError(`${path}: cannot be written: ${faultInWords(error)}; choose a file you may write`);
  }
}

function createBlank(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new FlashFileError(`${path}: a link to a file that is not there; delete the link`);
  }
  try {
    createExclusive(path, new Uint8Array(FLASH_SIZE).fill(0xff));
  } catch (error) {
    // Another simulator may have made it meanwhile; then its lock decides.
    if (!(error instanceof FileError)) throw error;
    if (error.reason !== "exists") throw new FlashFileError(error.message);
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
