// Collects instruction counts that must all be equal, and finds the ones that differ.

import type { Failure } from "../campaign.js";

/** At most so many differing cases are reported; further ones add nothing. */
const ENOUGH = 5;

export class Counts {
  readonly #what: string;
  readonly #byCount = new Map<string, string[]>();

  constructor(what: string) {
    this.#what = what;
  }

  /** Adds the counts of a case, which must equal those of every other case. */
  add(id: string, ...counts: readonly number[]): void {
    const key = counts.join(" and ");
    const ids = this.#byCount.get(key);
    if (ids) ids.push(id);
    else this.#byCount.set(key, [id]);
  }

  /** The number of different counts. */
  get different(): number {
    return this.#byCount.size;
  }

  /** The most frequent count. */
  get usual(): string {
    return this.#ranked()[0]?.[0] ?? "";
  }

  /** The cases whose counts are not the most frequent ones. */
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
