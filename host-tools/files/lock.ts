// The lock of a file, for the simulator: an exclusive transaction of SQLite on NAME.lock, an empty file beside the real
// one.
//
// The operating system drops the lock with the process that holds it, however that ends, so there are no stale locks.
// NAME.lock is never deleted: a process that had opened it would hold a lock that nobody else sees. If it is deleted
// anyway, the holder notices before it writes. The lock belongs to an inode, so containers and PID namespaces that
// share the folder share the lock.

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";

/** Why a file cannot be locked; the message follows the file's name in one line. */
export class LockError extends Error {
  override name = "LockError";
}

/** A lock that is held. */
export interface Lock {
  /** Throws a LockError if the lock no longer keeps others out. Call it before each write. */
  verify(): void;
  /** Releases the lock. A second call does nothing. */
  release(): void;
}

/** The part of a `libsql` connection that is used here. */
interface Connection {
  exec(sql: string): void;
  close(): void;
}

const OWNER_ONLY = 0o600;
/** Nothing is ever written, so no journal is needed. */
const TAKE = "PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE";
const BUSY = ["SQLITE_BUSY", "SQLITE_LOCKED"];

/** The mounts that this process sees, on Linux. */
const MOUNTS = "/proc/self/mountinfo";
/** The field of a line that has the mount point. */
const MOUNT_POINT = 4;

/**
 * Takes the lock of a file, which may not exist yet; links must have been followed. Returns undefined if the lock is
 * taken, by another process or by this one. Throws a LockError, or what node:fs throws.
 *
 * A lock is found by name, so a process that uses another name of the same file would hold another lock: a file with
 * several names is refused.
 */
export function tryLockFile(path: string): Lock | undefined {
  const lock = tryLockName(path);
  if (lock === undefined) return undefined;
  try {
    // Checked while the lock is held: a name that is made later is refused by the process that locks that name.
    refuseOtherNames(path);
  } catch (error) {
    lock.release();
    throw error;
  }
  return lock;
}

function refuseOtherNames(path: string): void {
  if (otherNames(path) > 0) {
    throw new LockError(
      "has more than one name (hard links, as cp -l makes), and may be in use under another one; replace it by a copy",
    );
  }
  if (isMountPoint(path)) {
    throw new LockError("is mounted as a single file, and may be in use under another name; mount its folder instead");
  }
}

/** Takes the lock of a name, whatever it is: of a link itself, not of the file behind it. */
export function tryLockName(path: string): Lock | undefined {
  const name = resolve(`${path}.lock`);
  createLockFile(name);
  const file = identityOf(name);
  const connection = connect(name);
  try {
    connection.exec(TAKE);
  } catch (error) {
    connection.close();
    const { code } = error as { code?: string };
    if (BUSY.includes(code ?? "")) return undefined;
    throw new LockError(`its lock cannot be taken (${code ?? "unknown error"}); use a disk that has file locks`);
  }
  const lock = heldLock(connection, name, file);
  if (identityOf(name) === file) return lock;
  // The file was deleted before it was locked, and a new one may belong to another process.
  lock.release();
  return tryLockName(path);
}

/** Made here and not by SQLite, so that only its owner can read it from the start. */
function createLockFile(lock: string): void {
  try {
    // Only a new file is opened and closed: closing any other would drop a lock that this process has on it.
    closeSync(openSync(lock, "wx", OWNER_ONLY));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const stats = lstatSync(lock, { throwIfNoEntry: false });
  // It was deleted meanwhile, and SQLite makes another.
  if (!stats) return;
  if (!stats.isFile() || stats.size !== 0) {
    throw new LockError(
      `${lock} is not a lock of this version; if no other program uses it (an earlier version of dsc or dsc-sim), delete it`,
    );
  }
  try {
    accessSync(lock, constants.R_OK | constants.W_OK);
  } catch {
    const name = basename(lock);
    throw new LockError(
      `${name} belongs to another user; run this as that user, or delete ${name} while nobody uses the file`,
    );
  }
}

/** `libsql` is loaded with the first lock, since most commands need none. */
function connect(lock: string): Connection {
  const Database = createRequire(import.meta.url)("libsql") as new (path: string) => Connection;
  try {
    return new Database(lock);
  } catch {
    throw new LockError(`${lock} cannot be opened; check who owns it`);
  }
}

function heldLock(connection: Connection, name: string, file: string | undefined): Lock {
  let held = true;
  const verify = () => {
    if (held && identityOf(name) === file) return;
    throw new LockError(`${basename(name)} was deleted while it was in use, so others may have changed it meanwhile`);
  };
  const release = () => {
    if (!held) return;
    held = false;
    connection.exec("ROLLBACK");
    connection.close();
  };
  return { verify, release };
}

/** The identity of a file, which tells it from a later file of the same name while this one is open. */
function identityOf(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.dev}:${stats.ino}`;
}

/** Whether a file is a mount point: a container may be given a single file under its own name. */
function isMountPoint(path: string): boolean {
  if (!existsSync(MOUNTS)) return false;
  // White space and backslashes are octal escapes there.
  const place = resolve(path).replace(/[ \t\n\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`);
  const lines = readFileSync(MOUNTS, "utf8").split("\n");
  return lines.some((line) => line.split(" ")[MOUNT_POINT] === place);
}

/**
 * The number of further names of a file. Temporary names that a process left while it gave the file its name do not
 * count.
 */
function otherNames(path: string): number {
  for (;;) {
    const { nlink, ino } = namesOf(path);
    if (nlink <= 1) return 0;
    const temporary = readdirSync(dirname(path)).filter((name) => isTemporaryOf(path, name));
    const same = temporary.filter((name) => namesOf(join(dirname(path), name)).ino === ino);
    const again = namesOf(path);
    // Another process may have removed its temporary file meanwhile.
    if (again.nlink === nlink && again.ino === ino) return nlink - 1 - same.length;
  }
}

/** Zero for a missing file or a folder, whose links count its subfolders. */
function namesOf(path: string): { nlink: number; ino: bigint } {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats?.isFile() ? { nlink: Number(stats.nlink), ino: stats.ino } : { nlink: 0, ino: 0n };
}

/** Whether the name is one that `viaTemporary` of files.ts makes. */
function isTemporaryOf(path: string, name: string): boolean {
  const start = `${basename(path)}.`;
  return name.startsWith(start) && /^[0-9a-f]{8}\.new$/.test(name.slice(start.length));
}
