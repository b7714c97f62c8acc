// Files that must not be lost: written completely or not at all, on the disk before anyone relies on them, readable
// only by their owner.
//
//   create    temporary file, write, sync | link to the name (fails where it exists) | remove, sync folder
//   replace   temporary file, write, sync | rename over the name                     | sync folder
//
// At any time a name stands for either the old or the new contents. A killed process may leave a temporary file
// (NAME.xxxxxxxx.new).

import { randomBytes } from "node:crypto";
import * as node from "node:fs";
import { dirname, join } from "node:path";
import { FileError } from "./errors.js";
import { faultOf } from "./faults.js";

/** The file operations that are used, so that a test can fail or stop at each. They throw like node:fs. */
export interface FileSystem {
  /** The file behind the name, with links followed. */
  resolve(path: string): string;
  /** The contents of a regular file of at most `limit` bytes. */
  read(path: string, limit: number): Buffer;
  /** Makes and opens an empty file that only the owner can read; fails if the name is taken. */
  create(path: string): number;
  write(file: number, bytes: Uint8Array): void;
  sync(file: number): void;
  close(file: number): void;
  /** Gives a file a second name; fails if that is taken. */
  link(from: string, to: string): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): void;
}

export const OWNER_ONLY = 0o600;

/** Errors of a file system that has no hard links, such as FAT. */
const NO_LINKS = ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"];

/** The names that `temporaryOf` makes. */
const TEMPORARY = /^(.+)\.[0-9a-f]{8}\.new$/s;
/** Longer than any write takes (ms). */
const ABANDONED = 60_000;

/** The files of this computer. */
export const DISK: FileSystem = {
  resolve,
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

/**
 * Opens a file for reading. A pipe without a writer is opened at once too, so that a caller who needs a regular file
 * finds out.
 */
export function openWithoutWaiting(path: string): number {
  // Windows has no such flags.
  const { O_RDONLY, O_NONBLOCK = 0, O_NOCTTY = 0 } = node.constants;
  return node.openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

/** Reads a file of at most `limit` bytes. */
export function readWhole(path: string, limit: number, disk: FileSystem = DISK): Buffer {
  return explaining(path, "read", () => disk.read(path, limit));
}

/** Makes a file with these contents. Throws a FileError ("exists") if the name is taken. */
export function createExclusive(path: string, contents: Uint8Array | string, disk: FileSystem = DISK): void {
  explaining(path, "write", () => {
    placeNew(path, contents, disk);
    disk.syncFolder(dirname(path));
  });
}

/** Throws a FileError ("exists") if the name is taken: for checks before the file is made. */
export function refuseTaken(path: string): void {
  explaining(path, "write", () => {
    const taken = node.lstatSync(path, { throwIfNoEntry: false });
    if (taken) throw Object.assign(new Error(), { code: "EEXIST" });
  });
}

/** Like createExclusive, for contents that are made piece by piece. If making them fails, no file is left. */
export async function createFromPieces(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  disk: FileSystem = DISK,
): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    // Checked before the work begins; another process may still take the name meanwhile.
    refuseTaken(path);
    await writePieces(temporary, pieces, disk);
    linkOrRename(temporary, path, disk);
    disk.syncFolder(dirname(path));
  } catch (error) {
    discard(temporary, disk);
    // The source of the pieces has its own errors.
    throw isOfFileSystem(error) ? explained(path, "write", error) : error;
  }
}

/** Replaces the contents of a file, or makes the file. */
export function replaceAtomically(path: string, contents: Uint8Array | string, disk: FileSystem = DISK): void {
  explaining(path, "write", () => {
    const target = disk.resolve(path);
    viaTemporary(target, contents, disk, (temporary) => disk.rename(temporary, target));
    disk.syncFolder(dirname(target));
  });
}

/** Makes a file that has all of its contents or does not exist; its name is not yet synced. */
function placeNew(path: string, contents: Uint8Array | string, disk: FileSystem): void {
  viaTemporary(path, contents, disk, (temporary) => linkOrRename(temporary, path, disk));
}

/** Gives a file its name, which must be free. */
function linkOrRename(temporary: string, path: string, disk: FileSystem): void {
  try {
    disk.link(temporary, path);
  } catch (error) {
    if (!NO_LINKS.includes(codeOf(error))) throw error;
    return placeWithoutLinks(temporary, path, disk);
  }
  discard(temporary, disk);
}

/** Takes the name first. Only a process that is killed between the two steps leaves an empty file. */
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
  const temporary = temporaryOf(path);
  try {
    writeSynced(temporary, contents, disk);
    place(temporary);
  } catch (error) {
    discard(temporary, disk);
    throw error;
  }
}

function temporaryOf(path: string): string {
  return `${path}.${randomBytes(4).toString("hex")}.new`;
}

async function writePieces(path: string, pieces: AsyncIterable<Uint8Array>, disk: FileSystem): Promise<void> {
  const file = disk.create(path);
  try {
    for await (const piece of pieces) disk.write(file, piece);
    disk.sync(file);
  } finally {
    disk.close(file);
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

/**
 * Deletes the temporary files of killed processes in a folder, for the names that fit. A file that is younger than a
 * minute may still be in use, and stays.
 */
export function removeAbandoned(folder: string, fits: (name: string) => boolean): void {
  for (const temporary of namesIn(folder)) {
    const [, name] = TEMPORARY.exec(temporary) ?? [];
    if (name === undefined || !fits(name)) continue;
    const path = join(folder, temporary);
    const stats = node.lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isFile() && Date.now() - stats.mtimeMs > ABANDONED) discard(path, DISK);
  }
}

/** Empty if the folder cannot be read: then nothing can be written there either. */
function namesIn(folder: string): string[] {
  try {
    return node.readdirSync(folder);
  } catch {
    return [];
  }
}

/** Ignore errors: a leftover is harmless, and the earlier error is the one to report. */
function discard(path: string, disk: FileSystem): void {
  try {
    disk.remove(path);
  } catch {
    // It is already gone, or cannot be removed.
  }
}

/** A dangling link is refused, since a new file would replace the link instead of appearing where it points. */
function resolve(path: string): string {
  if (node.existsSync(path)) return node.realpathSync(path);
  if (node.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new FileError(`${path}: a link to a file that is not there; delete the link`, "missing");
  }
  return path;
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

/** Windows cannot sync a folder, and some network file systems refuse: there the rename alone must do. */
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

function explaining<T>(path: string, action: "read" | "write", run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw explained(path, action, error);
  }
}

/** An error of the file system, in one line for people. */
export function explained(path: string, action: "read" | "write", error: unknown): FileError {
  if (error instanceof FileError) return error;
  const [reason, text] = faultOf(error);
  if (reason === "exists") return new FileError(`${path}: ${text}`, reason);
  return new FileError(`${path}: cannot ${action} it: ${text}`, reason);
}

/** Whether node:fs threw it. */
function isOfFileSystem(error: unknown): boolean {
  return (
    typeof (error as NodeJS.ErrnoException).syscall === "string" && (error as NodeJS.ErrnoException).code !== undefined
  );
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
