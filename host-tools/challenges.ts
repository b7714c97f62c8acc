// The site's challenges: random, answered once, gone after a few minutes.
//
// They are kept in a JSON file that several processes may use at once. A challenge is spent before its
// response is looked at, so that a response is accepted once whatever happens, and a wrong one costs the
// challenge too.
//
// Challenges that differ in trailing zero nibbles only (000001, 000016, 000256) have the same OCRA field
// and so the same response (RFC 6287 §5.1): a challenge whose field is open or was used lately is not drawn.

import { randomInt } from "node:crypto";
import { DISK, FileError, type FileSystem, readWhole, replaceAtomically, withLock } from "./files.js";

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
  /** When it ends, or for a used one when it is forgotten; in ms. */
  readonly until: number;
  readonly used: boolean;
}

export const LIFETIME = 5 * 60_000;
/** A used challenge comes back no sooner, so that a response seen on its way is of no use that day. */
export const REMEMBERED = 24 * 60 * 60_000;

const DIGITS = 6;
const LIMIT = 10 ** DIGITS;
const MAX_BYTES = 64 * 1024 * 1024;
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
    return this.#change((challenges) => {
      const taken = new Set(challenges.filter((any) => any.serial === serial).map((any) => fieldOf(any.challenge)));
      const challenge = this.#drawFresh(taken);
      challenges.push({ serial, challenge, until: this.#now() + lifetime, used: false });
      return challenge;
    });
  }

  /** Whether the challenge is open; it is spent with that, for good. The response is judged only after it. */
  spend(serial: string, challenge: string): boolean {
    return this.#change((challenges) => {
      const at = challenges.findIndex((any) => any.serial === serial && any.challenge === challenge && !any.used);
      if (at < 0) return false;
      challenges[at] = { serial, challenge, until: this.#now() + REMEMBERED, used: true };
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

  #change<T>(apply: (challenges: Challenge[]) => T): T {
    const change = () => {
      const now = this.#now();
      const challenges = this.#read().filter((any) => any.until > now);
      const result = apply(challenges);
      replaceAtomically(this.#path, `${JSON.stringify({ challenges }, undefined, 1)}\n`, this.#disk);
      return result;
    };
    return withLock(this.#path, change, this.#disk);
  }

  #read(): Challenge[] {
    let bytes: Buffer;
    try {
      bytes = readWhole(this.#path, MAX_BYTES, this.#disk);
    } catch (error) {
      if (error instanceof FileError && error.reason === "missing") return [];
      throw error;
    }
    const challenges = parse(bytes.toString());
    if (!challenges) throw new FileError(`${this.#path}: not a store of challenges; left as it is`);
    return challenges;
  }
}

/** The challenge as it stands in the OCRA field, without the zeros that fill it. */
function fieldOf(challenge: string): string {
  return Number(challenge).toString(16).replace(/0+$/, "");
}

function parse(text: string): Challenge[] | undefined {
  try {
    const { challenges } = JSON.parse(text) as { challenges?: unknown };
    return Array.isArray(challenges) && challenges.every(isChallenge) ? challenges : undefined;
  } catch {
    return undefined;
  }
}

function isChallenge(value: unknown): value is Challenge {
  const { serial, challenge, until, used } = (value ?? {}) as Partial<Challenge>;
  const isText = typeof serial === "string" && typeof challenge === "string" && /^\d{6}$/.test(challenge);
  return isText && typeof until === "number" && typeof used === "boolean";
}
