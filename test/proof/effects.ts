// Cryptography as unknown functions: instead of running such a function, the words that it writes become new, unknown
// variables. A run with all data unknown finds these words. It would stop if a branch, a length or the address of a
// write depended on data, so the words are the same for all data.

import { constantWord, type Firmware, refuseConstant } from "./firmware.js";
import { type Hook, Machine, State } from "./machine.js";
import { isTerm, Terms, type Value } from "./terms.js";
import { Words } from "./words.js";

/** The functions that are unknown in the proof, and what their arguments may be. */
export const UNKNOWN_FUNCTIONS = [
  "crypto/kdf/derive",
  "crypto/siv/ctr",
  "crypto/siv/s2v",
  "crypto/cbc/decrypt",
  "crypto/aes/setKey",
  "crypto/aes/encrypt",
] as const;

/** The arguments of a call, as a key. Unknown arguments are only data. */
function keyOf(name: string, args: readonly Value[]): string {
  return `${name} ${args.map((arg) => (isTerm(arg) ? "?" : String(arg))).join(" ")}`;
}

export class Effects {
  readonly #firmware: Firmware;
  readonly #known = new Map<string, readonly number[]>();

  constructor(firmware: Firmware) {
    this.#firmware = firmware;
  }

  /** The words that a call writes, whatever memory holds. */
  of(name: string, args: readonly Value[]): readonly number[] {
    const key = keyOf(name, args);
    const known = this.#known.get(key);
    if (known) return known;
    const terms = new Terms();
    const written = new Set<number>();
    const { module } = this.#firmware;
    const state = new State(
      Words.of(1024, (index) => {
        const bytes = this.#firmware.constants.get(index);
        return bytes ? constantWord(terms, index, bytes) : terms.unknown(terms.wordBits);
      }),
      Words.of(1024, () => terms.unknown(terms.wordBits)),
    );
    const onStore = (index: number) => {
      refuseConstant(this.#firmware, index);
      written.add(index);
    };
    const machine = new Machine(module, terms, { isBlind: true, onStore });
    const blind = args.map((arg) => (isTerm(arg) ? terms.unknown(arg.width) : arg));
    machine.call(this.#firmware.index(name), state, blind);
    const words = [...written].sort((a, b) => a - b);
    this.#known.set(key, words);
    return words;
  }

  /** Replaces a function: its result and everything that it writes are new variables. */
  hook(name: string): Hook {
    const index = this.#firmware.index(name) - this.#firmware.module.imports.length;
    const hasResult = this.#firmware.module.functions[index]?.type.results.length === 1;
    return (machine, state, args) => {
      for (const word of this.of(name, args)) state.memory.set(word, machine.terms.fresh(name));
      if (hasResult) state.stack.push(machine.terms.fresh(name));
      return [state];
    };
  }
}
