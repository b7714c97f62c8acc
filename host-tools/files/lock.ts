// The lock of a file, for the simulator: an exclusive transaction of SQLite on NAME.lock, an empty file
// beside the real one.
//
// The operating system drops the lock with the process that holds it, however that ends, so there is no stale lock to
// break. NAME.lock is never deleted: a process that opened it before would hold the lock of a file that nobody else sees.
// Where somebody deletes it all the same, its holder finds out before it writes. The lock belongs to an inode, so
// containers and PID namespaces that share the folder share it.

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

/** Why a file cannot be locked; the message goes behind the file's name in one line. */
export class LockError extends Error {
  override name = "LockError";
}

/** A lock that is held. */
export interface Lock {
  /** Throws a LockError where it keeps nobody out any more. To be called before each write. */
  verify(): void;
  /** Gives it up. A second call does nothing. */
  release(): void;
}

/** What is used of a connection of `libsql`. */
interface Connection {
  exec(sql: string): void;
  close(): void;
}

const OWNER_ONLY = 0o600;
/** Nothing is ever written, so no journal is made either. */
const TAKE = "PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE";
const BUSY = ["SQLITE_BUSY", "SQLITE_LOCKED"];

/** The mounts that this process sees, on Linux. */
const MOUNTS = "/proc/self/mountinfo";
/** Which field of a line there is the place. */
const MOUNT_POINT = 4;

/**
 * Takes the lock of a file, which may not be there yet; links have been followed. Returns nothing where the lock is
 * taken, by another process or by this one. Throws a LockError, or what node:fs throws.
 *
 * A lock is found by a name, so whoever uses another name of the same file holds another lock: such a file is refused.
 */
export function tryLockFile(path: string): Lock | undefined {
  const lock = tryLockName(path);
  if (lock === undefined) return undefined;
  try {
    // Only with the lock held: a name that is made later is refused by whoever locks that name.
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
      "has more than one name (hard links, as cp -l makes) and may be in use by another; put a copy in its place",
    );
  }
  if (isMountPoint(path)) {
    throw new LockError("is mounted by itself and may be in use by another name; mount its folder instead");
  }
}

/** Takes the lock of a name, whatever is there: of a link itself, not of the file it leads to. */
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
  // Somebody deleted the file before it was locked, and its successor may be another's.
  lock.release();
  return tryLockName(path);
}

/** Made here and not by SQLite, so that it is its owner's alone from the first moment on. */
function createLockFile(lock: string): void {
  try {
    // Only a new file is opened and closed: closing any other would drop a lock that this process has on it.
    closeSync(openSync(lock, "wx", OWNER_ONLY));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const stats = lstatSync(lock, { throwIfNoEntry: false });
  // Deleted since: SQLite makes another.
  if (!stats) return;
  if (!stats.isFile() || stats.size !== 0) {
    throw new LockError(
      `${lock} is no lock of this version; if no other program uses it (an earlier version of dsc or dsc-sim), delete it`,
    );
  }
  try {
    accessSync(lock, constants.R_OK | constants.W_OK);
  } catch {
    const name = basename(lock);
    throw new LockError(
      `${name} is another user's; run this as that user, or delete ${name} while nobody uses the file`,
    );
  }
}

/** `libsql` is loaded with the first lock: most commands need none. */
function connect(lock: string): Connection {
  const Database = createRequire(import.meta.url)("libsql") as new (path: string) => Connection;
  try {
    return new Database(lock);
  } catch {
    throw new LockError(`${lock} cannot be opened; look at who owns it`);
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

/** Tells a file from any other that takes its name while this one is open. */
function identityOf(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.dev}:${stats.ino}`;
}

/** Whether a file is a mount point: containers may be given a single file, each by a name of its own. */
function isMountPoint(path: string): boolean {
  if (!existsSync(MOUNTS)) return false;
  // There, white space and backslashes stand in octal.
  const place = resolve(path).replace(/[ \t\n\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`);
  const lines = readFileSync(MOUNTS, "utf8").split("\n");
  return lines.some((line) => line.split(" ")[MOUNT_POINT] === place);
}

/** How many more names a file has. Temporary files that a process left while it gave the file its name are not counted. */
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

/** No names of what is not there, or is no file: a folder counts its subfolders. */
function namesOf(path: string): { nlink: number; ino: bigint } {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats?.isFile() ? { nlink: Number(stats.nlink), ino: stats.ino } : { nlink: 0, ino: 0n };
}

/** As `viaTemporary` of files.ts names them. */
function isTemporaryOf(path: string, name: string): boolean {
  const start = `${basename(path)}.`;
  return name.startsWith(start) && /^[0-9a-f]{8}\.new$/.test(name.slice(start.length));
}
