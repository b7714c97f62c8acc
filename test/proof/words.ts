// Memory or flash as words, each known or a term. A copy shares with its original what neither of the two changes.

import type { Terms, Value } from "./terms.js";

const CHUNK = 32;

export class Words {
  readonly #chunks: (readonly Value[])[];
  /** Chunks that no copy shares. */
  readonly #own = new Set<number>();

  private constructor(chunks: (readonly Value[])[]) {
    this.#chunks = chunks;
  }

  /** `count` words, a multiple of 32. */
  static of(count: number, word: (index: number) => Value): Words {
    const chunk = (at: number) => Array.from({ length: CHUNK }, (_, i) => word(at * CHUNK + i));
    return new Words(Array.from({ length: count / CHUNK }, (_, at) => chunk(at)));
  }

  get length(): number {
    return this.#chunks.length * CHUNK;
  }

  copy(): Words {
    this.#own.clear();
    return new Words(this.#chunks.slice());
  }

  get(index: number): Value {
    return (this.#chunks[Math.floor(index / CHUNK)] as readonly Value[])[index % CHUNK] as Value;
  }

  set(index: number, value: Value): void {
    const at = Math.floor(index / CHUNK);
    if (!this.#own.has(at)) {
      this.#chunks[at] = (this.#chunks[at] as readonly Value[]).slice();
      this.#own.add(at);
    }
    (this.#chunks[at] as Value[])[index % CHUNK] = value;
  }

  /** Where the two differ. */
  differences(other: Words): number[] {
    const found: number[] = [];
    for (const [at, chunk] of this.#chunks.entries()) {
      const theirs = other.#chunks[at] as readonly Value[];
      if (chunk === theirs) continue;
      for (let i = 0; i < CHUNK; i++) if (chunk[i] !== theirs[i]) found.push(at * CHUNK + i);
    }
    return found;
  }

  /** These words where `condition` holds, the others where it does not. */
  merged(condition: Value, other: Words, terms: Terms): Words {
    const made = this.copy();
    for (const index of this.differences(other))
      made.set(index, terms.ite(condition, this.get(index), other.get(index), terms.wordBits));
    return made;
  }
}
