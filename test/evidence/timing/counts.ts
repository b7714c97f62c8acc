// Instruction counts that must all be the same, and which are not.

import type { Failure } from "../campaign.js";

/** Odd ones that are named; more of them say no more. */
const ENOUGH = 5;

export class Counts {
  readonly #what: string;
  readonly #byCount = new Map<string, string[]>();

  constructor(what: string) {
    this.#what = what;
  }

  /** What a case came to: numbers that must be those of every other case. */
  add(id: string, ...counts: readonly number[]): void {
    const key = counts.join(" and ");
    const ids = this.#byCount.get(key);
    if (ids) ids.push(id);
    else this.#byCount.set(key, [id]);
  }

  /** How many different ones there are. */
  get different(): number {
    return this.#byCount.size;
  }

  /** The most frequent one. */
  get usual(): string {
    return this.#ranked()[0]?.[0] ?? "";
  }

  /** Those that are not as most are. */
  get failures(): Failure[] {
    const odd = this.#ranked().slice(1);
    const failures = odd.flatMap(([count, ids]) =>
      ids.map((id) => ({ id, what: `${this.#what}: ${count} instructions, others ${this.usual}` })),
    );
    return failures.slice(0, ENOUGH);
  }

  #ranked(): [string, string[]][] {
    return [...this.#byCount].sort(([, a], [, b]) => b.length - a.length);
  }
}
