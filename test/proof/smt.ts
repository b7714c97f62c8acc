// Queries as SMT-LIB 2.6 text, in the logic QF_BV, for any solver.

import { BOOL, isTerm, type Op, type Term, TermError, type Terms, type Value } from "./terms.js";

/** What is asked: whether all of these conditions can hold together. */
export interface Query {
  readonly name: string;
  readonly conditions: readonly Value[];
}

const BINARY: Readonly<Partial<Record<Op, string>>> = {
  eq: "=",
  ult: "bvult",
  slt: "bvslt",
  mul: "bvmul",
  udiv: "bvudiv",
  urem: "bvurem",
  bitand: "bvand",
  bitor: "bvor",
  bitxor: "bvxor",
};

/** The text of a script: the definitions that all queries share, and each query by itself. */
export class Script {
  readonly #terms: Terms;
  readonly #lines: string[] = [];
  readonly #defined = new Set<Term>();
  readonly #opaque: ReadonlySet<Term>;

  /** `opaque`: terms that are taken for variables, which leaves out what they are made of. */
  constructor(terms: Terms, opaque: ReadonlySet<Term> = new Set()) {
    this.#terms = terms;
    this.#opaque = opaque;
  }

  /** What all queries assume. */
  assume(conditions: readonly Value[]): string {
    const asserted = conditions.map((condition) => `(assert ${this.#text(condition, BOOL)})`);
    return [...this.#lines.splice(0), ...asserted, ""].join("\n");
  }

  /** Definitions that were not yet given, then the query; `values`: what is asked of the model where there is one. */
  ask({ name, conditions }: Query, values: readonly Term[] = []): string {
    const asserted = conditions.map((condition) => `(assert ${this.#text(condition, BOOL)})`);
    for (const value of values) this.#text(value, value.width);
    const model = values.length > 0 ? [`(get-value (${values.map((value) => nameOf(value)).join(" ")}))`] : [];
    const definitions = this.#lines.splice(0);
    return [...definitions, `; ${name}`, "(push 1)", ...asserted, "(check-sat)", ...model, "(pop 1)", ""].join("\n");
  }

  /** The text of the query whether an operation's meaning and its rewritten term can differ. */
  differ(operation: Pick<Term, "op" | "width" | "args">, made: Value): string {
    const meant = this.#body({ ...operation, id: -1, name: "" });
    const other = this.#text(made, operation.width);
    return [
      ...this.#lines.splice(0),
      "(push 1)",
      `(assert (not (= ${meant} ${other})))`,
      "(check-sat)",
      "(pop 1)",
      "",
    ].join("\n");
  }

  /** A value as text; terms are defined first, so that what occurs twice is written once. */
  #text(value: Value, width: number): string {
    if (!isTerm(value)) return constantOf(value, width);
    if (!this.#defined.has(value)) this.#define(value);
    return nameOf(value);
  }

  #define(root: Term): void {
    const stack: [term: Term, areParts: boolean][] = [[root, false]];
    while (stack.length > 0) {
      const [term, areParts] = stack.pop() as [Term, boolean];
      if (this.#defined.has(term)) continue;
      if (!areParts && !this.#opaque.has(term)) {
        stack.push([term, true]);
        for (const part of term.args) if (isTerm(part)) stack.push([part, false]);
        continue;
      }
      this.#defined.add(term);
      if (term.op === "variable" || this.#opaque.has(term))
        this.#lines.push(`(declare-const ${nameOf(term)} ${sortOf(term.width)})`);
      else this.#lines.push(`(define-fun ${nameOf(term)} () ${sortOf(term.width)} ${this.#body(term)})`);
    }
  }

  #body({ op, width, args }: Term): string {
    const { byteBits, wordBits } = this.#terms;
    const inner = (args.find((arg) => isTerm(arg)) as Term | undefined) ?? { width: op === "ult" ? wordBits : width };
    const part = (i: number, of = width) => this.#text(args[i] as Value, of);
    const binary = BINARY[op];
    if (binary) return `(${binary} ${part(0, inner.width)} ${part(1, inner.width)})`;
    switch (op) {
      case "ite":
        return `(ite ${part(0, BOOL)} ${part(1)} ${part(2)})`;
      case "not":
        return `(not ${part(0)})`;
      case "and":
        return `(and ${args.map((_, i) => part(i)).join(" ")})`;
      case "sum": {
        const products = args
          .slice(1)
          .flatMap((_, i) => (i % 2 === 0 ? [`(bvmul ${part(i + 1)} ${part(i + 2)})`] : []));
        return products.reduce((sum, product) => `(bvadd ${sum} ${product})`, part(0));
      }
      case "shl":
        return `(bvshl ${part(0)} ${part(1)})`;
      case "shr":
        return `(bvlshr ${part(0)} ${part(1)})`;
      case "rotr":
        return `((_ rotate_right ${args[1]}) ${part(0)})`;
      case "byte":
        return extract(args[1] as number, byteBits, part(0, inner.width));
      case "half":
        return extract(args[1] as number, wordBits, part(0, inner.width));
      case "word":
        return `(concat ${[3, 2, 1, 0].map((i) => part(i, byteBits)).join(" ")})`;
      case "join":
        return `(concat ${part(1, wordBits)} ${part(0, wordBits)})`;
      default:
        throw new TermError(`${op}: not in SMT-LIB`);
    }
  }
}

/** A whole file: logic, then the queries. Those that ask whether a path can be taken must be sat, the others unsat. */
export function fileOf(queries: readonly string[]): string {
  const head =
    "(set-info :smt-lib-version 2.6)\n; sat where a path is asked for; the others unsat, or else followed by single ones\n(set-logic QF_BV)\n";
  return `${head}${queries.join("")}(exit)\n`;
}

export function nameOf(term: Term): string {
  return term.op === "variable" ? `|${term.name}|` : `t${term.id}`;
}

function sortOf(width: number): string {
  return width === BOOL ? "Bool" : `(_ BitVec ${width})`;
}

function constantOf(value: boolean | number | bigint, width: number): string {
  if (typeof value === "boolean") return String(value);
  return `(_ bv${value} ${width})`;
}

function extract(i: number, bits: number, from: string): string {
  return `((_ extract ${(i + 1) * bits - 1} ${i * bits}) ${from})`;
}
