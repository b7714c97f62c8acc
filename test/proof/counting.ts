// The count of tries, for every content of flash: `spent` and `spentBackwards` are the specification of spec.ts, and
// `freeSlot` is the slot behind the last one that is not erased.
//
// Memory and flash are wholly unknown; only the number of the page is known, and which slot was given back last (or is the
// last that is not erased). Each split has a case for every slot and one for none, so that no content is left out.

import type { Firmware } from "./firmware.js";
import { Goals, type Verdict } from "./goals.js";
import { ERASED, importHooks } from "./host.js";
import { Machine, PAGE_WORDS, State, variables } from "./machine.js";
import { nameOf } from "./smt.js";
import type { Model, Solver } from "./solver.js";
import { CODE, GIVEN, PIN, slotIndex, slotsOf, spent, spentBehind, type Tally } from "./spec.js";
import { evaluate, type Term, Terms, type Value } from "./terms.js";
import type { Words } from "./words.js";

export const TALLIES: readonly Tally[] = [PIN, CODE];
const NONE = -1;

interface Setting {
  readonly terms: Terms;
  readonly machine: Machine;
  readonly state: State;
}

/** A verdict, and the content of memory and flash that refutes it, if one does. */
export interface Proved extends Verdict {
  readonly counterexample?: { readonly memory: Uint32Array; readonly flash: Uint32Array };
}

export function proved(
  goals: Goals,
  solver: Solver,
  terms: Terms,
  { memory, flash }: Pick<State, "memory" | "flash">,
): Proved {
  const verdict = goals.decide(solver, terms.variablesIn([...allOf(memory), ...allOf(flash)]));
  const model = verdict.refuted[0]?.model;
  if (!model) return verdict;
  return { ...verdict, counterexample: { memory: wordsOf(memory, terms, model), flash: wordsOf(flash, terms, model) } };
}

export function allOf(words: Words): readonly Value[] {
  return Array.from({ length: words.length }, (_, i) => words.get(i));
}

/** Flash and memory as a model of the solver has them. */
export function wordsOf(words: Words, terms: Terms, model: Model): Uint32Array {
  const given = (variable: Term) => model.get(nameOf(variable)) ?? 0;
  return Uint32Array.from({ length: words.length }, (_, i) => evaluate(words.get(i), terms, given) as number);
}

/** Only the number of the page that memory takes as current is known. */
function settingOf(firmware: Firmware, page: number): Setting {
  const terms = new Terms();
  const { layout, module } = firmware;
  const state = new State(variables(terms, "memory", 1024), variables(terms, "flash", 1024));
  state.memory.set(layout.current / 4, page);
  const hooks = importHooks(module, { battery: impossible, random: impossible, randomByte: impossible });
  return { terms, state, machine: new Machine(module, terms, { hooks, watched: [layout.current] }) };
}

function impossible(): never {
  throw new Error("a count of tries asks for more than flash");
}

/** Both counts, for one page and kind of tries, with slot `last` the last one given back (-1: none). */
export function proveCounts(firmware: Firmware, solver: Solver, page: number, tally: Tally, last: number): Proved {
  const { terms, machine, state } = settingOf(firmware, page);
  for (let slot = Math.max(last, 0); slot < tally.slots; slot++) {
    const index = slotIndex(page, tally, slot) + 1;
    if (slot === last) state.flash.set(index, GIVEN);
    else terms.assume(terms.not(terms.eq(state.flash.get(index), GIVEN)));
  }
  const start = state.copy();
  const slots = slotsOf(state.flash, page, tally);
  const carried = machine.loadByte(state, firmware.layout.image + tally.carriedAt);
  const count = spentBehind(terms, slots, last, terms.word([carried, 0, 0, 0]));
  const goals = new Goals(terms);
  const where = `${tally.name}, page ${page}, slot ${last}`;
  goals.add(
    `count: the two forms of the specification agree: ${where}`,
    state,
    terms.eq(spent(terms, slots, terms.word([carried, 0, 0, 0])), count),
  );
  for (const name of ["tally/spent", "tally/spentBackwards"]) {
    const [before, memory] = [state.flash.copy(), state.memory.copy()];
    for (const end of machine.call(firmware.index(name), state.copy(), [tally.at])) {
      goals.add(`count: ${name} is the specification: ${where}`, end, terms.eq(end.top(), count));
      const written = memory.differences(end.memory).filter((index) => !firmware.layout.scratch.includes(index));
      goals.add(`count: ${name} writes only where flash is looked through: ${where}`, end, written.length === 0);
      goals.add(`count: ${name} leaves flash as it is: ${where}`, end, before.differences(end.flash).length === 0);
    }
  }
  return proved(goals, solver, terms, start);
}

/** The free slot, where slot `last` is the last one that is not erased (-1: none). */
export function proveFreeSlot(firmware: Firmware, solver: Solver, page: number, tally: Tally, last: number): Proved {
  const { terms, machine, state } = settingOf(firmware, page);
  for (let slot = last + 1; slot < tally.slots; slot++)
    for (const i of [0, 1]) state.flash.set(slotIndex(page, tally, slot) + i, ERASED);
  if (last !== NONE) terms.assume(terms.not(isErased(terms, state, slotIndex(page, tally, last))));
  const start = state.copy();
  const expected = last + 1 < tally.slots ? slotIndex(page, tally, last + 1) * 4 : ERASED;
  const goals = new Goals(terms);
  for (const end of machine.call(firmware.index("tally/freeSlot"), state.copy(), [tally.at]))
    goals.add(`free slot: ${tally.name}, page ${page}, behind ${last}`, end, terms.eq(end.top(), expected));
  return proved(goals, solver, terms, start);
}

/** Proves that the firmware decides correctly whether a page is blank. */
export function proveIsBlank(firmware: Firmware, solver: Solver, page: number): Proved {
  const { terms, machine, state } = settingOf(firmware, page);
  state.memory.set(firmware.layout.current / 4, terms.variable("current"));
  const start = state.copy();
  const words = Array.from({ length: PAGE_WORDS }, (_, i) => terms.eq(state.flash.get(page * PAGE_WORDS + i), ERASED));
  const goals = new Goals(terms);
  const [flash, memory] = [state.flash.copy(), state.memory.copy()];
  for (const end of machine.call(firmware.index("flash/isBlank"), state.copy(), [page])) {
    const written = memory.differences(end.memory).filter((index) => !firmware.layout.scratch.includes(index));
    goals.add(`blank: page ${page}`, end, terms.eq(end.top(), terms.ite(terms.and(...words), 1, 0)));
    goals.add(`blank: writes only where flash is looked through: page ${page}`, end, written.length === 0);
    goals.add(`blank: flash stays as it is: page ${page}`, end, flash.differences(end.flash).length === 0);
  }
  return proved(goals, solver, terms, start);
}

/** Whether both words of the slot at this index are erased. */
export function isErased(terms: Terms, state: State, index: number): Value {
  return terms.and(terms.eq(state.flash.get(index), ERASED), terms.eq(state.flash.get(index + 1), ERASED));
}

/** Every case of the two, for a page. */
export function proveCounting(firmware: Firmware, solver: Solver, page: number): Verdict[] {
  const verdicts: Verdict[] = [proveIsBlank(firmware, solver, page)];
  for (const tally of TALLIES) {
    for (let last = NONE; last < tally.slots; last++) {
      verdicts.push(proveCounts(firmware, solver, page, tally, last));
      verdicts.push(proveFreeSlot(firmware, solver, page, tally, last));
    }
  }
  return verdicts;
}
