// Cryptography as unknown functions: instead of running such a function, the words that it writes become new, unknown
// variables. A run with all data unknown finds these words. It would stop if a branch, a length or the address of a
// write depended on data, so the words are the same for all data. A function that branches on data is run on variables,
// all ways, and has the words that any of them writes.

import { constantWord, type Firmware, refuseConstant } from "./firmware.js";
import { ExecutionError, type Hook, Machine, State } from "./machine.js";
import { isTerm, Terms, type Value } from "./terms.js";
import { allInstructions, type WasmFunction } from "./wasm.js";
import { Words } from "./words.js";

/** The functions that are unknown in the proof, and what their arguments may be. */
export const UNKNOWN_FUNCTIONS = [
  "crypto/kdf/derive",
  "crypto/siv/ctr",
  "crypto/siv/s2v",
  "crypto/cbc/decrypt",
  "crypto/aes/setKey",
  "crypto/aes/encrypt",
  "crypto/sha1/compress",
  "crypto/sha256/compress",
  "crypto/sha512/compress",
  "crypto/ocra/encodeNumber",
  "crypto/ocra/decimal",
] as const;

/** Functions that branch on data. */
const BRANCHING: readonly string[] = ["crypto/ocra/encodeNumber", "personalization/isValid"];
/** Functions that write nothing, and loop as often as data says: they may answer anything. */
export const READING: readonly string[] = ["personalization/isFilled", "pin/isDigits"];
/** Functions that read a text from a place which they keep in memory. */
const PARSER = "crypto/ocra/";

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
    const words = [...this.#run(name, args)].sort((a, b) => a - b);
    this.#known.set(key, words);
    return words;
  }

  #run(name: string, args: readonly Value[]): ReadonlySet<number> {
    const { module, constants, index, names, layout } = this.#firmware;
    const terms = new Terms();
    const anything = (width: number) => (BRANCHING.includes(name) ? terms.fresh("data", width) : terms.unknown(width));
    const word = (at: number): Value => {
      const bytes = constants.get(at);
      return bytes ? constantWord(terms, at, bytes) : anything(terms.wordBits);
    };
    const written = new Set<number>();
    const onStore = (at: number) => {
      refuseConstant(this.#firmware, at);
      written.add(at);
    };
    const hooks = new Map(READING.map((one) => [index(one), answering(this.#firmware, one, anything)]));
    const apart = new Set(names.flatMap((one, i) => (one === name || one.startsWith(PARSER) ? [i] : [])));
    const machine = new Machine(module, terms, { anything, onStore, hooks, apart, watched: [layout.cursor] });
    const given = args.map((arg) => (isTerm(arg) ? anything(arg.width) : arg));
    machine.call(
      index(name),
      new State(
        Words.of(1024, word),
        Words.of(1024, () => anything(terms.wordBits)),
      ),
      given,
    );
    return written;
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

/** A function that writes nothing may answer anything. Throws where it writes. */
export function answering(firmware: Firmware, name: string, anything: (width: number) => Value): Hook {
  const { module, index } = firmware;
  const { code } = module.functions[index(name) - module.imports.length] as WasmFunction;
  if (allInstructions(code).some((one) => WRITING.test(one.name))) throw new ExecutionError(`${name} writes`);
  return (machine, state) => {
    state.stack.push(anything(machine.terms.wordBits));
    return [state];
  };
}
/** Instructions that write memory, or may. */
const WRITING = /store|memory|call/;
