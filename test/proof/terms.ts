// Terms: the executor's unknown values. Equal terms are the same object. A term is rewritten when it is made, which
// decides many questions without the solver.
//
// Each rewriting has a name in RULES, is counted when it is used, and is proved in rules.ts: for all values at the small
// sizes, and by the solver at the real ones. What is assumed of a case (`assume`) is used by the rules "fact" and "bound",
// and is part of every query of that case.

/** Truth values have no bits; a byte has as many as `Terms` is told, a word four bytes, a long word two words. */
export const BOOL = 0;

export type Op =
  | "variable"
  | "ite"
  | "not"
  | "and"
  | "eq"
  | "ult"
  | "slt"
  | "sum"
  | "mul"
  | "udiv"
  | "urem"
  | "bitand"
  | "bitor"
  | "bitxor"
  | "shl"
  | "shr"
  | "rotr"
  | "byte"
  | "word"
  | "join"
  | "half"
  | "unknown";

/** A truth value, a byte or word (a number), a long word (a bigint), or a term for one of them. */
export type Value = boolean | number | bigint | Term;

export interface Term {
  readonly id: number;
  readonly op: Op;
  readonly width: number;
  readonly args: readonly Value[];
  /** Of a variable. */
  readonly name: string;
}

export const RULES = [
  "constants",
  "fact",
  "bound",
  "and of constants",
  "and twice",
  "and of opposites",
  "not not",
  "eq of the same",
  "eq of a sum and a constant",
  "eq of two sums",
  "eq of a difference",
  "less is not equal",
  "less is not more",
  "eq of a choice",
  "eq of bytes",
  "eq of halves",
  "less than zero",
  "less than one",
  "more than zero",
  "less than itself",
  "less of a choice",
  "choice of truth",
  "choice of the same",
  "choice of not",
  "choice in a choice",
  "choice of an equal",
  "choice of sums",
  "choice of bytes",
  "sum",
  "product with a constant",
  "bits of none",
  "bits of all",
  "bits of the same",
  "bits of a choice",
  "bits of bytes",
  "shift by none",
  "shift by bytes",
  "byte of bytes",
  "byte of a choice",
  "bytes of a word",
  "half of halves",
  "halves of a long word",
  "remainder of a power of two",
] as const;
export type Rule = (typeof RULES)[number];

type Range = readonly [least: number, most: number];

export function isTerm(value: Value): value is Term {
  return typeof value === "object";
}

/** A known value, or a value of another kind, was needed. */
export class TermError extends Error {
  override name = "TermError";
}

const REAL_BYTE = 8;

export class Terms {
  readonly byteBits: number;
  readonly wordBits: number;
  readonly longBits: number;
  /** How often each rule was used. */
  readonly used = new Map<Rule, number>();
  /** What is assumed of this case. */
  readonly assumptions: Value[] = [];
  readonly #terms = new Map<string, Term>();
  readonly #facts = new Map<Term, boolean>();
  readonly #ranges = new Map<Term, Range>();
  #fresh = 0;

  constructor(byteBits = REAL_BYTE) {
    this.byteBits = byteBits;
    this.wordBits = 4 * byteBits;
    this.longBits = 8 * byteBits;
  }

  /** Terms that were made. */
  get size(): number {
    return this.#terms.size;
  }

  // ---- what is given ----

  variable(name: string, width = this.wordBits): Term {
    return this.#make("variable", width, [], name);
  }

  /** A variable that nothing else has. */
  fresh(name: string, width = this.wordBits): Term {
    return this.variable(`${name}!${++this.#fresh}`, width);
  }

  /** The variables whose names begin so. */
  variablesOf(name: string): readonly Term[] {
    return [...this.#terms.values()].filter((term) => term.op === "variable" && term.name.startsWith(`${name}!`));
  }

  allVariables(): readonly Term[] {
    return [...this.#terms.values()].filter((term) => term.op === "variable");
  }

  /** The variables that occur in values; `opaque` terms count as such. */
  variablesIn(values: readonly Value[], opaque: ReadonlySet<Term> = new Set()): readonly Term[] {
    const seen = new Set<Term>();
    const left = values.filter(isTerm);
    for (let term = left.pop(); term; term = left.pop()) {
      if (seen.has(term)) continue;
      seen.add(term);
      if (!opaque.has(term)) left.push(...term.args.filter(isTerm));
    }
    return [...seen].filter((term) => term.op === "variable" || opaque.has(term));
  }

  /** An unknown value; everything computed from it is also unknown. */
  unknown(width: number): Term {
    return this.#make("unknown", width, []);
  }

  /** Assumes a condition in all that follows. */
  assume(condition: Value): void {
    if (condition === true) return;
    this.assumptions.push(condition);
    for (const one of this.conjuncts(condition)) this.#learn(one);
  }

  /** Whether a condition is true, or is assumed as it stands. */
  isKnown(condition: Value): boolean {
    if (!isTerm(condition)) return condition === true;
    return condition.op === "not"
      ? this.#facts.get(condition.args[0] as Term) === false
      : this.#facts.get(condition) === true;
  }

  #learn(condition: Value): void {
    if (!isTerm(condition)) return;
    const isNot = condition.op === "not";
    const inner = isNot ? (condition.args[0] as Term) : condition;
    this.#facts.set(inner, !isNot);
    if (inner.op !== "ult") return;
    const [a, b] = inner.args as [Value, Value];
    if (isTerm(a) && typeof b === "number") this.#narrow(a, isNot ? [b, this.#most(a.width)] : [0, b - 1]);
    if (isTerm(b) && typeof a === "number") this.#narrow(b, isNot ? [0, a] : [a + 1, this.#most(b.width)]);
  }

  #narrow(term: Term, [least, most]: Range): void {
    const [l, m] = this.rangeOf(term, term.width);
    this.#ranges.set(term, [Math.max(l, least), Math.min(m, most)]);
  }

  /** The conditions of which a conjunction is made. */
  conjuncts(condition: Value): readonly Value[] {
    return isTerm(condition) && condition.op === "and" ? condition.args : [condition];
  }

  // ---- truth ----

  not(a: Value): Value {
    if (typeof a === "boolean") return this.#by("constants", !a);
    const term = this.#term(a);
    if (term.op === "not") return this.#by("not not", this.#known(term.args[0] as Term));
    return this.#known(this.#make("not", BOOL, [term]));
  }

  and(...conditions: readonly Value[]): Value {
    const parts = new Set<Term>();
    for (const one of conditions.flatMap((condition) => this.conjuncts(condition))) {
      if (one === false) return this.#by("and of constants", false);
      if (one === true) this.#by("and of constants", true);
      else if (parts.has(this.#term(one))) this.#by("and twice", true);
      else parts.add(this.#term(one));
    }
    for (const part of parts) {
      if (part.op !== "not") continue;
      if (this.conjuncts(part.args[0] as Term).every((one) => parts.has(one as Term)))
        return this.#by("and of opposites", false);
    }
    for (const part of [...parts]) {
      if (part.op !== "ult") continue;
      const isEqual = this.#equality(part);
      if (!isTerm(isEqual)) continue;
      if (parts.has(isEqual)) return this.#by("less is not equal", false);
      const differs = this.not(isEqual);
      if (isTerm(differs) && parts.delete(differs)) this.#by("less is not equal", true);
    }
    const sorted = [...parts].sort((a, b) => a.id - b.id);
    if (sorted.length === 0) return true;
    return sorted.length === 1 ? (sorted[0] as Term) : this.#known(this.#make("and", BOOL, sorted));
  }

  /** That the two sides of a comparison are equal. */
  #equality({ args }: Term): Value {
    const [a, b] = args as [Value, Value];
    return this.eq(a, b, (isTerm(a) ? a : (b as Term)).width);
  }

  /** The comparison the other way round. */
  #opposite({ args }: Term): Value {
    const [a, b] = args as [Value, Value];
    return this.ult(b, a, (isTerm(a) ? a : (b as Term)).width);
  }

  or(...conditions: readonly Value[]): Value {
    return this.not(this.and(...conditions.map((condition) => this.not(condition))));
  }

  implies(a: Value, b: Value): Value {
    return this.not(this.and(a, this.not(b)));
  }

  eq(a: Value, b: Value, width = this.wordBits): Value {
    if (a === b) return this.#by("eq of the same", true);
    if (!isTerm(a) && !isTerm(b)) return this.#by("constants", a === b);
    const [x, y] = isTerm(a) ? [a, b] : [b as Term, a];
    if (this.#isUnknown(x, y)) return this.unknown(BOOL);
    if (!isTerm(y)) return this.#eqConstant(x, y, width);
    if (x.op === "sum" || y.op === "sum") {
      const difference = this.sub(x, y, width);
      if (!isTerm(difference)) return this.#by("eq of two sums", difference === 0 || difference === 0n);
    }
    const [first, second] = x.id < y.id ? [x, y] : [y, x];
    return this.#known(this.#make("eq", BOOL, [first, second]));
  }

  #eqConstant(x: Term, k: Value, width: number): Value {
    if (x.op === "sum" && !this.#isZero(x.args[0] as Value)) {
      const constant = x.args[0] as Value;
      const moved = this.eq(this.sub(x, constant, width), this.sub(k, constant, width), width);
      return this.#by("eq of a sum and a constant", moved);
    }
    const isDifference = x.op === "sum" && x.args.length === 5 && this.#isZero(k);
    if (isDifference && x.args[1] === 1 && x.args[3] === this.#wrap(-1, width))
      return this.#by("eq of a difference", this.eq(x.args[2] as Value, x.args[4] as Value, width));
    if (isDifference && x.args[3] === 1 && x.args[1] === this.#wrap(-1, width))
      return this.#by("eq of a difference", this.eq(x.args[2] as Value, x.args[4] as Value, width));
    if (x.op === "ite") {
      const [c, a, b] = x.args as [Value, Value, Value];
      if (!isTerm(a) || !isTerm(b))
        return this.#by("eq of a choice", this.ite(c, this.eq(a, k, width), this.eq(b, k, width), BOOL));
    }
    if (x.op === "word" && x.args.some((byte) => !isTerm(byte))) {
      const bytes = x.args.map((byte, i) => this.eq(byte, this.byte(k, i), this.byteBits));
      return this.#by("eq of bytes", this.and(...bytes));
    }
    if (x.op === "join") {
      const halves = [0, 1].map((i) => this.eq(x.args[i] as Value, this.half(k, i), this.wordBits));
      return this.#by("eq of halves", this.and(...halves));
    }
    if (width !== BOOL && width <= this.wordBits) {
      const [least, most] = this.rangeOf(x, width);
      if ((k as number) < least || (k as number) > most) return this.#by("bound", false);
    }
    return this.#known(this.#make("eq", BOOL, [x, k]));
  }

  /** a < b, without a sign. */
  ult(a: Value, b: Value, width = this.wordBits): Value {
    if (a === b) return this.#by("less than itself", false);
    if (!isTerm(a) && !isTerm(b)) return this.#by("constants", a < b);
    if (this.#isUnknown(a, b)) return this.unknown(BOOL);
    if (b === 0) return this.#by("less than zero", false);
    if (b === 1) return this.#by("less than one", this.eq(a, 0, width));
    if (a === 0) return this.#by("more than zero", this.not(this.eq(b, 0, width)));
    const [leastA, mostA] = this.rangeOf(a, width);
    const [leastB, mostB] = this.rangeOf(b, width);
    if (mostA < leastB) return this.#by("bound", true);
    if (leastA >= mostB) return this.#by("bound", false);
    for (const [choice, other, isLeft] of [
      [a, b, true],
      [b, a, false],
    ] as const) {
      if (!isTerm(choice) || choice.op !== "ite" || isTerm(other)) continue;
      const [c, p, q] = choice.args as [Value, Value, Value];
      if (isTerm(p) && isTerm(q)) continue;
      const less = (one: Value) => (isLeft ? this.ult(one, other, width) : this.ult(other, one, width));
      return this.#by("less of a choice", this.ite(c, less(p), less(q), BOOL));
    }
    return this.#known(this.#make("ult", BOOL, [a, b]));
  }

  /** a < b, with a sign. */
  slt(a: Value, b: Value, width = this.wordBits): Value {
    if (a === b) return this.#by("less than itself", false);
    if (!isTerm(a) && !isTerm(b)) return this.#by("constants", signed(a as number, width) < signed(b as number, width));
    if (this.#isUnknown(a, b)) return this.unknown(BOOL);
    return this.#known(this.#make("slt", BOOL, [a, b]));
  }

  // ---- choices ----

  ite(condition: Value, a: Value, b: Value, width = this.wordBits): Value {
    if (condition === true) return this.#by("constants", a);
    if (condition === false) return this.#by("constants", b);
    if (a === b) return this.#by("choice of the same", a);
    const c = this.#term(condition);
    if (this.#isUnknown(c, a, b)) return this.unknown(width);
    if (c.op === "not") return this.#by("choice of not", this.ite(c.args[0] as Value, b, a, width));
    const [x, y] = [this.#under(c, a, true), this.#under(c, b, false)];
    if (x !== a || y !== b) return this.#by("choice in a choice", this.ite(c, x, y, width));
    if (width === BOOL) return this.#iteTruth(c, a, b);
    if (c.op === "eq") {
      const [left, right] = c.args as [Term, Value];
      if (a === left && !isTerm(right)) return this.#by("choice of an equal", this.ite(c, right, b, width));
      if (a === right && b === left) return this.#by("choice of an equal", b);
    }
    if (c.op === "and" && !isTerm(a) && this.eq(a, b, width) === c) return this.#by("choice of an equal", b);
    return this.#iteSum(c, a, b, width) ?? this.#iteWord(c, a, b) ?? this.#make("ite", width, [c, a, b]);
  }

  #iteTruth(c: Term, a: Value, b: Value): Value {
    if (!isTerm(a)) return this.#by("choice of truth", a ? this.or(c, b) : this.and(this.not(c), b));
    if (!isTerm(b)) return this.#by("choice of truth", b ? this.or(this.not(c), a) : this.and(c, a));
    return this.#known(this.#make("ite", BOOL, [c, a, b]));
  }

  /** What a value is where `c` is known. */
  #under(c: Term, value: Value, truth: boolean): Value {
    if (value === c) return truth;
    if (!isTerm(value) || value.op !== "ite" || value.args[0] !== c) return value;
    return value.args[truth ? 1 : 2] as Value;
  }

  /**
  A choice between two values that differ by a constant becomes one value plus a choice of that constant or 0, so that
  counts become sums of choices.
  */
  #iteSum(c: Term, a: Value, b: Value, width: number): Value | undefined {
    if (width !== this.wordBits) return undefined;
    const [ka, ta] = this.#linear(a);
    const [kb, tb] = this.#linear(b);
    if (!sameTerms(ta, tb)) return undefined;
    if (ta.size === 0 && (kb === 0 || ka === 0 || Math.abs(ka - kb) !== 1)) return undefined;
    if (ta.size === 0 && Math.min(ka, kb) === 0) return undefined;
    const least = Math.min(ka, kb);
    const rest = this.#sumOf(ta, least, width);
    const more = this.#make("ite", width, [c, this.#wrap(ka - least, width), this.#wrap(kb - least, width)]);
    return this.#by("choice of sums", this.add(rest, more, width));
  }

  #iteWord(c: Term, a: Value, b: Value): Value | undefined {
    const isParts = (value: Value) => isTerm(value) && value.op === "word";
    if (!(isParts(a) && (isParts(b) || !isTerm(b))) && !(isParts(b) && !isTerm(a))) return undefined;
    const bytes = [0, 1, 2, 3].map((i) => [this.byte(a, i), this.byte(b, i)] as const);
    if (!bytes.some(([x, y]) => x === y)) return undefined;
    return this.#by("choice of bytes", this.word(bytes.map(([x, y]) => this.ite(c, x, y, this.byteBits))));
  }

  // ---- arithmetic ----

  add(a: Value, b: Value, width = this.wordBits): Value {
    return this.#linearSum(a, b, 1n, width);
  }

  sub(a: Value, b: Value, width = this.wordBits): Value {
    return this.#linearSum(a, b, -1n, width);
  }

  #linearSum(a: Value, b: Value, sign: bigint, width: number): Value {
    if (this.#isUnknown(a, b)) return this.unknown(width);
    if (typeof a === "number" && typeof b === "number")
      return this.#by("constants", this.#wrap(sign > 0n ? a + b : a - b, width));
    if (typeof a === "bigint" || typeof b === "bigint" || width === this.longBits)
      return this.#longSum(a, b, sign, width);
    const [ka, ta] = this.#linear(a);
    const [kb, tb] = this.#linear(b);
    const factor = sign > 0n ? 1 : -1;
    const terms = new Map(ta);
    for (const [term, times] of tb) terms.set(term, (terms.get(term) ?? 0) + factor * times);
    return this.#by("sum", this.#sumOf(terms, ka + factor * kb, width));
  }

  /** Of long words, only those that are known. */
  #longSum(a: Value, b: Value, sign: bigint, width: number): Value {
    if (isTerm(a) || isTerm(b)) throw new TermError("a sum of long words");
    return this.#by("constants", this.#constant(BigInt(a) + sign * BigInt(b), width));
  }

  /** A value as a constant and terms with their factors. */
  #linear(value: Value): [constant: number, terms: ReadonlyMap<Term, number>] {
    if (typeof value === "number") return [value, new Map()];
    const term = this.#term(value);
    if (term.op !== "sum") return [0, new Map([[term, 1]])];
    const terms = new Map<Term, number>();
    for (let i = 1; i < term.args.length; i += 2) terms.set(term.args[i + 1] as Term, term.args[i] as number);
    return [term.args[0] as number, terms];
  }

  #sumOf(terms: ReadonlyMap<Term, number>, constant: number, width: number): Value {
    const k = this.#wrap(constant, width);
    const parts = [...terms]
      .map(([term, times]) => [this.#wrap(times, width), term] as const)
      .filter(([times]) => times !== 0)
      .sort(([, a], [, b]) => a.id - b.id);
    const [only] = parts;
    if (!only) return k;
    if (parts.length === 1 && k === 0 && only[0] === 1) return only[1];
    return this.#make("sum", width, [k, ...parts.flat()]);
  }

  mul(a: Value, b: Value, width = this.wordBits): Value {
    if (this.#isUnknown(a, b)) return this.unknown(width);
    if (!isTerm(a) && !isTerm(b)) return this.#by("constants", this.#like(a, BigInt(a) * BigInt(b), width));
    const [x, k] = isTerm(a) ? [a, b] : [b as Term, a];
    if (isTerm(k) || width !== this.wordBits) return this.#make("mul", width, [x, k]);
    const [constant, terms] = this.#linear(x);
    const times = k as number;
    const product = new Map([...terms].map(([term, factor]) => [term, this.#times(factor, times, width)]));
    return this.#by("product with a constant", this.#sumOf(product, this.#times(constant, times, width), width));
  }

  udiv(a: Value, b: Value): Value {
    if (this.#isUnknown(a, b)) return this.unknown(this.wordBits);
    if (!isTerm(a) && !isTerm(b)) return this.#by("constants", Math.floor((a as number) / (b as number)));
    return this.#make("udiv", this.wordBits, [a, b]);
  }

  urem(a: Value, b: Value): Value {
    if (this.#isUnknown(a, b)) return this.unknown(this.wordBits);
    if (!isTerm(a) && !isTerm(b)) return this.#by("constants", (a as number) % (b as number));
    if (typeof b === "number" && b > 0 && (b & (b - 1)) === 0)
      return this.#by("remainder of a power of two", this.bitand(a, b - 1));
    return this.#make("urem", this.wordBits, [a, b]);
  }

  // ---- bits ----

  bitand(a: Value, b: Value, width = this.wordBits): Value {
    return this.#bits("bitand", a, b, width);
  }

  bitor(a: Value, b: Value, width = this.wordBits): Value {
    return this.#bits("bitor", a, b, width);
  }

  bitxor(a: Value, b: Value, width = this.wordBits): Value {
    return this.#bits("bitxor", a, b, width);
  }

  #bits(op: "bitand" | "bitor" | "bitxor", a: Value, b: Value, width: number): Value {
    if (this.#isUnknown(a, b)) return this.unknown(width);
    if (!isTerm(a) && !isTerm(b)) return this.#by("constants", this.#bitsOfConstants(op, a, b, width));
    if (a === b) return this.#by("bits of the same", op === "bitxor" ? this.#constant(0n, width) : a);
    const [x, y] = isTerm(a) ? [a, b] : [b as Term, a];
    if (!isTerm(y)) {
      if (this.#isZero(y)) return this.#by("bits of none", op === "bitand" ? y : x);
      if (this.#isOnes(y, width) && op !== "bitxor") return this.#by("bits of all", op === "bitand" ? x : y);
      if (x.op === "ite" && !isTerm(x.args[1] as Value) && !isTerm(x.args[2] as Value)) {
        const [c, p, q] = x.args as [Value, Value, Value];
        return this.#by(
          "bits of a choice",
          this.ite(c, this.#bits(op, p, y, width), this.#bits(op, q, y, width), width),
        );
      }
    }
    const bytes = this.#bitsOfBytes(op, x, y, width);
    if (bytes !== undefined) return bytes;
    const [first, second] = isTerm(y) && y.id < x.id ? [y, x] : [x, y];
    return this.#make(op, width, [first, second]);
  }

  /** Byte by byte, where bytes are known or the mask takes whole ones. */
  #bitsOfBytes(op: "bitand" | "bitor" | "bitxor", x: Term, y: Value, width: number): Value | undefined {
    if (width !== this.wordBits) return undefined;
    const isParts = (value: Value) => isTerm(value) && value.op === "word";
    const whole = (value: Value) =>
      !isTerm(value) &&
      [0, 1, 2, 3].every((i) => this.#isZero(this.byte(value, i)) || this.#isOnes(this.byte(value, i), this.byteBits));
    if (!(isParts(x) && (isParts(y) || !isTerm(y))) && !(op === "bitand" && whole(y))) return undefined;
    const bytes = [0, 1, 2, 3].map((i) => this.#bits(op, this.byte(x, i), this.byte(y, i), this.byteBits));
    return this.#by("bits of bytes", this.word(bytes));
  }

  #bitsOfConstants(op: "bitand" | "bitor" | "bitxor", a: Value, b: Value, width: number): Value {
    const [x, y] = [BigInt(a as number), BigInt(b as number)];
    return this.#like(a, op === "bitand" ? x & y : op === "bitor" ? x | y : x ^ y, width);
  }

  shl(a: Value, by: Value, width = this.wordBits): Value {
    return this.#shift("shl", a, by, width);
  }

  shr(a: Value, by: Value, width = this.wordBits): Value {
    return this.#shift("shr", a, by, width);
  }

  rotr(a: Value, by: Value, width = this.wordBits): Value {
    return this.#shift("rotr", a, by, width);
  }

  #shift(op: "shl" | "shr" | "rotr", a: Value, by: Value, width: number): Value {
    if (this.#isUnknown(a, by)) return this.unknown(width);
    if (isTerm(by)) throw new TermError("a shift by a number of bits that is not known");
    const places = Number(by) % width;
    if (!isTerm(a))
      return this.#by(
        "constants",
        this.#like(a, shifted(op, BigInt(a as number), BigInt(places), BigInt(width)), width),
      );
    if (places === 0) return this.#by("shift by none", a);
    if (a.op === "word" && places % this.byteBits === 0) {
      const from = (op === "shl" ? -places : places) / this.byteBits;
      const byte = (i: number): Value => (op === "rotr" ? a.args[(i + from) % 4] : a.args[i + from]) ?? 0;
      return this.#by("shift by bytes", this.word([0, 1, 2, 3].map(byte)));
    }
    return this.#make(op, width, [a, places]);
  }

  // ---- parts of words ----

  /** Byte `i` of a word, 0 the lowest. */
  byte(a: Value, i: number): Value {
    if (typeof a === "number") return (a >>> (i * this.byteBits)) & (2 ** this.byteBits - 1);
    const term = this.#term(a);
    if (this.#isUnknown(term)) return this.unknown(this.byteBits);
    if (term.op === "word") return this.#by("byte of bytes", term.args[i] as Value);
    if (term.op === "ite" && (!isTerm(term.args[1] as Value) || !isTerm(term.args[2] as Value))) {
      const [c, p, q] = term.args as [Value, Value, Value];
      return this.#by("byte of a choice", this.ite(c, this.byte(p, i), this.byte(q, i), this.byteBits));
    }
    return this.#make("byte", this.byteBits, [term, i]);
  }

  /** A word of four bytes, the lowest first. */
  word(bytes: readonly Value[]): Value {
    if (this.#isUnknown(...bytes)) return this.unknown(this.wordBits);
    if (bytes.every((byte) => !isTerm(byte)))
      return bytes.reduce<number>((sum, byte, i) => sum + (byte as number) * 2 ** (i * this.byteBits), 0);
    const [first] = bytes as [Value];
    const whole = isTerm(first) && first.op === "byte" ? (first.args[0] as Term) : undefined;
    const isByte = (byte: Value, i: number) =>
      isTerm(byte) && byte.op === "byte" && byte.args[0] === whole && byte.args[1] === i;
    if (whole && bytes.every(isByte)) return this.#by("bytes of a word", whole);
    if (whole && isByte(first, 0) && bytes.slice(1).every((byte) => byte === 0)) {
      const [, most] = this.rangeOf(whole, this.wordBits);
      if (most < 2 ** this.byteBits) return this.#by("bound", whole);
    }
    return this.#make("word", this.wordBits, bytes);
  }

  /** A long word of its low and its high word. */
  join(low: Value, high: Value): Value {
    if (this.#isUnknown(low, high)) return this.unknown(this.longBits);
    if (!isTerm(low) && !isTerm(high)) return BigInt(low) | (BigInt(high) << BigInt(this.wordBits));
    const isHalf = (value: Value, i: number) => isTerm(value) && value.op === "half" && value.args[1] === i;
    if (isHalf(low, 0) && isHalf(high, 1) && (low as Term).args[0] === (high as Term).args[0])
      return this.#by("halves of a long word", (low as Term).args[0] as Value);
    return this.#make("join", this.longBits, [low, high]);
  }

  /** The low (0) or high (1) word of a long word. */
  half(a: Value, i: number): Value {
    if (!isTerm(a)) return Number(BigInt.asUintN(this.wordBits, BigInt(a) >> BigInt(i * this.wordBits)));
    if (this.#isUnknown(a)) return this.unknown(this.wordBits);
    if (a.op === "join") return this.#by("half of halves", a.args[i] as Value);
    return this.#make("half", this.wordBits, [a, i]);
  }

  // ---- what is known of terms ----

  /** Between which numbers a value lies. */
  rangeOf(value: Value, width: number): Range {
    if (typeof value === "number") return [value, value];
    const all: Range = [0, this.#most(width)];
    if (!isTerm(value) || width > this.wordBits) return all;
    const known = this.#ranges.get(value);
    if (known) return known;
    const range = this.#range(value, width, all);
    this.#ranges.set(value, range);
    return range;
  }

  #range(term: Term, width: number, all: Range): Range {
    const parts = term.args;
    if (term.op === "ite") {
      const [a, b] = [this.rangeOf(parts[1] as Value, width), this.rangeOf(parts[2] as Value, width)];
      return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
    }
    if (term.op === "word") {
      const bytes = parts.map((byte) => this.rangeOf(byte, this.byteBits));
      const sum = (end: 0 | 1) => bytes.reduce((total, range, i) => total + range[end] * 2 ** (i * this.byteBits), 0);
      return [sum(0), sum(1)];
    }
    if (term.op === "sum") {
      let [least, most] = [parts[0] as number, parts[0] as number];
      for (let i = 1; i < parts.length; i += 2) {
        const [l, m] = this.rangeOf(parts[i + 1] as Value, width);
        least += l * (parts[i] as number);
        most += m * (parts[i] as number);
      }
      return most <= all[1] ? [least, most] : all;
    }
    if (term.op === "bitand" && typeof parts[1] === "number") return [0, parts[1]];
    return all;
  }

  /** A value where these conditions hold: its choices are made, as far as they are known. */
  restrict(value: Value, conditions: readonly Value[]): Value {
    const truths = new Map<Term, boolean>();
    for (const one of conditions.flatMap((condition) => this.conjuncts(condition))) {
      if (!isTerm(one)) continue;
      if (one.op === "not") truths.set(one.args[0] as Term, false);
      else truths.set(one, true);
      if (one.op !== "ult") continue;
      const isEqual = this.#equality(one);
      if (isTerm(isEqual)) truths.set(isEqual, this.#by("less is not equal", false));
      const isMore = this.#opposite(one);
      if (isTerm(isMore)) truths.set(isMore, this.#by("less is not more", false));
    }
    return truths.size === 0 ? value : this.#rebuild(value, truths, new Map());
  }

  #rebuild(value: Value, truths: ReadonlyMap<Term, boolean>, done: Map<Term, Value>): Value {
    if (!isTerm(value)) return value;
    const truth = truths.get(value);
    if (truth !== undefined) return truth;
    if (value.op !== "ite" && value.width !== BOOL && value.op !== "sum") return value;
    const known = done.get(value);
    if (known !== undefined) return known;
    const parts = value.args.map((part) => this.#rebuild(part, truths, done));
    const same = parts.every((part, i) => part === value.args[i]);
    const made = same ? value : this.remake(value, parts);
    done.set(value, made);
    return made;
  }

  /** A term with other parts. */
  remake({ op, width, args }: Term, parts: readonly Value[]): Value {
    const [a, b, c] = parts as [Value, Value, Value];
    const inner = args.find((arg) => isTerm(arg)) as Term | undefined;
    switch (op) {
      case "ite":
        return this.ite(a, b, c, width);
      case "not":
        return this.not(a);
      case "and":
        return this.and(...parts);
      case "eq":
        return this.eq(a, b, inner?.width ?? this.wordBits);
      case "ult":
        return this.ult(a, b, inner?.width ?? this.wordBits);
      case "slt":
        return this.slt(a, b);
      case "sum": {
        let sum: Value = a;
        for (let i = 1; i < parts.length; i += 2)
          sum = this.add(sum, this.mul(parts[i + 1] as Value, parts[i] as Value, width), width);
        return sum;
      }
      case "mul":
        return this.mul(a, b, width);
      case "udiv":
        return this.udiv(a, b);
      case "urem":
        return this.urem(a, b);
      case "bitand":
      case "bitor":
      case "bitxor":
        return this.#bits(op, a, b, width);
      case "shl":
      case "shr":
      case "rotr":
        return this.#shift(op, a, b, width);
      case "byte":
        return this.byte(a, b as number);
      case "word":
        return this.word(parts);
      case "join":
        return this.join(a, b);
      case "half":
        return this.half(a, b as number);
      case "variable":
      case "unknown":
        throw new TermError(`${op}: has no parts`);
    }
  }

  // ---- making ----

  #by<T>(rule: Rule, value: T): T {
    this.used.set(rule, (this.used.get(rule) ?? 0) + 1);
    return value;
  }

  #known(term: Term): Value {
    const fact = this.#facts.get(term);
    if (fact !== undefined) return this.#by("fact", fact);
    if (term.op !== "not") return term;
    const opposite = this.#facts.get(term.args[0] as Term);
    return opposite === undefined ? term : this.#by("fact", !opposite);
  }

  #make(op: Op, width: number, args: readonly Value[], name = ""): Term {
    const key = `${op} ${width} ${name} ${args.map(keyOf).join(" ")}`;
    const known = this.#terms.get(key);
    if (known) return known;
    const term: Term = { id: this.#terms.size, op, width, args, name };
    this.#terms.set(key, term);
    return term;
  }

  #term(value: Value): Term {
    if (!isTerm(value)) throw new TermError(`${value}: a term was wanted`);
    return value;
  }

  #isUnknown(...values: readonly Value[]): boolean {
    return values.some((value) => isTerm(value) && value.op === "unknown");
  }

  #isZero(value: Value): boolean {
    return value === 0 || value === 0n;
  }

  #isOnes(value: Value, width: number): boolean {
    return value === this.#constant(-1n, width);
  }

  #most(width: number): number {
    return width > this.wordBits ? Number.POSITIVE_INFINITY : 2 ** width - 1;
  }

  #wrap(value: number, width: number): number {
    const size = 2 ** width;
    return ((value % size) + size) % size;
  }

  #times(a: number, b: number, width: number): number {
    return Number(BigInt.asUintN(width, BigInt(a) * BigInt(b)));
  }

  #constant(value: bigint, width: number): number | bigint {
    const bits = BigInt.asUintN(width, value);
    return width === this.longBits ? bits : Number(bits);
  }

  /** A constant of the kind that `like` is. */
  #like(like: Value, value: bigint, width: number): number | bigint {
    const bits = BigInt.asUintN(width, value);
    return typeof like === "bigint" ? bits : Number(bits);
  }
}

function keyOf(value: Value): string {
  return isTerm(value) ? `t${value.id}` : typeof value === "bigint" ? `${value}n` : `${value}`;
}

function sameTerms(a: ReadonlyMap<Term, number>, b: ReadonlyMap<Term, number>): boolean {
  return a.size === b.size && [...a].every(([term, times]) => b.get(term) === times);
}

function signed(value: number, width: number): number {
  return value >= 2 ** (width - 1) ? value - 2 ** width : value;
}

function shifted(op: "shl" | "shr" | "rotr", value: bigint, places: bigint, width: bigint): bigint {
  if (op === "shl") return value << places;
  return op === "shr" ? value >> places : (value >> places) | (value << (width - places));
}

// ---- values of terms ----

/** The value of a term for given variables, computed without the rules above. */
export function evaluate(
  value: Value,
  terms: Terms,
  given: (variable: Term) => boolean | number | bigint,
): boolean | number | bigint {
  const done = new Map<Term, boolean | number | bigint>();
  const visit = (one: Value): boolean | number | bigint => {
    if (!isTerm(one)) return one;
    const known = done.get(one);
    if (known !== undefined) return known;
    const result = one.op === "variable" ? given(one) : meaning(one.op, one.width, one.args, visit, terms);
    done.set(one, result);
    return result;
  };
  return visit(value);
}

/** What an operation means, by the values of its arguments. */
export function meaning(
  op: Op,
  width: number,
  args: readonly Value[],
  visit: (value: Value) => boolean | number | bigint,
  terms: Pick<Terms, "byteBits" | "wordBits" | "longBits">,
): boolean | number | bigint {
  const values = args.map(visit);
  const [a, b] = values as [number | bigint | boolean, number | bigint | boolean];
  const made = (bits: bigint): number | bigint => {
    const cut = BigInt.asUintN(width, bits);
    return width === terms.longBits ? cut : Number(cut);
  };
  const [x, y] = [BigInt(a ?? 0), BigInt(b ?? 0)];
  switch (op) {
    case "ite":
      return (a ? values[1] : values[2]) as boolean | number | bigint;
    case "not":
      return !a;
    case "and":
      return values.every(Boolean);
    case "eq":
      return a === b;
    case "ult":
      return x < y;
    case "slt":
      return BigInt.asIntN(terms.wordBits, x) < BigInt.asIntN(terms.wordBits, y);
    case "sum": {
      let sum = x;
      for (let i = 1; i < values.length; i += 2) sum += BigInt(values[i] as number) * BigInt(values[i + 1] as number);
      return made(sum);
    }
    case "mul":
      return made(x * y);
    case "udiv":
      return made(y === 0n ? -1n : x / y);
    case "urem":
      return made(y === 0n ? x : x % y);
    case "bitand":
      return made(x & y);
    case "bitor":
      return made(x | y);
    case "bitxor":
      return made(x ^ y);
    case "shl":
    case "shr":
    case "rotr":
      return made(shifted(op, x, y, BigInt(width)));
    case "byte":
      return made(x >> (y * BigInt(terms.byteBits)));
    case "word":
      return made(values.reduce<bigint>((sum, byte, i) => sum | (BigInt(byte) << BigInt(i * terms.byteBits)), 0n));
    case "join":
      return made(x | (y << BigInt(terms.wordBits)));
    case "half":
      return made(x >> (y * BigInt(terms.wordBits)));
    case "variable":
    case "unknown":
      throw new TermError(`${op}: has no value`);
  }
}
