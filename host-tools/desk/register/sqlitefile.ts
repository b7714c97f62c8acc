// The file of a register: whether it may be used, and how it is opened.
//
// SQLite makes its log (-wal) and its shared memory (-shm) beside the file, even to read. Whoever may not write there
// opens the file as one that does not change, and then checks that it did not.

import { accessSync, closeSync, constants, openSync, realpathSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { explained, OWNER_ONLY } from "../../files/files.js";
import { RegisterError } from "./errors.js";

export interface FileOptions {
  /** Makes the file if it does not exist. */
  readonly create: boolean;
  /** The type of the file system that a folder is on, as statfs(2) reports it. */
  readonly fileSystemType: (folder: string) => number;
}

/** A file that exists and may be read. */
export interface RegisterFile {
  /** As the user named it, for messages. */
  readonly path: string;
  /** With links followed. */
  readonly real: string;
  /** Whether the file and its folder may be written. */
  readonly writable: boolean;
  /** Whether this process made the file. */
  readonly made: boolean;
}

/** File systems, by their statfs(2) type, whose locks do not work between computers, or depend on a user program. */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  26985: "NFS",
  20859: "SMB",
  4283649346: "SMB",
  4266872130: "SMB",
  1702057286: "FUSE",
  16914839: "9P",
  12805120: "Ceph",
  1397113167: "AFS",
  1799439955: "AFS",
  1937076805: "Coda",
};

/** The file behind the name; makes it if allowed. */
export function prepareFile(path: string, { create, fileSystemType }: FileOptions): RegisterFile {
  try {
    const isThere = exists(path);
    if (!isThere && !create)
      throw new RegisterError(`${path}: no such file; dsc register init makes a register`, "missing");
    const system = NETWORK_FILE_SYSTEMS[fileSystemType(dirname(isThere ? realpathSync(path) : path))];
    if (system !== undefined)
      throw new RegisterError(
        `${path}: is on a network file system (${system}), whose locks are not reliable; use a local disk, or PostgreSQL`,
        "network-file-system",
      );
    // SQLite would create it readable for all; its side files get the mode of the file.
    if (!isThere) closeSync(openSync(path, "wx", OWNER_ONLY));
    const real = realpathSync(path);
    refuseOtherNames(path, real);
    accessSync(real, constants.R_OK);
    return { path, real, writable: mayWrite(real) && mayWrite(dirname(real)), made: !isThere };
  } catch (error) {
    throw error instanceof RegisterError ? error : explained(path, create ? "write" : "read", error);
  }
}

/** A file in a folder that may not be entered is not missing: throws what node:fs throws. */
function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** SQLite derives the name of the log from the name of the file, so two names for one file would give two logs. */
function refuseOtherNames(path: string, file: string): void {
  const stats = statSync(file);
  if (!stats.isFile()) throw new RegisterError(`${path}: is not a file`, "not-a-register");
  if (stats.nlink > 1)
    throw new RegisterError(
      `${path}: has more than one name (hard links), which SQLite does not support; keep one name`,
    );
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The name under which SQLite opens the file. A log that has entries is read, too; it needs the shared memory. */
export function nameToOpen({ real, writable }: RegisterFile): string {
  if (writable) return real;
  return `${pathToFileURL(real)}?${hasLog(real) ? "mode=ro&readonly_shm=1" : "immutable=1"}`;
}

/** A copy of the state of a file that is opened as one that does not change; empty for any other. */
export function stampOf({ real, writable }: RegisterFile): string {
  if (writable || hasLog(real)) return "";
  const { ino, size, mtimeNs } = statSync(real, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}

/** Deletes a file that this process made, and SQLite's files beside it: for work that has failed. Close it first. */
export function discardMade({ real, made }: RegisterFile): void {
  if (!made) return;
  for (const ending of ["-wal", "-shm", "-journal", ""])
    try {
      rmSync(`${real}${ending}`, { force: true });
    } catch {
      // Ignore the error: the failure that led here is the one to report.
    }
}

/** What to do if SQLite cannot open a file that may only be read. */
export function unreadable({ path, real }: RegisterFile): RegisterError {
  const why = hasLog(real) ? "is in use, or has a log (-wal) that you cannot read" : "cannot be opened for reading";
  return new RegisterError(
    `${path}: ${why}; copy it with its -wal into a folder of your own, or restore a backup there`,
    "denied",
  );
}

function hasLog(real: string): boolean {
  return (statSync(`${real}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}
