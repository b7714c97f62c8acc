// Compares the executor with V8: runs the same function on the same memory and flash, once with all values known, once
// with some as variables whose terms are then evaluated.

import type { Random } from "../../sim/core/random.js";
import type { Firmware } from "./firmware.js";
import { importHooks } from "./host.js";
import { Machine, State } from "./machine.js";
import { evaluate, isTerm, type Term, Terms, type Value } from "./terms.js";
import { V8Machine } from "./v8.js";
import { Words } from "./words.js";

/** A function to run, with its arguments; `prepare` makes memory and flash fit for it. */
export interface Trial {
  readonly name: string;
  readonly args: readonly number[];
  /** Words of memory (or, from 1,024 on, of flash) that are variables in the run with terms. */
  readonly variables: readonly number[];
  readonly memory: Uint32Array;
  readonly flash: Uint32Array;
}

export interface Comparison {
  /** Describes the differences; empty if there are none. */
  readonly differences: readonly string[];
  readonly steps: number;
}

/** Runs a trial in V8 and twice in the executor. */
export function compare(firmware: Firmware, compiled: WebAssembly.Module, trial: Trial): Comparison {
  const v8 = new V8Machine(compiled, { flash: trial.flash.slice() });
  v8.memory.set(trial.memory);
  const result = v8.call(firmware.index(trial.name), ...trial.args);
  const outcomes = [new Set<number>(), new Set(trial.variables)].map((variables) => run(firmware, trial, variables));
  const differences = outcomes.flatMap(({ at, value, word }, i) => {
    const kind = i === 0 ? "known" : "terms";
    const found: string[] = [];
    if (value !== undefined && value >>> 0 !== result) found.push(`${trial.name}, ${kind}: ${value} for ${result}`);
    for (let n = 0; n < 1024; n++) {
      if (word(at.memory, n) !== v8.memory[n]) found.push(`${trial.name}, ${kind}: memory at ${n * 4}`);
      if (word(at.flash, n) !== v8.flash[n]) found.push(`${trial.name}, ${kind}: flash at ${n * 4}`);
    }
    return found;
  });
  return { differences, steps: outcomes.reduce((sum, { steps }) => sum + steps, 0) };
}

interface Outcome {
  readonly at: State;
  readonly value: number | undefined;
  readonly word: (words: Words, index: number) => number;
  readonly steps: number;
}

function run(firmware: Firmware, trial: Trial, variables: ReadonlySet<number>): Outcome {
  const terms = new Terms();
  const given = new Map<Term, number>();
  const place = (words: Uint32Array, index: number, number: number): Value => {
    const value = words[index] as number;
    if (!variables.has(number)) return value;
    const term = terms.variable(`v${number}`);
    given.set(term, value);
    return term;
  };
  const state = new State(
    Words.of(1024, (i) => place(trial.memory, i, i)),
    Words.of(1024, (i) => place(trial.flash, i, 1024 + i)),
  );
  const hooks = importHooks(firmware.module, { battery: () => 3000, random: () => 1, randomByte: () => 0 });
  const machine = new Machine(firmware.module, terms, {
    hooks,
    watched: [firmware.layout.current, firmware.layout.slot],
  });
  const states = machine.call(firmware.index(trial.name), state, trial.args);
  const known = new Map<Value, Value>();
  const numberOf = (value: Value): Value => {
    if (!isTerm(value)) return value;
    const before = known.get(value);
    if (before !== undefined) return before;
    const made = evaluate(value, terms, (term) => given.get(term) as number);
    known.set(value, made);
    return made;
  };
  const taken = states.filter(({ path }) => path.every((condition) => numberOf(condition) === true));
  if (taken.length !== 1) throw new Error(`${trial.name}: ${taken.length} of ${states.length} states are reached`);
  const [at] = taken as [State];
  const top = at.stack.length > 0 ? (numberOf(at.top()) as number) : undefined;
  return { at, value: top, word: (words, index) => numberOf(words.get(index)) as number, steps: machine.steps };
}

/** Random words, many of them typical of the firmware. */
export function randomWords(random: Random, common: readonly number[]): Uint32Array {
  return Uint32Array.from({ length: 1024 }, () =>
    random.next() % 2 === 0 ? (common[random.next() % common.length] as number) : random.next(),
  );
}
