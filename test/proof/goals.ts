// Goals: what must hold in a state that the executor reached. Each is decided by rewriting or else by the solver, and the
// two are counted apart; and the path to each state is asked for, since of a state that cannot be reached all holds.

import type { State } from "./machine.js";
import { fileOf, Script } from "./smt.js";
import type { Model, Solver } from "./solver.js";
import { isTerm, type Term, type Terms, type Value } from "./terms.js";

/** What must hold where a path was taken. */
export interface Goal {
  /** The property and what it is about: `P1 a PIN is derived with: the try reads back as spent`. */
  readonly name: string;
  readonly path: readonly Value[];
  readonly holds: Value;
}

export interface Refutation {
  readonly goal: string;
  readonly model: Model;
}

export interface Verdict {
  readonly goals: number;
  readonly byRewriting: number;
  readonly bySolver: number;
  /** Paths that can be taken, and those that cannot without a fault of the chip. */
  readonly reachable: number;
  readonly unreachable: number;
  readonly refuted: readonly Refutation[];
}

export const NOTHING: Verdict = { goals: 0, byRewriting: 0, bySolver: 0, reachable: 0, unreachable: 0, refuted: [] };

export function sum(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce(
    (a, b) => ({
      goals: a.goals + b.goals,
      byRewriting: a.byRewriting + b.byRewriting,
      bySolver: a.bySolver + b.bySolver,
      reachable: a.reachable + b.reachable,
      unreachable: a.unreachable + b.unreachable,
      refuted: [...a.refuted, ...b.refuted],
    }),
    NOTHING,
  );
}

/** The goals of one case: all of one `Terms`, with what is assumed there. */
export class Goals {
  readonly #terms: Terms;
  readonly #goals: Goal[] = [];
  readonly #paths = new Map<string, { readonly name: string; readonly path: readonly Value[] }>();

  constructor(terms: Terms) {
    this.#terms = terms;
  }

  /** In this state this must hold. */
  add(name: string, { path }: Pick<State, "path">, holds: Value): void {
    this.#goals.push({ name, path, holds });
    this.reach(name, { path });
  }

  /** This state must be one that can be reached. */
  reach(name: string, { path }: Pick<State, "path">): void {
    const key = path.map((one) => (isTerm(one) ? one.id : String(one))).join(" ");
    if (!this.#paths.has(key)) this.#paths.set(key, { name, path });
  }

  /** Decides all. `wanted`: the variables of the model that is asked for where a goal does not hold. */
  decide(solver: Solver, wanted: readonly Term[] = [], keep?: (file: string) => void): Verdict {
    const { assumptions } = this.#terms;
    const open = this.#goals
      .map((goal) => ({ name: goal.name, conditions: [...goal.path, this.#terms.not(goal.holds)] }))
      .filter(({ conditions }) => this.#terms.and(...conditions) !== false);
    const script = new Script(this.#terms);
    const texts = open.map((query) => script.ask({ ...query, conditions: [...assumptions, ...query.conditions] }));
    const answers = texts.length > 0 ? solver.answers(texts.join(""), texts.length) : [];
    keep?.(fileOf(texts, "unsat"));
    const refuted: Refutation[] = [];
    for (const [i, query] of open.entries()) {
      if (answers[i] === "unsat") continue;
      const whole = new Script(this.#terms);
      const conditions = [...assumptions, ...query.conditions];
      refuted.push({ goal: query.name, model: solver.model(whole.ask({ ...query, conditions }, wanted)) });
    }
    const [reachable, unreachable] = this.#reached(solver);
    const bySolver = open.length - refuted.length;
    return {
      goals: this.#goals.length,
      byRewriting: this.#goals.length - open.length,
      bySolver,
      reachable,
      unreachable,
      refuted,
    };
  }

  #reached(solver: Solver): [reachable: number, unreachable: number] {
    const paths = [...this.#paths.values()];
    if (paths.length === 0) return [0, 0];
    const script = new Script(this.#terms);
    const texts = paths.map(({ name, path }) =>
      script.ask({ name: `can be reached: ${name}`, conditions: [...this.#terms.assumptions, ...path] }),
    );
    const answers = solver.answers(texts.join(""), texts.length);
    const reachable = answers.filter((answer) => answer === "sat").length;
    return [reachable, answers.length - reachable];
  }
}
