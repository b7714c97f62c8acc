// Files that must not be lost: whole or not at all, on the disk before anyone relies on them, for the owner's eyes only.
//
//   create    temporary file, write, sync | link to the name (fails where it exists) | remove, sync folder
//   replace   temporary file, write, sync | rename over the name                     | sync folder
//
// At every instant a name stands for the old contents or the new. What a killed process may leave
// behind is a temporary file (NAME.xxxxxxxx.new).

import { randomBytes } from "node:crypto";
import * as node from "node:fs";
import { dirname, join } from "node:path";

/** What went wrong: the name is taken, or not there, or not ours; the disk is full. */
export type FileReason = "exists" | "missing" | "denied" | "full" | "other";

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

export const OWNER_ONLY = 0o600;

/** Errors of a file system that has no hard links, such as FAT. */
const NO_LINKS = ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"];

/** As `temporaryOf` makes them. */
const TEMPORARY = /^(.+)\.[0-9a-f]{8}\.new$/s;
/** No write takes as long, in ms. */
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

/** Throws a FileError ("exists") where the name is taken: for what is done before the file is made. */
export function refuseTaken(path: string): void {
  explaining(path, "write", () => {
    const taken = node.lstatSync(path, { throwIfNoEntry: false });
    if (taken) throw Object.assign(new Error(), { code: "EEXIST" });
  });
}

/** As createExclusive, for contents that are made piece by piece. Where making them fails nothing is left. */
export async function createFromPieces(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  disk: FileSystem = DISK,
): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    // Before the work begins; another may still take the name meanwhile.
    refuseTaken(path);
    await writePieces(temporary, pieces, disk);
    linkOrRename(temporary, path, disk);
    disk.syncFolder(dirname(path));
  } catch (error) {
    discard(temporary, disk);
    // What the pieces are made of has errors of its own.
    throw isOfFileSystem(error) ? explained(path, "write", error) : error;
  }
}

/** Puts new contents in the place of a file's old ones, or makes the file. */
export function replaceAtomically(path: string, contents: Uint8Array | string, disk: FileSystem = DISK): void {
  explaining(path, "write", () => {
    const target = disk.resolve(path);
    viaTemporary(target, contents, disk, (temporary) => disk.rename(temporary, target));
    disk.syncFolder(dirname(target));
  });
}

/** A file that is there with all of its contents or not at all; its name is not yet synced. */
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
 * Deletes the temporary files that killed processes left in a folder, of the names that fit. One that is younger than a
 * minute may still be written, and stays.
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

/** None where the folder cannot be read: then nothing can be written there either. */
function namesIn(folder: string): string[] {
  try {
    return node.readdirSync(folder);
  } catch {
    return [];
  }
}

/** Best effort: what cannot be removed is harmless, and the error that led here is the one to tell. */
function discard(path: string, disk: FileSystem): void {
  try {
    disk.remove(path);
  } catch {
    // Not there any more, or not to be removed.
  }
}

/** A new file would take the place of a link that leads nowhere, and not be where it points. */
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

/** Whether node:fs threw it. */
function isOfFileSystem(error: unknown): boolean {
  return (
    typeof (error as NodeJS.ErrnoException).syscall === "string" && (error as NodeJS.ErrnoException).code !== undefined
  );
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
