// Files that must not be lost: whole or not at all, on the disk before anyone relies on them, for the owner's eyes only.
//
//   create    temporary file, write, sync | link to the name (fails where it exists) | remove, sync folder
//   replace   temporary file, write, sync | rename over the name                     | sync folder
//
// At every instant a name stands for the old contents or the new. What a killed process may leave
// behind is a temporary file (NAME.xxxxxxxx.new) or a lock (NAME.lock).

import { randomBytes } from "node:crypto";
import * as node from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { FEW_SECONDS, sayWaiting } from "./waiting.js";

/** What went wrong: the name is taken, or not there, or not ours; the disk is full; someone else holds the lock. */
export type FileReason = "exists" | "missing" | "denied" | "full" | "locked" | "other";

/** A file that cannot be used; the message is one line for people and holds nothing of the contents. */
export class FileError extends Error {
  override name = "FileError";
  readonly reason: FileReason;

  constructor(message: string, reason: FileReason = "other") {
    super(message);
    this.reason = reason;
  }
}

/** The few things done to files, so that a test can fail or stop at each. They throw as node:fs does. */
export interface FileSystem {
  /** The file behind a name, links followed. */
  resolve(path: string): string;
  /** The contents of a regular file of at most `limit` bytes. */
  read(path: string, limit: number): Buffer;
  /** Makes an empty file that only the owner can read, and opens it; fails where the name is taken. */
  create(path: string): number;
  write(file: number, bytes: Uint8Array): void;
  sync(file: number): void;
  close(file: number): void;
  /** Gives a file a second name; fails where that is taken. */
  link(from: string, to: string): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** Makes the names in a folder last. */
  syncFolder(path: string): void;
}

/** Processes that share a lock. */
export interface Processes {
  readonly id: number;
  readonly host: string;
  isAlive(id: number): boolean;
  pause(milliseconds: number): void;
  /** Tells people what is waited for. */
  sayWaiting?(what: string): void;
}

export const OWNER_ONLY = 0o600;

/** Errors of a file system that has no hard links, such as FAT. */
const NO_LINKS = ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"];

/** For how long a lock is waited for. Whoever holds it writes one file. */
const LOCK_WAIT = 5000;
const LOCK_PAUSE = 20;
const LOCK_LIMIT = 1024;

/** The files of this computer. */
export const DISK: FileSystem = {
  resolve: (path) => (node.existsSync(path) ? node.realpathSync(path) : path),
  read: readWithin,
  create: (path) => node.openSync(path, "wx", OWNER_ONLY),
  write: (file, bytes) => node.writeFileSync(file, bytes),
  sync: node.fsyncSync,
  close: node.closeSync,
  link: node.linkSync,
  rename: node.renameSync,
  remove: node.unlinkSync,
  syncFolder,
};

/** The processes of this computer. */
export const PROCESSES: Processes = {
  id: process.pid,
  host: hostname(),
  isAlive,
  sayWaiting,
  // All file work here is synchronous, and so is the waiting.
  pause: (milliseconds) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds),
};

/** Opens a file to read it. A pipe that nobody writes to is opened at once, too: whoever must have a file finds out. */
export function openWithoutWaiting(path: string): number {
  // Windows has no such flags.
  const { O_RDONLY, O_NONBLOCK = 0, O_NOCTTY = 0 } = node.constants;
  return node.openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

/** Reads a file of at most `limit` bytes. */
export function readWhole(path: string, limit: number, disk: FileSystem = DISK): Buffer {
  return explaining(path, "read", () => disk.read(path, limit));
}

/** Makes a file with these contents. Throws a FileError ("exists") where the name is taken. */
export function createExclusive(path: string, contents: Uint8Array | string, disk: FileSystem = DISK): void {
  explaining(path, "write", () => {
    placeNew(path, contents, disk);
    disk.syncFolder(dirname(path));
  });
}

/** Puts new contents in the place of a file's old ones (or makes the file). */
export function replaceAtomically(path: string, contents: Uint8Array | string, disk: FileSystem = DISK): void {
  explaining(path, "write", () => {
    const target = disk.resolve(path);
    viaTemporary(target, contents, disk, (temporary) => disk.rename(temporary, target));
    disk.syncFolder(dirname(target));
  });
}

/**
 * Runs `change` while no other process that asks for the lock of the same file does.
 *
 * The lock is a file NAME.lock that says which process made it. It is stale only where that process ran
 * on this computer and is gone; a lock of another computer, or one that cannot be read, is never broken.
 */
export function withLock<T>(path: string, change: () => T, disk: FileSystem = DISK, others: Processes = PROCESSES): T {
  const lock = explaining(path, "write", () => {
    const name = `${disk.resolve(path)}.lock`;
    takeLock(path, name, disk, others);
    return name;
  });
  try {
    return change();
  } finally {
    discard(lock, disk);
  }
}

/** A file that is there with all of its contents or not at all; its name is not yet synced. */
function placeNew(path: string, contents: Uint8Array | string, disk: FileSystem): void {
  viaTemporary(path, contents, disk, (temporary) => {
    try {
      disk.link(temporary, path);
    } catch (error) {
      if (!NO_LINKS.includes(codeOf(error))) throw error;
      return placeWithoutLinks(temporary, path, disk);
    }
    discard(temporary, disk);
  });
}

/** Takes the name first. Only a process killed between the two leaves an empty file. */
function placeWithoutLinks(temporary: string, path: string, disk: FileSystem): void {
  disk.close(disk.create(path));
  try {
    disk.rename(temporary, path);
  } catch (error) {
    discard(path, disk);
    throw error;
  }
}

function viaTemporary(
  path: string,
  contents: Uint8Array | string,
  disk: FileSystem,
  place: (temporary: string) => void,
): void {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.new`;
  try {
    writeSynced(temporary, contents, disk);
    place(temporary);
  } catch (error) {
    discard(temporary, disk);
    throw error;
  }
}

function writeSynced(path: string, contents: Uint8Array | string, disk: FileSystem): void {
  const file = disk.create(path);
  try {
    disk.write(file, typeof contents === "string" ? Buffer.from(contents) : contents);
    disk.sync(file);
  } finally {
    disk.close(file);
  }
}

function takeLock(path: string, lock: string, disk: FileSystem, others: Processes): void {
  const mine = JSON.stringify({ process: others.id, host: others.host });
  for (let waited = 0; ; waited += LOCK_PAUSE) {
    if (tryToCreate(lock, mine, disk)) return;
    breakIfStale(lock, disk, others);
    if (waited === FEW_SECONDS) others.sayWaiting?.(`${path}: another process to let go of it`);
    if (waited >= LOCK_WAIT) throw inUse(path, lock, disk);
    others.pause(LOCK_PAUSE);
  }
}

function tryToCreate(path: string, contents: string, disk: FileSystem): boolean {
  try {
    placeNew(path, contents, disk);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/**
 * Removes a stale lock. Of several processes that find it stale, one at a time may remove it, and only
 * after another look: else the slower would remove the lock that the faster has just taken.
 */
function breakIfStale(lock: string, disk: FileSystem, others: Processes): void {
  if (!isStale(readLock(lock, disk), others)) return;
  const breaker = `${lock}.stale`;
  if (!tryToCreate(breaker, "", disk)) return;
  try {
    if (isStale(readLock(lock, disk), others)) discard(lock, disk);
  } finally {
    discard(breaker, disk);
  }
}

interface Holder {
  process: number;
  host: string;
}

function readLock(lock: string, disk: FileSystem): Holder | undefined {
  try {
    const { process, host } = JSON.parse(disk.read(lock, LOCK_LIMIT).toString()) as Partial<Holder>;
    return Number.isSafeInteger(process) && typeof host === "string" ? { process: Number(process), host } : undefined;
  } catch {
    return undefined;
  }
}

function isStale(holder: Holder | undefined, others: Processes): boolean {
  return holder !== undefined && holder.host === others.host && !others.isAlive(holder.process);
}

function inUse(path: string, lock: string, disk: FileSystem): FileError {
  const holder = readLock(lock, disk);
  const host = holder?.host.slice(0, 80).replace(/[^ -~]/g, "?");
  const who = holder ? `process ${holder.process} on "${host}"` : "another process";
  return new FileError(`${path}: in use by ${who}; if that is not so, delete ${lock} and ${lock}.stale`, "locked");
}

/** Best effort: what cannot be removed is harmless, and the error that led here is the one to tell. */
function discard(path: string, disk: FileSystem): void {
  try {
    disk.remove(path);
  } catch {
    // Not there any more, or not to be removed.
  }
}

function readWithin(path: string, limit: number): Buffer {
  const file = openWithoutWaiting(path);
  try {
    const stats = node.fstatSync(file);
    if (!stats.isFile()) throw new FileError(`${path}: not a file`);
    if (stats.size > limit) throw new FileError(`${path}: ${stats.size} bytes; more than ${limit} are not read`);
    return node.readFileSync(file);
  } finally {
    node.closeSync(file);
  }
}

/** Windows cannot sync a folder, and some network file systems will not: there the rename itself must do. */
function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const folder = node.openSync(path, "r");
  try {
    node.fsyncSync(folder);
  } catch (error) {
    if (!["EINVAL", "ENOTSUP"].includes(codeOf(error))) throw error;
  } finally {
    node.closeSync(folder);
  }
}

function isAlive(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

const REASONS: Record<string, [FileReason, string]> = {
  EEXIST: ["exists", "exists already, and is never overwritten"],
  ENOENT: ["missing", "there is no such file or folder"],
  ENOTDIR: ["missing", "there is no such folder"],
  EACCES: ["denied", "you may not"],
  EPERM: ["denied", "you may not"],
  EROFS: ["denied", "the disk is read-only"],
  ENOSPC: ["full", "the disk is full"],
  EDQUOT: ["full", "your quota is used up"],
  EISDIR: ["other", "it is a folder"],
};

function explaining<T>(path: string, action: "read" | "write", run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw explained(path, action, error);
  }
}

/** An error of the file system in one line for people. */
export function explained(path: string, action: "read" | "write", error: unknown): FileError {
  if (error instanceof FileError) return error;
  const code = codeOf(error);
  const [reason, text] = REASONS[code] ?? ["other", code];
  if (reason === "exists") return new FileError(`${path}: ${text}`, reason);
  return new FileError(`${path}: cannot ${action} it: ${text}`, reason);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
