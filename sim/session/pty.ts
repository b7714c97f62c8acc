// `--pty`: the card's serial line on a pseudo-terminal, which programs open like any serial port.

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
import { faultInWords } from "../../host-tools/files/faults.js";
import { type Lock, LockError, tryLockName } from "../../host-tools/files/lock.js";
import type { Card } from "../core/card.js";
import { atExit } from "./atexit.js";
import { UserError } from "./usererror.js";

/** A link that cannot be made; the message is for people. */
export class PtyError extends UserError {
  override name = "PtyError";
}

/** The result of `open` of @lydell/node-pty, which its types leave out. */
interface PseudoTerminal {
  readonly _master: Socket;
  readonly _slave: Socket;
  readonly _pty: string;
}

/** The names of pseudo-terminals on Linux and macOS. */
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
   * Opens a pseudo-terminal and links `link` to it. A link that a killed simulator left is replaced; a link of a
   * running one, and anything else, is left alone.
   */
  constructor(card: Card, link: string) {
    if (process.platform === "win32") {
      throw new PtyError("--pty: this system has no pseudo-terminals; use Linux or macOS");
    }
    const place = placeOf(link);
    this.#card = card;
    // A foreign link must not get a lock file, since the next attempt would take it for a simulator's link.
    const wasLocked = existsSync(`${place}.lock`);
    refuseTaken(place, link, wasLocked);
    this.#lock = reserve(place, link);
    try {
      // Checked again, since another simulator may have made its link until now.
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

  /** Removes the link if it is still ours, and hangs up. */
  close(): void {
    const at = this.#card.watchers.indexOf(this.#watcher);
    if (at >= 0) this.#card.watchers.splice(at, 1);
    // Done while the pseudo-terminal is open: afterwards its name may be reused.
    this.#unlink();
    this.#lock.release();
    this.#master.destroy();
    closeSync(this.#held);
  }

  #send(bytes: Uint8Array): void {
    this.#master.write(bytes);
  }
}

/** A unique name for a link, independent of the path to its folder. */
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
    throw new PtyError(`${link}: cannot be reserved: ${faultInWords(error)}; choose a folder you may write`);
  }
  if (!lock) throw new PtyError(`${link}: in use by another simulator; end that one first`);
  return lock;
}

/**
 * Refuses a place that is in use, unless by a link that a killed simulator left. `wasLocked`: a simulator has used this
 * place before.
 */
function refuseTaken(place: string, link: string, wasLocked: boolean): void {
  if (!lstatSync(place, { throwIfNoEntry: false })) return;
  const target = targetOf(place);
  if (!target?.startsWith("/dev/")) {
    throw new PtyError(`${link}: exists already and is not a link to a pseudo-terminal; choose another place`);
  }
  // The number of a closed pseudo-terminal is soon reused, so the lock file shows whose link it was.
  const leftBehind = wasLocked && PTY.test(target);
  if (!leftBehind && existsSync(target)) {
    throw new PtyError(`${link}: exists already and leads to ${target}; choose another place, or delete the link`);
  }
}

function linkedTerminal(place: string, link: string): PseudoTerminal {
  const { open } = createRequire(import.meta.url)("@lydell/node-pty") as {
    open(options: { encoding: null }): PseudoTerminal;
  };
  const terminal = open({ encoding: null });
  // The package's own reader of the other end would consume what is meant for the program that opens it.
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

/** Somebody may have removed or replaced the link. */
function unlinkIfOurs(place: string, pty: string): void {
  if (targetOf(place) === pty) unlinkSync(place);
}

/** The target of a link; undefined if there is none. */
function targetOf(place: string): string | undefined {
  try {
    return readlinkSync(place);
  } catch {
    return undefined;
  }
}

function notMade(link: string, error: unknown): PtyError {
  return new PtyError(`${link}: cannot be made: ${faultInWords(error)}; choose another place`);
}
