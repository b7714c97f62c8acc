// A card's flash kept in a file, written in place as the firmware writes it.
//
// Each operation is one write of a word or a page into a file whose size never changes, so that a
// simulator that dies leaves the flash as a card would that lost power there, and nothing worse.

import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { FLASH_SIZE, Flash } from "./flash.js";
import { isPlausible } from "./image.js";

/** A flash file that cannot be used; the message is for people. */
export class FlashFileError extends Error {
  override name = "FlashFileError";
}

/** Opens the flash kept in `path`, blank and new if there is none, and keeps the file up to date. */
export function openFlashFile(path: string): Flash {
  if (!exists(path)) createBlank(path);
  const flash = new Flash(readFlashFile(path));
  reserve(path);
  let file: number;
  try {
    file = openSync(path, "r+");
  } catch (error) {
    throw new FlashFileError(`${path}: cannot be written (${codeOf(error)}); choose a file you may write`);
  }
  flash.onChange = (address, length) => {
    writeSync(file, flash.bytes, address, length, address);
  };
  return flash;
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
  if (exists(path)) throw new FlashFileError(`${path}: is there already; choose another name`);
  const temporary = `${path}.${process.pid}.new`;
  try {
    const file = openSync(temporary, "w", 0o600);
    writeFileSync(file, bytes);
    closeSync(file);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new FlashFileError(`${path}: cannot be made (${codeOf(error)}); choose a folder you may write`);
  }
}

/** Keeps other simulators off a flash file for as long as this process lives. */
function reserve(path: string): void {
  const lock = `${path}.lock`;
  const owner = ownerOf(lock);
  if (owner === process.pid) return;
  if (owner !== undefined && isAlive(owner)) {
    throw new FlashFileError(`${path}: in use by another simulator (process ${owner}); end that one first`);
  }
  try {
    rmSync(lock, { force: true });
    writeFileSync(lock, `${process.pid}\n`, { flag: "wx", mode: 0o600 });
  } catch (error) {
    throw new FlashFileError(`${path}: cannot be reserved (${codeOf(error)}); choose a folder you may write`);
  }
  process.on("exit", () => rmSync(lock, { force: true }));
}

/** The process that a lock names; nothing where there is none to read. */
function ownerOf(lock: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(lock, "utf8"), 10) || undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

function createBlank(path: string): void {
  saveFlashFile(path, new Uint8Array(FLASH_SIZE).fill(0xff));
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
