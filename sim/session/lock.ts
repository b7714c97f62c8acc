// Locks between simulators: NAME.lock says which process has NAME, for as long as that process lives.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { atExit } from "./atexit.js";

export interface Lock {
  /** Another process had it, and was killed: what that one made is still there. */
  readonly inherited: boolean;
  /** Gives it up before the process ends. */
  release(): void;
}

/** The lock files of this process. */
const held = new Set<string>();

/** Takes the lock of a name, or throws what `refuse` makes of the reason why not. One that this process has it keeps. */
export function takeLock(path: string, refuse: (why: string) => Error): Lock {
  const lock = `${path}.lock`;
  if (held.has(lock)) return { inherited: false, release: () => {} };
  const owner = ownerOf(lock);
  if (owner !== undefined && isAlive(owner)) {
    throw refuse(`in use by another simulator (process ${owner}); end that one first`);
  }
  try {
    rmSync(lock, { force: true });
    writeFileSync(lock, `${process.pid}\n`, { flag: "wx", mode: 0o600 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw refuse(`cannot be reserved (${code}); choose a folder you may write`);
  }
  held.add(lock);
  const release = atExit(() => {
    held.delete(lock);
    rmSync(lock, { force: true });
  });
  return { inherited: owner !== undefined, release };
}

/** The process that a lock names; nothing where there is none to read. */
function ownerOf(lock: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(lock, "utf8"), 10) || undefined;
  } catch {
    return undefined;
  }
}

/** A process with our own number is one of old: this one has not taken the lock. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
