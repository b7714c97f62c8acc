// The rewriting rules, each proved: on words of four bits, by every value of all variables; on words of 32 bits, by the
// solver. A case makes a term by a rule, and states its meaning without the rule.
//
// A case that rewrites nothing, and a rule that no case uses, are errors.

import { Script } from "./smt.js";
import type { Solver } from "./solver.js";
import { BOOL, evaluate, meaning, type Op, RULES, type Rule, type Term, Terms, type Value } from "./terms.js";

/** Variables and constants to make terms of. */
interface Parts {
  readonly t: Terms;
  readonly p: Term;
  readonly q: Term;
  readonly x: Term;
  readonly y: Term;
  readonly b: Term;
  readonly l: Term;
  readonly k: number;
}

/** An operation on arguments, as it is made and as it is meant. */
interface Case {
  readonly op: Op;
  readonly args: readonly Value[];
  readonly width: number;
  readonly made: Value;
}

type Maker = (parts: Parts) => readonly Case[];

const EVERY: readonly Maker[] = [
  // Truth.
  ({ t, p, q }) => [
    logic(t, "not", [t.not(p)], t.not(t.not(p))),
    logic(t, "and", [p, true], t.and(p, true)),
    logic(t, "and", [p, false], t.and(p, false)),
    logic(t, "and", [p, p], t.and(p, p)),
    logic(t, "and", [p, t.not(p)], t.and(p, t.not(p))),
    logic(t, "and", [t.and(p, q), t.not(t.and(p, q))], t.and(t.and(p, q), t.not(t.and(p, q)))),
    logic(t, "ite", [p, true, q], t.ite(p, true, q, BOOL)),
    logic(t, "ite", [p, false, q], t.ite(p, false, q, BOOL)),
    logic(t, "ite", [p, q, true], t.ite(p, q, true, BOOL)),
    logic(t, "ite", [p, q, false], t.ite(p, q, false, BOOL)),
    logic(t, "not", [true], t.not(true)),
  ],
  // Equality.
  ({ t, p, x, y, b, l, k }) => {
    const [w, sum, choice, bytes, halves] = [
      t.wordBits,
      t.add(x, k),
      t.ite(p, k, x),
      t.word([b, 1, b, 0]),
      t.join(x, y),
    ];
    const [difference, opposite] = [t.sub(x, y), t.sub(y, x)];
    return [
      logic(t, "eq", [x, x], t.eq(x, x)),
      logic(t, "eq", [x, y], t.eq(y, x)),
      logic(t, "eq", [sum, 1], t.eq(sum, 1)),
      logic(t, "eq", [sum, t.add(x, 1)], t.eq(sum, t.add(x, 1))),
      logic(t, "eq", [difference, 0], t.eq(difference, 0)),
      logic(t, "eq", [opposite, 0], t.eq(opposite, 0)),
      logic(t, "eq", [difference, k], t.eq(difference, k)),
      logic(t, "eq", [opposite, 1], t.eq(opposite, 1)),
      logic(t, "eq", [t.ite(t.ult(x, y), 0, difference), k], t.eq(t.ite(t.ult(x, y), 0, difference), k)),
      logic(t, "eq", [choice, k], t.eq(choice, k)),
      logic(t, "eq", [choice, 0], t.eq(choice, 0)),
      logic(t, "eq", [bytes, 1], t.eq(bytes, 1)),
      logic(t, "eq", [bytes, t.word([0, 1, 0, 0])], t.eq(bytes, t.word([0, 1, 0, 0]))),
      logic(t, "eq", [t.word([b, 0, 0, 0]), 2 ** w - 1], t.eq(t.word([b, 0, 0, 0]), 2 ** w - 1)),
      logic(t, "eq", [halves, 5n], t.eq(halves, 5n, t.longBits)),
      logic(t, "eq", [t.join(t.half(l, 0), t.half(l, 1)), l], t.eq(t.join(t.half(l, 0), t.half(l, 1)), l, t.longBits)),
    ];
  },
  // Order.
  ({ t, p, x, y, b, k }) => {
    const [byte, choice] = [t.word([b, 0, 0, 0]), t.ite(p, 1, 3)];
    return [
      logic(t, "ult", [x, 0], t.ult(x, 0)),
      logic(t, "ult", [x, 1], t.ult(x, 1)),
      logic(t, "ult", [0, x], t.ult(0, x)),
      logic(t, "ult", [x, x], t.ult(x, x)),
      logic(t, "slt", [x, x], t.slt(x, x)),
      logic(t, "ult", [byte, 2 ** t.byteBits], t.ult(byte, 2 ** t.byteBits)),
      logic(t, "ult", [t.add(t.ite(p, 1, 0), 1), 3], t.ult(t.add(t.ite(p, 1, 0), 1), 3)),
      logic(t, "ult", [k, t.bitand(x, k)], t.ult(k, t.bitand(x, k))),
      logic(t, "ult", [choice, 2], t.ult(choice, 2)),
      logic(t, "ult", [2, choice], t.ult(2, choice)),
      logic(t, "and", [t.ult(x, y), t.not(t.eq(x, y))], t.and(t.ult(x, y), t.not(t.eq(x, y)))),
      logic(t, "and", [t.ult(x, y), t.eq(x, y)], t.and(t.ult(x, y), t.eq(x, y))),
      logic(t, "and", [t.ult(x, y), t.ult(y, x)], t.and(t.ult(x, y), t.restrict(t.ult(y, x), [t.ult(x, y)]))),
    ];
  },
  // Choices.
  ({ t, p, q, x, y, b, k }) => {
    const word = (op: Op, args: readonly Value[], made: Value): Case => ({ op, args, width: t.wordBits, made });
    const [not, sum] = [t.not(p), t.add(x, 1)];
    const [one, other] = [t.word([b, 0, 0, 0]), t.word([b, 1, 0, 0])];
    return [
      word("ite", [true, x, y], t.ite(true, x, y)),
      word("ite", [p, x, x], t.ite(p, x, x)),
      word("ite", [not, x, y], t.ite(not, x, y)),
      word("ite", [p, t.ite(p, x, y), k], t.ite(p, t.ite(p, x, y), k)),
      word("ite", [p, k, t.ite(p, x, y)], t.ite(p, k, t.ite(p, x, y))),
      word("ite", [t.eq(x, k), x, y], t.ite(t.eq(x, k), x, y)),
      word("ite", [t.eq(x, y), x, y], t.ite(t.eq(x, y), x, y)),
      word("ite", [t.eq(x, y), y, x], t.ite(t.eq(x, y), y, x)),
      word("ite", [t.eq(one, k), k, one], t.ite(t.eq(one, k), k, one)),
      word("ite", [p, x, sum], t.ite(p, x, sum)),
      word("ite", [p, sum, x], t.ite(p, sum, x)),
      word("ite", [p, t.add(t.add(x, y), 3), t.add(x, y)], t.ite(p, t.add(t.add(x, y), 3), t.add(x, y))),
      word("ite", [p, 2, 3], t.ite(p, 2, 3)),
      word("ite", [p, one, other], t.ite(p, one, other)),
      word("ite", [p, one, 0], t.ite(p, one, 0)),
      word("ite", [q, t.ite(p, 1, 0), 0], t.ite(q, t.ite(p, 1, 0), 0)),
    ];
  },
  // Numbers.
  ({ t, x, y, k }) => {
    const word = (op: Op, args: readonly Value[], made: Value): Case => ({ op, args, width: t.wordBits, made });
    const [sum, most] = [t.add(x, k), 2 ** t.wordBits - 1];
    return [
      word("sum", [0, 1, sum, 1, y], t.add(sum, y)),
      word("sum", [0, 1, sum, most, x], t.sub(sum, x)),
      word("sum", [0, 1, x, most, y], t.sub(x, y)),
      word("sum", [0, 1, x, 1, x], t.add(x, x)),
      word("mul", [sum, 3], t.mul(sum, 3)),
      word("urem", [x, 4], t.urem(x, 4)),
    ];
  },
  // Bits.
  ({ t, p, x, b, k }) => {
    const word = (op: Op, args: readonly Value[], made: Value): Case => ({ op, args, width: t.wordBits, made });
    const most = 2 ** t.wordBits - 1;
    const byte = 2 ** t.byteBits - 1;
    const [bytes, choice] = [t.word([b, k % (byte + 1), 0, b]), t.ite(p, 0, 2)];
    return [
      ...(["bitand", "bitor", "bitxor"] as const).flatMap((op) => [
        word(op, [x, 0], t[op](x, 0)),
        word(op, [x, most], t[op](x, most)),
        word(op, [x, x], t[op](x, x)),
        word(op, [choice, 3], t[op](choice, 3)),
        word(op, [bytes, k], t[op](bytes, k)),
        word(op, [bytes, t.word([k % (byte + 1), b, b, 0])], t[op](bytes, t.word([k % (byte + 1), b, b, 0]))),
      ]),
      word("bitand", [x, byte], t.bitand(x, byte)),
      word("shl", [x, 0], t.shl(x, 0)),
      word("shl", [bytes, t.byteBits], t.shl(bytes, t.byteBits)),
      word("shr", [bytes, 2 * t.byteBits], t.shr(bytes, 2 * t.byteBits)),
      word("rotr", [bytes, t.byteBits], t.rotr(bytes, t.byteBits)),
    ];
  },
  // Parts of words.
  ({ t, p, x, y, b, l, k }) => {
    const bytes = [0, 1, 2, 3].map((i) => t.byte(x, i));
    const choice = t.ite(p, x, k);
    const parts = t.word([b, 0, 1, b]);
    const small = t.ite(p, t.ite(t.eq(x, y), 1, 0), 0);
    return [
      ...[0, 1, 2, 3].map((i) => ({ op: "byte" as Op, args: [parts, i], width: t.byteBits, made: t.byte(parts, i) })),
      { op: "byte", args: [choice, 1], width: t.byteBits, made: t.byte(choice, 1) },
      { op: "word", args: bytes, width: t.wordBits, made: t.word(bytes) },
      { op: "word", args: [t.byte(small, 0), 0, 0, 0], width: t.wordBits, made: t.word([t.byte(small, 0), 0, 0, 0]) },
      { op: "half", args: [t.join(x, y), 1], width: t.wordBits, made: t.half(t.join(x, y), 1) },
      { op: "half", args: [t.join(x, y), 0], width: t.wordBits, made: t.half(t.join(x, y), 0) },
      { op: "join", args: [t.half(l, 0), t.half(l, 1)], width: t.longBits, made: t.join(t.half(l, 0), t.half(l, 1)) },
    ];
  },
];

function logic(_terms: Terms, op: Op, args: readonly Value[], made: Value): Case {
  return { op, args, width: BOOL, made };
}

export interface RuleProof {
  readonly cases: number;
  /** Values of variables that were tried at the small size. */
  readonly values: number;
  /** Rules that no case used, and cases that are wrong; nothing where all is proved. */
  readonly faults: readonly string[];
}

/** Proves every rule, by all values where a byte has one bit and by the solver where it has eight. */
export function proveRules(solver: Solver): RuleProof {
  const small = new Terms(1);
  const cases = casesOf(small);
  let values = 0;
  const faults: string[] = [];
  for (const one of cases) {
    const variables = small.variablesIn([...one.args, one.made]);
    for (const given of assignments(variables)) {
      values++;
      const visit = (value: Value) => evaluate(value, small, (variable) => given.get(variable) ?? 0);
      const meant = meaning(one.op, one.width, one.args, visit, small);
      if (meant !== visit(one.made)) faults.push(`${one.op}: ${meant} is rewritten to ${visit(one.made)}`);
    }
  }
  const real = new Terms();
  const script = new Script(real);
  const all = casesOf(real);
  const answers = solver.answers(all.map((one) => script.differ(one, one.made)).join(""), all.length);
  const wrong = all.filter((_, i) => answers[i] === "sat").map(({ op }) => `${op}: not so at 32 bits`);
  const unused = RULES.filter((rule) => !small.used.has(rule) && !NOT_MADE.includes(rule));
  return {
    cases: cases.length,
    values,
    faults: [...new Set([...faults, ...wrong, ...unused.map((rule) => `${rule}: no case`)])],
  };
}

/** Assumptions of a case are not rewriting rules, because they are in every query of that case. */
const NOT_MADE: readonly Rule[] = ["fact"];

function casesOf(t: Terms): readonly Case[] {
  const long = t.variable("l", t.longBits);
  const parts = { t, p: t.variable("p", BOOL), q: t.variable("q", BOOL), x: t.variable("x"), y: t.variable("y") };
  const bytes = { b: t.variable("b", t.byteBits), l: long };
  const constants = [0, 2, 5, 2 ** t.wordBits - 1];
  return EVERY.flatMap((maker) => constants.flatMap((k) => maker({ ...parts, ...bytes, k })));
}

/** All values of so many variables. */
function* assignments(variables: readonly Term[]): Generator<ReadonlyMap<Term, boolean | number | bigint>> {
  const sizes = variables.map(({ width }) => (width === BOOL ? 2 : 2 ** width));
  const total = sizes.reduce((product, size) => product * size, 1);
  for (let number = 0; number < total; number++) {
    let left = number;
    const given = new Map<Term, boolean | number | bigint>();
    for (const [i, variable] of variables.entries()) {
      const value = left % (sizes[i] as number);
      left = Math.floor(left / (sizes[i] as number));
      given.set(variable, variable.width === BOOL ? value === 1 : variable.width === 8 ? BigInt(value) : value);
    }
    yield given;
  }
}
