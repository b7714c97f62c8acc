// Check values as an unknown function: the same words under the same seed give the same value; nothing else is known
// about it.

import { isTerm, type Term, type Terms, type Value } from "./terms.js";

export class CheckValues {
  readonly #terms: Terms;
  readonly #values = new Map<string, Term>();

  constructor(terms: Terms) {
    this.#terms = terms;
  }

  of(seed: Value, words: readonly Value[]): Term {
    const key = [seed, ...words].map((word) => (isTerm(word) ? `t${word.id}` : String(word))).join(" ");
    const known = this.#values.get(key);
    if (known) return known;
    const made = this.#terms.fresh("crc");
    this.#values.set(key, made);
    return made;
  }
}
