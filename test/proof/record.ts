// A record that personalization accepts gives three to ten tries. What else makes a record valid does not matter here, so
// the functions that look at texts, fillings and digits may answer anything.

import { type Proved, proved } from "./counting.js";
import { answering, type Effects, READING } from "./effects.js";
import type { Firmware } from "./firmware.js";
import { Goals } from "./goals.js";
import { LEAST_TRIES, MOST_TRIES } from "./invariant.js";
import { type Hook, Machine, State, variables } from "./machine.js";
import type { Solver } from "./solver.js";
import { Terms } from "./terms.js";

const RECORD = 0xf00;
/** Where a record gives its tries (firmware/wire.ts, RecordAt). */
export const TRIES_AT = 1;

export function proveRecord(firmware: Firmware, _effects: Effects, solver: Solver): readonly Proved[] {
  const terms = new Terms();
  const goals = new Goals(terms);
  const state = new State(variables(terms, "memory", 1024), variables(terms, "flash", 1024));
  const anything = (width: number) => terms.fresh("answer", width);
  const isSuite: Hook = (machine, each) => {
    each.stack.push(anything(machine.terms.wordBits));
    return [each];
  };
  const hooks = new Map(READING.map((name) => [firmware.index(name), answering(firmware, name, anything)]));
  const machine = new Machine(firmware.module, terms, { hooks: hooks.set(firmware.index("token/isSuite"), isSuite) });
  const tries = terms.word([machine.loadByte(state, RECORD + TRIES_AT), 0, 0, 0]);
  const isRight = terms.and(terms.not(terms.ult(tries, LEAST_TRIES)), terms.ult(tries, MOST_TRIES + 1));
  for (const end of machine.call(firmware.index("personalization/isValid"), state.copy(), [RECORD], true))
    goals.add("record: a valid one gives three to ten tries", end, terms.or(terms.eq(end.top(), 0), isRight));
  return [proved(goals, solver, terms, state)];
}
