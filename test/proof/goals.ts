// Goals: conditions that must hold in a state that the executor reached. Rewriting or else the solver decides each, and
// the two are counted separately. The solver also checks that the path to each state can be taken, because anything
// holds in an unreachable state.

import type { State } from "./machine.js";
import { fileOf, type Query, Script } from "./smt.js";
import type { Answer, Model, Solver } from "./solver.js";
import { isTerm, type Term, type Terms, type Value } from "./terms.js";

/** A condition that must hold after a path. */
export interface Goal {
  /** The property and what it is about: `P1 a PIN is derived with: the try reads back as spent`. */
  readonly name: string;
  readonly path: readonly Value[];
  readonly holds: Value;
  /** A sufficient condition, which is tried first. */
  readonly first?: Value;
}

export interface Refutation {
  readonly goal: string;
  readonly model: Model;
}

export interface Verdict {
  readonly goals: number;
  readonly byRewriting: number;
  readonly bySolver: number;
  /** What the solver was asked. */
  readonly queries: number;
  /** The number of paths that can be taken. */
  readonly reachable: number;
  /** The paths that cannot be taken without a fault of the chip: the first goal on each. */
  readonly unreachable: readonly string[];
  readonly refuted: readonly Refutation[];
  /** The results that paths end with. */
  readonly ends: readonly number[];
  /** The calls into the functions that write flash that were executed (writers.ts). */
  readonly calls: readonly string[];
}

export const NOTHING: Verdict = {
  goals: 0,
  byRewriting: 0,
  bySolver: 0,
  queries: 0,
  reachable: 0,
  unreachable: [],
  refuted: [],
  ends: [],
  calls: [],
};

export function sum(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce(
    (a, b) => ({
      goals: a.goals + b.goals,
      byRewriting: a.byRewriting + b.byRewriting,
      bySolver: a.bySolver + b.bySolver,
      queries: a.queries + b.queries,
      reachable: a.reachable + b.reachable,
      unreachable: [...a.unreachable, ...b.unreachable],
      refuted: [...a.refuted, ...b.refuted],
      ends: [...new Set([...a.ends, ...b.ends])],
      calls: [...new Set([...a.calls, ...b.calls])],
    }),
    NOTHING,
  );
}

/** The goals of one case: all of one `Terms`, with what is assumed there. */
export class Goals {
  /** Terms whose contents rarely matter: the solver is first asked as if they were variables. */
  readonly opaque = new Set<Term>();
  /** Conditions under which paths are tried first, because they narrow the solver's search. */
  readonly hints: Value[] = [];
  /** To refute, a few of the goals that rewriting does not decide are enough, and no paths. */
  isRefutation = false;
  readonly #terms: Terms;
  readonly #goals: Goal[] = [];
  /** Goals that are among the assumptions, such as those on words that an operation did not change. */
  #known = 0;
  #last: readonly Value[] | undefined;
  readonly #ofBattery = new Map<Value, boolean>();
  readonly #paths = new Map<string, Path>();

  constructor(terms: Terms) {
    this.#terms = terms;
  }

  /** In this state this must hold. */
  add(name: string, { path }: Pick<State, "path">, holds: Value, first?: Value): void {
    if (this.#terms.isKnown(holds)) this.#known++;
    else this.#goals.push({ name, path, holds, ...(first !== undefined && { first }) });
    this.reach(name, { path });
  }

  /** This state must be one that can be reached. */
  reach(name: string, { path }: Pick<State, "path">): void {
    if (path === this.#last) return;
    this.#last = path;
    const key = path.map((one) => (isTerm(one) ? one.id : String(one))).join(" ");
    if (!this.#paths.has(key)) this.#paths.set(key, { name, path });
  }

  /**
   * Decides all. `wanted`: the variables of the model that is asked for where a goal does not hold; `keep` is given the
   * text of all queries.
   */
  decide(solver: Solver, wanted: readonly Term[] = [], keep?: (file: string) => void): Verdict {
    const terms = this.#terms;
    const isOpen = ({ path, holds }: Goal) => terms.and(...path, terms.not(holds)) !== false;
    const allOpen = this.#goals.filter(isOpen);
    const open = this.isRefutation ? firstOfEach(allOpen).slice(0, ENOUGH_TO_REFUTE) : allOpen;
    const asking = new Asking(terms, solver, this.opaque);
    // One text decides most: the sufficient conditions, the goals and the paths.
    const paths = this.isRefutation ? [] : longestOf(withoutBattery(terms, [...this.#paths.values()]));
    const bundles = this.#bundlesOf(paths);
    const groups = [({ first }: Goal) => first, ({ holds }: Goal) => holds].flatMap((wanted) => groupsOf(open, wanted));
    const queries = [
      ...groups.map((group) => asking.relevant(this.#queryOf(group))),
      ...bundles.map((one) => asking.whole(one.query)),
    ];
    const firstAnswers = asking.send(queries);
    const shown = new Set(groups.flatMap(({ goals }, i) => (firstAnswers[i] === "unsat" ? goals : [])));
    const hard = open.filter((goal) => !shown.has(goal));
    const enough = this.#unshown(asking, hard, ({ first }) => first, 1);
    const left = this.#unshown(asking, enough, ({ holds }) => holds, MOST_PARTS);
    const single = left.map(({ name, path, holds }) => ({ name, conditions: [...path, terms.not(holds)] }));
    const answers = asking.askWhole(single);
    const wrong = single.filter((_, i) => answers[i] === "sat");
    const refuted = wrong.map((query, i) => ({
      goal: query.name,
      // One counterexample is enough to see what is wrong.
      model: i === 0 ? this.#model(solver, query, wanted) : new Map(),
    }));
    const never = this.#unreached(asking, bundles, firstAnswers.slice(groups.length));
    keep?.(fileOf(asking.texts));
    return {
      ...NOTHING,
      goals: this.#known + this.#goals.length,
      byRewriting: this.#known + this.#goals.length - open.length,
      bySolver: open.length - refuted.length,
      queries: asking.count,
      reachable: paths.length - never.length,
      unreachable: never.map(({ name }) => name),
      refuted,
    };
  }

  /**
   * The goals for which what is wanted was not shown. Goals that want the same are shown together, on what their paths
   * share and leaving the battery out; where that is not enough, those that go on alike, so many times.
   */
  #unshown(
    asking: Asking,
    goals: readonly Goal[],
    wanted: (goal: Goal) => Value | undefined,
    times: number,
  ): readonly Goal[] {
    const shown = new Set<Goal>();
    let groups = groupsOf(goals, wanted);
    for (let time = 0; time <= times && groups.length > 0; time++) {
      const queries = groups.map((group) => this.#queryOf(group));
      const answers = asking.ask(queries);
      for (const [i, group] of groups.entries())
        if (answers[i] === "unsat") for (const goal of group.goals) shown.add(goal);
      groups = groups.filter((group, i) => answers[i] === "sat" && group.goals.length > 1).flatMap(parted);
    }
    return goals.filter((goal) => !shown.has(goal));
  }

  #isOfBattery(condition: Value): boolean {
    const known = this.#ofBattery.get(condition);
    if (known !== undefined) return known;
    const isOf = this.#terms.variablesIn([condition]).some(({ name }) => name.startsWith(BATTERY));
    this.#ofBattery.set(condition, isOf);
    return isOf;
  }

  /** Whether a group of goals holds on what their paths share, the battery left out. */
  #queryOf({ name, shared, holds }: Group): Query {
    return { name, conditions: [...shared.filter((one) => !this.#isOfBattery(one)), this.#terms.not(holds)] };
  }

  /** One query checks several paths that the same flash can take. */
  #bundlesOf(paths: readonly Path[]): readonly Bundle[] {
    const bundles: { conditions: Value[]; paths: Path[] }[] = [];
    for (const path of paths) {
      const bundle = bundles.find(({ conditions }) => this.#terms.and(...conditions, ...path.path) !== false);
      if (bundle) bundle.conditions = [...new Set([...bundle.conditions, ...path.path])];
      if (bundle) bundle.paths.push(path);
      else bundles.push({ conditions: [...path.path], paths: [path] });
    }
    return bundles.map((bundle) => this.#bundle(bundle.paths));
  }

  /** The paths that cannot be taken. A bundle that cannot be taken together is asked for in halves. */
  #unreached(asking: Asking, bundles: readonly Bundle[], answers: readonly Answer[]): readonly Path[] {
    const failed = bundles.filter((_, i) => answers[i] !== "sat");
    const single = failed.flatMap(({ paths }) => (paths.length === 1 ? paths : []));
    const asked = asking.askWhole(single.map((path) => reachQuery(path, path.path)));
    const never = single.filter((_, i) => asked[i] !== "sat");
    const halves = failed
      .flatMap(({ paths }) => (paths.length > 1 ? halved(paths) : []))
      .map((one) => this.#bundle(one));
    if (halves.length === 0) return never;
    return [...never, ...this.#unreached(asking, halves, asking.askWhole(halves.map(({ query }) => query)))];
  }

  #bundle(paths: readonly Path[]): Bundle {
    const conditions = [...new Set(paths.flatMap(({ path }) => path))];
    return { paths, query: reachQuery(paths[0] as Path, [...this.hints, ...conditions]) };
  }

  #model(solver: Solver, query: Query, wanted: readonly Term[]): Model {
    const script = new Script(this.#terms);
    const assumed = script.assume(this.#terms.assumptions);
    return solver.model(assumed + script.ask(query, wanted)) ?? new Map();
  }
}

/** Asks the solver, and keeps what was asked. */
class Asking {
  readonly #terms: Terms;
  readonly #solver: Solver;
  readonly #opaque: ReadonlySet<Term>;
  readonly texts: string[] = [];
  count = 0;
  #assumed: readonly { readonly one: Value; readonly variables: readonly Term[] }[] | undefined;

  constructor(terms: Terms, solver: Solver, opaque: ReadonlySet<Term>) {
    this.#terms = terms;
    this.#solver = solver;
    this.#opaque = opaque;
  }

  /** Asks each with no more of the assumptions than what has to do with it: "unsat" is an answer, "sat" is none. */
  ask(queries: readonly Query[]): readonly Answer[] {
    return this.send(queries.map((query) => this.relevant(query)));
  }

  askWhole(queries: readonly Query[]): readonly Answer[] {
    return this.send(queries.map((query) => this.whole(query)));
  }

  /** A query with the assumptions that have to do with it, in which the opaque terms are taken for variables. */
  relevant({ name, conditions }: Query): Asked {
    return { name, conditions: [...this.#relevant(conditions), ...conditions], isOpaque: true };
  }

  /** A query with all assumptions, and everything looked into. */
  whole({ name, conditions }: Query): Asked {
    return { name, conditions, isOpaque: false };
  }

  /** Asks in one text; those with everything looked into come last, each kind with its own definitions. */
  send(queries: readonly Asked[]): readonly Answer[] {
    if (queries.length === 0) return [];
    const near = queries.filter(({ isOpaque }) => isOpaque);
    const all = queries.filter(({ isOpaque }) => !isOpaque);
    const nearScript = new Script(this.#terms, this.#opaque);
    const wholeScript = new Script(this.#terms);
    const nearText = near.map((query) => nearScript.ask(query)).join("");
    const assumed = all.length > 0 ? wholeScript.assume(this.#terms.assumptions) : "";
    const text = `(push 1)\n${nearText}(pop 1)\n${assumed}${all.map((query) => wholeScript.ask(query)).join("")}`;
    this.texts.push(`${text}(reset)\n`);
    this.count += queries.length;
    const answers = this.#solver.answers(text, queries.length);
    const order = [...near, ...all];
    return queries.map((query) => answers[order.indexOf(query)] as Answer);
  }

  /** The assumptions that have a variable of these conditions, or one of another such assumption. */
  #relevant(conditions: readonly Value[]): readonly Value[] {
    const wanted = new Set(this.#terms.variablesIn(conditions, this.#opaque));
    this.#assumed ??= this.#terms.assumptions.map((one) => ({
      one,
      variables: this.#terms.variablesIn([one], this.#opaque),
    }));
    let left = this.#assumed;
    const chosen: Value[] = [];
    for (let size = -1; size !== wanted.size; ) {
      size = wanted.size;
      const isNear = ({ variables }: (typeof left)[number]) => variables.some((variable) => wanted.has(variable));
      for (const { one, variables } of left.filter(isNear)) {
        chosen.push(one);
        for (const variable of variables) wanted.add(variable);
      }
      left = left.filter((each) => !isNear(each));
    }
    return chosen;
  }
}

const ENOUGH_TO_REFUTE = 40;
/** How often a group of goals is split that cannot be shown together. */
const MOST_PARTS = 3;
/** A query as it is sent. */
interface Asked extends Query {
  readonly isOpaque: boolean;
}

const BATTERY = "battery!";
/** Below it no flash is written, in mV. */
const LOW = 2100;

/**
 * Paths without what they say of the battery: it is another one each time it is measured, and nothing else is said of it.
 * Where a path needs it low it is low, and everywhere else full; a path can be taken where the rest of it can.
 */
function withoutBattery(terms: Terms, paths: readonly Path[]): readonly Path[] {
  const made = new Map<string, Path>();
  for (const { name, path } of paths) {
    const low = new Set(path.filter((one) => isTerm(one) && isBattery(one)));
    const variables = terms.variablesIn(path).filter((variable) => variable.name.startsWith(BATTERY));
    const full = variables.flatMap((variable) => {
      const isLow = terms.ult(variable, LOW);
      return low.has(isLow) ? [isLow] : [terms.not(isLow)];
    });
    const kept = path.map((one) => terms.restrict(one, full)).filter((one) => one !== true);
    // A path that joins several ways needs a low battery on one of them, and not the same one each time.
    const left = terms.and(...kept) === false ? path : kept;
    made.set(left.map((one) => (isTerm(one) ? one.id : String(one))).join(" "), { name, path: left });
  }
  return [...made.values()];
}

/** Whether it says that the battery is low, and nothing else. */
function isBattery({ op, args }: Term): boolean {
  const [measured, bound] = args as [Value, Value];
  return op === "ult" && isTerm(measured) && measured.name.startsWith(BATTERY) && bound === LOW;
}

/** The first goal of each name; those that hold nowhere come first, and the many of the invariant last. */
function firstOfEach(goals: readonly Goal[]): readonly Goal[] {
  const named = new Map<string, Goal>();
  for (const goal of goals) if (!named.has(goal.name)) named.set(goal.name, goal);
  const rank = ({ name, holds }: Goal) => (holds === false ? 0 : name.startsWith("invariant") ? 2 : 1);
  return [...named.values()].sort((a, b) => rank(a) - rank(b));
}

interface Bundle {
  readonly paths: readonly Path[];
  readonly query: Query;
}

function halved<T>(all: readonly T[]): readonly (readonly T[])[] {
  const middle = all.length >>> 1;
  return [all.slice(0, middle), all.slice(middle)];
}

function reachQuery({ name }: Path, conditions: readonly Value[]): Query {
  return { name: `can be reached: ${name}`, conditions };
}

interface Path {
  readonly name: string;
  readonly path: readonly Value[];
}

interface Group {
  readonly name: string;
  readonly holds: Value;
  /** Conditions that are on the path of every one of the goals. */
  readonly shared: readonly Value[];
  readonly goals: readonly Goal[];
}

/** Goals of which the same must hold, on different paths: where it holds on what these share, it holds on each. */
function groupsOf(goals: readonly Goal[], wanted: (goal: Goal) => Value | undefined): readonly Group[] {
  const groups = new Map<Value, Goal[]>();
  for (const goal of goals) {
    const holds = wanted(goal);
    if (holds !== undefined) groups.set(holds, [...(groups.get(holds) ?? []), goal]);
  }
  return [...groups].map(([holds, same]) => groupOf(holds, same));
}

function groupOf(holds: Value, goals: readonly Goal[]): Group {
  const [first, ...others] = goals as [Goal, ...Goal[]];
  const sets = others.map(({ path }) => new Set(path));
  return { name: first.name, holds, shared: first.path.filter((one) => sets.every((set) => set.has(one))), goals };
}

/** A group in parts, by the first condition that they do not share. */
function parted({ holds, shared, goals }: Group): readonly Group[] {
  const known = new Set(shared);
  const parts = new Map<Value | undefined, Goal[]>();
  for (const goal of goals) {
    const next = goal.path.find((one) => !known.has(one));
    parts.set(next, [...(parts.get(next) ?? []), goal]);
  }
  return parts.size > 1 ? [...parts.values()].map((part) => groupOf(holds, part)) : [];
}

/** Paths of which no other one is the continuation: where these can be taken, all can. */
function longestOf(paths: readonly Path[]): readonly Path[] {
  const all = [...paths].sort((a, b) => b.path.length - a.path.length);
  const longest: { readonly one: Path; readonly set: ReadonlySet<Value> }[] = [];
  for (const one of all) {
    if (longest.some(({ set }) => one.path.every((condition) => set.has(condition)))) continue;
    longest.push({ one, set: new Set(one.path) });
  }
  return longest.map(({ one }) => one);
}
