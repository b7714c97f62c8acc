// Random terms, with what they must mean: a term is made of random terms, and its value is compared with `meaning` for
// random values of the variables. The rules are proved one by one in rules.ts; this finds where one is used too widely.

import { Random } from "../../sim/core/random.js";
import { BOOL, evaluate, meaning, type Op, type Term, TermError, Terms, type Value } from "./terms.js";

type Known = boolean | number | bigint;

/** A term, the values that it must have, and how it was made. */
interface Made {
  readonly value: Value;
  readonly values: readonly Known[];
  readonly text: string;
}

/** An operation on arguments, as it is meant, and the term that was made. */
interface Step {
  readonly op: Op;
  readonly width: number;
  readonly args: readonly Made[];
  readonly made: Value;
}

const ASSIGNMENTS = 40;
const STEPS = 200;
/** Conditions are assumed in some runs only; an assignment that breaks one no longer counts. */
const ASSUMED_EVERY = 50;
const LEAST_ASSIGNMENTS = 8;
const MOST_TEXT = 200;

/** Makes random terms, so many times `STEPS`. Returns what is wrong; a byte has so many bits. */
export function strangeTerms(byteBits: number, runs: number, seed: number): readonly string[] {
  const random = new Random(seed);
  return Array.from({ length: runs }, () => new Run(byteBits, random).faults()).flat();
}

class Run {
  readonly #terms: Terms;
  readonly #random: Random;
  readonly #assignments: readonly ReadonlyMap<Term, Known>[];
  readonly #alive: boolean[];
  readonly #pools = new Map<number, Made[]>();

  constructor(byteBits: number, random: Random) {
    const terms = new Terms(byteBits);
    this.#terms = terms;
    this.#random = random;
    const { wordBits, longBits } = terms;
    const named: [string, number][] = [
      ...["x", "y", "z"].map((name): [string, number] => [name, wordBits]),
      ...["b", "c"].map((name): [string, number] => [name, byteBits]),
      ...["p", "q"].map((name): [string, number] => [name, BOOL]),
      ["l", longBits],
    ];
    const variables = named.map(([name, width]) => terms.variable(name, width));
    this.#assignments = Array.from(
      { length: ASSIGNMENTS },
      () => new Map(variables.map((variable) => [variable, this.#number(variable.width)])),
    );
    this.#alive = this.#assignments.map(() => true);
    for (const variable of variables)
      this.#keep(variable.width, {
        value: variable,
        values: this.#assignments.map((given) => given.get(variable) as Known),
        text: variable.name,
      });
  }

  faults(): readonly string[] {
    const faults: string[] = [];
    for (let i = 1; i <= STEPS; i++) {
      if (i % ASSUMED_EVERY === 0) this.#assume();
      const fault = i % 10 === 0 ? this.#restricted() : this.#stepped();
      if (fault) faults.push(fault);
    }
    return faults;
  }

  /** One more term; says what is wrong with it. */
  #stepped(): string | undefined {
    const step = this.#step();
    if (!step) return undefined;
    const { op, width, args, made } = step;
    const values = this.#assignments.map((_, i) =>
      meaning(
        op,
        width,
        args.map(({ values }) => values[i] as Known),
        (value) => value as Known,
        this.#terms,
      ),
    );
    const text = `${op}(${args.map((arg) => arg.text).join(", ")})`;
    if (this.#isWrong(made, values)) return text;
    if (text.length < MOST_TEXT) this.#keep(width, { value: made, values, text });
    return undefined;
  }

  /** A term where two conditions hold. */
  #restricted(): string | undefined {
    const { wordBits } = this.#terms;
    const [value, first, second] = [this.#pick(this.#one([wordBits, BOOL])), this.#pick(BOOL), this.#pick(BOOL)];
    const made = this.#terms.restrict(value.value, [first.value, second.value]);
    const holds = (i: number) => first.values[i] === true && second.values[i] === true;
    const isWrong = this.#isWrong(made, value.values, holds);
    return isWrong ? `${value.text} where ${first.text} and ${second.text}` : undefined;
  }

  #isWrong(made: Value, values: readonly Known[], holds: (i: number) => boolean = () => true): boolean {
    return this.#assignments.some(
      (given, i) =>
        this.#alive[i] &&
        holds(i) &&
        evaluate(made, this.#terms, (variable) => given.get(variable) as Known) !== values[i],
    );
  }

  /** Assumes a condition, if enough assignments satisfy it. */
  #assume(): void {
    const { terms, condition } = { terms: this.#terms, condition: this.#condition() };
    const left = this.#alive.filter((isAlive, i) => isAlive && condition.values[i] === true).length;
    if (left < LEAST_ASSIGNMENTS || typeof condition.value === "boolean") return;
    terms.assume(condition.value);
    for (const [i, value] of condition.values.entries()) if (value !== true) this.#alive[i] = false;
  }

  /** A condition that is assumed: often a bound. */
  #condition(): Made {
    if (this.#below(2) === 0) return this.#pick(BOOL);
    const [a, k] = [this.#pick(this.#terms.wordBits), this.#constant(this.#terms.wordBits)];
    const isLess = a.values.map((value, i) => (value as number) < (k.values[i] as number));
    const less = this.#terms.ult(a.value, k.value);
    return this.#below(2) === 0
      ? { value: less, values: isLess, text: "" }
      : { value: this.#terms.not(less), values: isLess.map((each) => !each), text: "" };
  }

  /** A random operation; undefined: the terms have none for these arguments. */
  #step(): Step | undefined {
    try {
      return this.#one(this.#makers)();
    } catch (error) {
      if (error instanceof TermError) return undefined;
      throw error;
    }
  }

  readonly #makers: readonly (() => Step)[] = [
    ...[0, 1, 2].map(
      () => () => this.#binary("eq", this.#one([this.#w, this.#b, BOOL]), BOOL, (a, b, w) => this.#terms.eq(a, b, w)),
    ),
    () => this.#binary("ult", this.#w, BOOL, (a, b) => this.#terms.ult(a, b)),
    () => this.#binary("slt", this.#w, BOOL, (a, b) => this.#terms.slt(a, b)),
    ...[0, 1, 2].map(() => () => this.#choice(this.#one([this.#w, this.#w, this.#b, BOOL]))),
    () => this.#conjunction(),
    () => this.#unary("not", BOOL, BOOL, (a) => this.#terms.not(a)),
    () => this.#sum(1),
    ...[0, 1].map(() => () => this.#sum(-1)),
    () => this.#with("mul", this.#constant(this.#w), (a, b) => this.#terms.mul(a, b)),
    ...(["udiv", "urem"] as const).map((op) => () => {
      const divisor = this.#fixed(1 + this.#below(2 ** this.#w - 1));
      return this.#with(op, divisor, (a, b) => this.#terms[op](a, b));
    }),
    ...(["bitand", "bitor", "bitxor"] as const).map((op) => () => {
      const width = this.#one([this.#w, this.#w, this.#b]);
      return this.#binary(op, width, width, (a, b) => this.#terms[op](a, b, width));
    }),
    ...(["shl", "shr", "rotr"] as const).map(
      (op) => () => this.#with(op, this.#fixed(this.#below(this.#w)), (a, b) => this.#terms[op](a, b)),
    ),
    () => this.#byte(),
    () => this.#word(),
    () => this.#binary("join", this.#w, this.#terms.longBits, (a, b) => this.#terms.join(a, b)),
    () => this.#half(),
  ];

  get #w(): number {
    return this.#terms.wordBits;
  }

  get #b(): number {
    return this.#terms.byteBits;
  }

  #unary(op: Op, from: number, width: number, make: (a: Value) => Value): Step {
    const a = this.#pick(from);
    return { op, width, args: [a], made: make(a.value) };
  }

  #binary(op: Op, from: number, width: number, make: (a: Value, b: Value, width: number) => Value): Step {
    const [a, b] = [this.#any(from), this.#any(from)];
    return { op, width, args: [a, b], made: make(a.value, b.value, from) };
  }

  #with(op: Op, b: Made, make: (a: Value, b: Value) => Value): Step {
    const a = this.#any(this.#w);
    return { op, width: this.#w, args: [a, b], made: make(a.value, b.value) };
  }

  #choice(width: number): Step {
    const args = [this.#any(BOOL), this.#any(width), this.#any(width)];
    const [c, a, b] = args.map(({ value }) => value) as [Value, Value, Value];
    return { op: "ite", width, args, made: this.#terms.ite(c, a, b, width) };
  }

  #conjunction(): Step {
    const args = [this.#any(BOOL), this.#any(BOOL), this.#any(BOOL)];
    return { op: "and", width: BOOL, args, made: this.#terms.and(...args.map(({ value }) => value)) };
  }

  #sum(sign: 1 | -1): Step {
    const [a, b] = [this.#any(this.#w), this.#any(this.#w)];
    const times = this.#fixed(sign === 1 ? 1 : 2 ** this.#w - 1);
    const made = sign === 1 ? this.#terms.add(a.value, b.value) : this.#terms.sub(a.value, b.value);
    return { op: "sum", width: this.#w, args: [this.#fixed(0), this.#fixed(1), a, times, b], made };
  }

  #byte(): Step {
    const [a, i] = [this.#pick(this.#w), this.#below(4)];
    return { op: "byte", width: this.#b, args: [a, this.#fixed(i)], made: this.#terms.byte(a.value, i) };
  }

  #half(): Step {
    const [a, i] = [this.#pick(this.#terms.longBits), this.#below(2)];
    return { op: "half", width: this.#w, args: [a, this.#fixed(i)], made: this.#terms.half(a.value, i) };
  }

  #word(): Step {
    const args = [0, 1, 2, 3].map(() => this.#any(this.#b));
    return { op: "word", width: this.#w, args, made: this.#terms.word(args.map(({ value }) => value)) };
  }

  // ---- what they are made of ----

  /** A term, or sometimes a constant. */
  #any(width: number): Made {
    return this.#below(3) === 0 ? this.#constant(width) : this.#pick(width);
  }

  #pick(width: number): Made {
    return this.#one(this.#pools.get(width) as Made[]);
  }

  #constant(width: number): Made {
    return this.#fixed(this.#number(width));
  }

  #fixed(value: Known): Made {
    return { value, values: this.#assignments.map(() => value), text: String(value) };
  }

  /** A number of this width, often a small one or nearly the largest. */
  #number(width: number): Known {
    if (width === BOOL) return this.#below(2) === 1;
    if (width === this.#terms.longBits) return BigInt.asUintN(width, BigInt(this.#below(2 ** 32)));
    const size = 2 ** width;
    return this.#one([0, 1, 2, 3, size - 1, size - 2, this.#below(size), this.#below(size)]) % size;
  }

  #keep(width: number, made: Made): void {
    this.#pools.set(width, [...(this.#pools.get(width) ?? []), made]);
  }

  #one<T>(all: readonly T[]): T {
    return all[this.#below(all.length)] as T;
  }

  #below(limit: number): number {
    return (this.#random.next() >>> 0) % limit;
  }
}
