// The site's challenges: random, answered once, gone after a few minutes.
//
// They are kept in a JSON file that several processes may use at once. A challenge is spent whether its
// response is right or not, and before anyone hears of it: so a response is accepted once, whatever happens,
// and a wrong one costs the challenge.
//
// Challenges that differ in trailing zero nibbles only (000001, 000016, 000256) have the same OCRA field
// and so the same response (RFC 6287 §5.1): a challenge whose field was given out lately is not drawn.

import { randomInt } from "node:crypto";
import { DISK, FileError, type FileSystem, readWhole, replaceAtomically, withLock } from "../files/files.js";
import type { Lock } from "../files/lock.js";

export interface ChallengeOptions {
  /** A clock in milliseconds. */
  now?: () => number;
  /** A number from 0 to below `limit`. */
  draw?: (limit: number) => number;
  disk?: FileSystem;
}

interface Challenge {
  readonly serial: string;
  readonly challenge: string;
  /** When it ends, in ms. */
  readonly expires: number;
  readonly used: boolean;
}

export const LIFETIME = 5 * 60_000;
/** No challenge comes back sooner after its end, so that a response seen on its way is of no use that day. */
export const REMEMBERED = 24 * 60 * 60_000;

const DIGITS = 6;
const LIMIT = 10 ** DIGITS;
/** Some 400,000 challenges. */
export const MAX_BYTES = 64 * 1024 * 1024;
/** What a new challenge must leave free, so that one can always be spent. */
const SPARE_BYTES = 64 * 1024;
/** More misses in a row mean that nearly every challenge is taken. */
const MOST_DRAWS = 1000;

export class ChallengeStore {
  readonly #path: string;
  readonly #now: () => number;
  readonly #draw: (limit: number) => number;
  readonly #disk: FileSystem;

  /** The challenges kept in `path`; the file is made with the first one. */
  constructor(path: string, { now = Date.now, draw = randomInt, disk = DISK }: ChallengeOptions = {}) {
    this.#path = path;
    this.#now = now;
    this.#draw = draw;
    this.#disk = disk;
  }

  /** A fresh challenge for a card. On return it is on the disk. */
  issue(serial: string, lifetime = LIFETIME): string {
    return this.#locked((lock) => {
      const challenges = this.#read();
      const taken = new Set(challenges.filter((any) => any.serial === serial).map((any) => fieldOf(any.challenge)));
      const challenge = this.#drawFresh(taken);
      const fresh = { serial, challenge, expires: this.#now() + lifetime, used: false };
      this.#write([...challenges, fresh], MAX_BYTES - SPARE_BYTES, lock);
      return challenge;
    });
  }

  /** Whether the challenge is open. If it is, it is spent with that, and on return that is on the disk. */
  spend(serial: string, challenge: string): boolean {
    return this.#locked((lock) => {
      const challenges = this.#read();
      const at = challenges.findIndex((any) => any.serial === serial && any.challenge === challenge);
      const found = challenges[at];
      if (!found || found.used || found.expires <= this.#now()) return false;
      this.#write(challenges.with(at, { ...found, used: true }), MAX_BYTES, lock);
      return true;
    });
  }

  #drawFresh(taken: ReadonlySet<string>): string {
    for (let draws = 0; draws < MOST_DRAWS; draws++) {
      const challenge = String(this.#draw(LIMIT)).padStart(DIGITS, "0");
      if (!taken.has(fieldOf(challenge))) return challenge;
    }
    throw new FileError(`${this.#path}: too many challenges for this card; wait until some expire`);
  }

  #locked<T>(run: (lock: Lock) => T): T {
    return withLock(this.#path, run, this.#disk);
  }

  /** What could not be read any more is not written. */
  #write(challenges: Challenge[], limit: number, lock: Lock): void {
    const bytes = Buffer.from(`${JSON.stringify({ challenges }, undefined, 1)}\n`);
    if (bytes.length > limit)
      throw new FileError(`${this.#path}: is full; wait until challenges expire, or begin another store`, "full");
    replaceAtomically(this.#path, bytes, this.#disk, lock);
  }

  #read(): Challenge[] {
    let bytes: Buffer;
    try {
      bytes = readWhole(this.#path, MAX_BYTES, this.#disk);
    } catch (error) {
      if (error instanceof FileError && error.reason === "missing") return [];
      throw error;
    }
    const challenges = parse(bytes);
    if (!challenges) throw new FileError(`${this.#path}: not a store of challenges; left as it is`);
    return challenges.filter(({ expires }) => expires + REMEMBERED > this.#now());
  }
}

/** The challenge as it stands in the OCRA field, without the zeros that fill it. */
function fieldOf(challenge: string): string {
  return Number(challenge).toString(16).replace(/0+$/, "");
}

/** Nothing but what is known is kept, so that all that is read can be written again. */
function parse(bytes: Buffer): Challenge[] | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const { challenges } = JSON.parse(text) as { challenges?: unknown };
    if (!Array.isArray(challenges) || !challenges.every(isChallenge)) return undefined;
    return challenges.map(({ serial, challenge, expires, used }) => ({ serial, challenge, expires, used }));
  } catch {
    return undefined;
  }
}

function isChallenge(value: unknown): value is Challenge {
  const { serial, challenge, expires, used } = (value ?? {}) as Partial<Challenge>;
  const isText = typeof serial === "string" && typeof challenge === "string" && /^\d{6}$/.test(challenge);
  return isText && Number.isSafeInteger(expires) && typeof used === "boolean";
}
