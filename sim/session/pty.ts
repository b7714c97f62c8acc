// `--pty`: the card's serial line on a pseudo-terminal, so that programs open it like any serial port.

import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import { basename, dirname, join } from "node:path";
import { type Lock, LockError, tryLockName } from "../../host-tools/files/lock.js";
import type { Card } from "../core/card.js";
import { atExit } from "./atexit.js";
import { UserError } from "./usererror.js";

/** A link that cannot be made; the message is for people. */
export class PtyError extends UserError {
  override name = "PtyError";
}

/** What `open` of @lydell/node-pty returns; its types leave it out. */
interface PseudoTerminal {
  readonly _master: Socket;
  readonly _slave: Socket;
  readonly _pty: string;
}

/** What a pseudo-terminal is called, on Linux and on macOS. */
const PTY = /^\/dev\/(pts\/|ttys)\d+$/;

/**
 * The serial line of a card, at a link in the file system. A child process started later inherits the pseudo-terminal open
 * (node-pty does not mark it close-on-exec): a program at the other end does not see `close` until that child has ended.
 */
export class PtyLine {
  readonly #master: Socket;
  readonly #held: number;
  readonly #card: Card;
  readonly #lock: Lock;
  readonly #unlink: () => void;
  readonly #watcher = { sent: (bytes: Uint8Array) => this.#send(bytes) };

  /**
   * Opens a pseudo-terminal and links `link` to it. What a simulator left that was killed is replaced; a link of
   * one that lives, and anything else, is left alone.
   */
  constructor(card: Card, link: string) {
    if (process.platform === "win32") {
      throw new PtyError("--pty: there are no pseudo-terminals here; use Linux or macOS");
    }
    const place = placeOf(link);
    this.#card = card;
    // A link that is somebody else's must not get a lock file, by which the next attempt would take it for a simulator's.
    const wasLocked = existsSync(`${place}.lock`);
    refuseTaken(place, link, wasLocked);
    this.#lock = reserve(place, link);
    try {
      // Once more: up to now another simulator may have made its link.
      refuseTaken(place, link, wasLocked);
      rmSync(place, { force: true });
      const terminal = linkedTerminal(place, link);
      this.#master = terminal._master;
      this.#held = hold(terminal);
      this.#unlink = atExit(() => unlinkIfOurs(place, terminal._pty));
    } catch (error) {
      this.#lock.release();
      throw error;
    }
    this.#master.on("data", (bytes: Buffer) => card.receive(bytes));
    card.watchers.push(this.#watcher);
  }

  /** Takes the link away, where it is still ours, and hangs up. */
  close(): void {
    const at = this.#card.watchers.indexOf(this.#watcher);
    if (at >= 0) this.#card.watchers.splice(at, 1);
    // While the pseudo-terminal is open: its name is the next one's after that.
    this.#unlink();
    this.#lock.release();
    this.#master.destroy();
    closeSync(this.#held);
  }

  #send(bytes: Uint8Array): void {
    this.#master.write(bytes);
  }
}

/** A link by its one name, whichever way leads to its folder. */
function placeOf(link: string): string {
  try {
    return join(realpathSync(dirname(link)), basename(link));
  } catch (error) {
    throw notMade(link, error);
  }
}

function reserve(place: string, link: string): Lock {
  let lock: Lock | undefined;
  try {
    lock = tryLockName(place);
  } catch (error) {
    if (error instanceof LockError) throw new PtyError(`${link}: ${error.message}`);
    const { code } = error as NodeJS.ErrnoException;
    throw new PtyError(`${link}: cannot be reserved (${code}); choose a folder you may write`);
  }
  if (!lock) throw new PtyError(`${link}: in use by another simulator; end that one first`);
  return lock;
}

/**
 * Refuses a place where something is, but for a link that a killed simulator left. `wasLocked`: a simulator has had a line
 * at this place before.
 */
function refuseTaken(place: string, link: string, wasLocked: boolean): void {
  if (!lstatSync(place, { throwIfNoEntry: false })) return;
  const target = targetOf(place);
  if (!target?.startsWith("/dev/")) {
    throw new PtyError(`${link}: is there already, and no link to a pseudo-terminal; choose another place`);
  }
  // The number of a pseudo-terminal that is gone is soon another's: the lock file tells whose link it was.
  const leftBehind = wasLocked && PTY.test(target);
  if (!leftBehind && existsSync(target)) {
    throw new PtyError(`${link}: is there already and leads to ${target}; choose another place, or delete the link`);
  }
}

function linkedTerminal(place: string, link: string): PseudoTerminal {
  const { open } = createRequire(import.meta.url)("@lydell/node-pty") as {
    open(options: { encoding: null }): PseudoTerminal;
  };
  const terminal = open({ encoding: null });
  // Its own reader of the other end would eat what is meant for the program that opens it.
  terminal._slave.destroy();
  try {
    symlinkSync(terminal._pty, place);
  } catch (error) {
    terminal._master.destroy();
    throw notMade(link, error);
  }
  return terminal;
}

/** Holds the other end open, so that the line outlives the program that opens it. */
function hold(terminal: PseudoTerminal): number {
  return openSync(terminal._pty, constants.O_RDWR | constants.O_NOCTTY);
}

/** Somebody may have taken the link away, or put another in its place. */
function unlinkIfOurs(place: string, pty: string): void {
  if (targetOf(place) === pty) unlinkSync(place);
}

/** Where a link leads; nothing where there is none. */
function targetOf(place: string): string | undefined {
  try {
    return readlinkSync(place);
  } catch {
    return undefined;
  }
}

function notMade(link: string, error: unknown): PtyError {
  const { code } = error as NodeJS.ErrnoException;
  return new PtyError(`${link}: cannot be made (${code}); choose another place`);
}
