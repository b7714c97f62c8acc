// Executes functions of a module on values that are known or terms. An unknown condition is followed both ways, and the
// paths are merged where they meet again, so that the number of states stays small whatever flash holds.
//
// Two states are not merged if a result or a watched word (the current page, the slot of a try) would become a term,
// because addresses are computed from these words and an unknown address stops the proof.

import { BOOL, isTerm, type Terms, type Value } from "./terms.js";
import type { Instruction, WasmFunction, WasmModule } from "./wasm.js";
import { Words } from "./words.js";

/** The memory that the firmware uses, and its flash, in words. */
export const MEMORY_WORDS = 1024;
export const FLASH_WORDS = 1024;
export const PAGE_WORDS = 256;

/** The module does something that this executor cannot follow, so nothing is proved. */
export class ExecutionError extends Error {
  override name = "ExecutionError";
}

export class State {
  locals: Value[] = [];
  stack: Value[] = [];
  memory: Words;
  flash: Words;
  /** The conditions of the branches that were taken. */
  path: readonly Value[];
  /** A number that the proof notes on the way; the module knows nothing of it. */
  noted: Value = 0;
  /** Whether a try was right, as the proof notes it. */
  right: Value = false;

  constructor(memory: Words, flash: Words, path: readonly Value[] = []) {
    this.memory = memory;
    this.flash = flash;
    this.path = path;
  }

  copy(): State {
    const copy = new State(this.memory.copy(), this.flash.copy(), this.path);
    copy.locals = this.locals.slice();
    copy.stack = this.stack.slice();
    copy.noted = this.noted;
    copy.right = this.right;
    return copy;
  }

  pop(): Value {
    const value = this.stack.pop();
    if (value === undefined) throw new ExecutionError("nothing is on the stack");
    return value;
  }

  top(): Value {
    return this.stack.at(-1) as Value;
  }
}

/** Replaces a function: takes the state and the arguments, and returns states with the result on their stacks. */
export type Hook = (machine: Machine, state: State, args: readonly Value[]) => readonly State[];

/** Where a sequence of instructions can end: behind itself, at the label so many blocks out, or with the function. */
const NEXT = -1;
const RETURN = Number.POSITIVE_INFINITY;
type Ends = Map<number, State[]>;

const MOST_ROUNDS = 5000;

export interface MachineOptions {
  /** Function number → what is done in its place. */
  readonly hooks?: ReadonlyMap<number, Hook>;
  /** Byte addresses of words that stay known. */
  readonly watched?: readonly number[];
  /** What is loaded from an unknown address: anything. Without it, such an address stops the proof. */
  readonly anything?: (width: number) => Value;
  /** Functions that compute addresses from what they find: ways with different known locals are not merged in them. */
  readonly apart?: ReadonlySet<number>;
  /** Numbers of words of flash in which states must be the same to be merged. */
  readonly kept?: readonly number[];
  /** What follows from the conditions of a path, as far as it is of use; false: the path cannot be taken. */
  readonly implied?: (path: readonly Value[]) => readonly Value[];
  /** Called for every call that is executed. */
  readonly onCall?: (call: Instruction) => void;
  /** Called for every word of memory that is written. */
  readonly onStore?: (index: number) => void;
}

export class Machine {
  readonly module: WasmModule;
  readonly terms: Terms;
  /** Instructions executed. */
  steps = 0;
  readonly #options: MachineOptions;
  readonly #watched: readonly number[];
  #isApart = false;

  constructor(module: WasmModule, terms: Terms, options: MachineOptions = {}) {
    this.module = module;
    this.terms = terms;
    this.#options = options;
    this.#watched = (options.watched ?? []).map((at) => at / 4);
  }

  /**
   * Calls a function. Every state that comes back has the result, if there is one, on its stack. `isApart`: the ways
   * that end at the function's end are not merged there.
   */
  call(index: number, state: State, args: readonly Value[], isApart = false): readonly State[] {
    const hook = this.#options.hooks?.get(index);
    return hook ? hook(this, state, args) : this.execute(index, state, args, isApart);
  }

  /** Calls a function, even if it is replaced. */
  execute(index: number, state: State, args: readonly Value[], isApart = false): readonly State[] {
    const callee = this.module.functions[index - this.module.imports.length];
    if (!callee) throw new ExecutionError(`${this.module.imports[index]?.name ?? index}: an import without a hook`);
    const { locals, stack } = state;
    state.locals = [...args, ...callee.locals.map((width) => (width === 64 ? 0n : 0))];
    state.stack = [];
    const wasApart = this.#isApart;
    this.#isApart = this.#options.apart?.has(index) ?? false;
    const ends = this.#sequence(callee.code, 0, state);
    this.#isApart = wasApart;
    const states = [...this.#take(ends, RETURN), ...this.#take(ends, 0), ...this.#take(ends, NEXT)];
    if (ends.size > 0) throw new ExecutionError("a branch to nowhere");
    const results = callee.type.results.length;
    for (const one of states) {
      one.locals = [];
      one.stack = results ? [one.top()] : [];
    }
    const merged = isApart ? states : this.merge(states, true);
    for (const one of merged) {
      one.locals = locals.slice();
      one.stack = [...stack, ...one.stack];
    }
    return merged;
  }

  // ---- instructions ----

  #sequence(code: readonly Instruction[], from: number, state: State): Ends {
    const ends: Ends = new Map();
    for (let at = from; at < code.length; at++) {
      const one = code[at] as Instruction;
      this.steps++;
      const next = this.#step(one, state, ends);
      if (next === state) continue;
      const states = next as readonly State[];
      if (states.length === 1) {
        state = states[0] as State;
        continue;
      }
      for (const each of states) this.#addAll(ends, this.#sequence(code, at + 1, each));
      return ends;
    }
    this.#add(ends, NEXT, state);
    return ends;
  }

  /** Executes one instruction. Returns the state, or the states that go on behind it; what branches goes to `ends`. */
  #step(one: Instruction, state: State, ends: Ends): State | readonly State[] {
    switch (one.name) {
      case "block": {
        const base = state.stack;
        state.stack = [];
        return this.#behind(this.#sequence(one.body, 0, state), base, one, ends);
      }
      case "if":
        return this.#if(one, state, ends);
      case "loop":
        return this.#loop(one, state, ends);
      case "br":
        this.#add(ends, one.number, state);
        return [];
      case "br_if":
        return this.#branchIf(one, state, ends);
      case "br_table":
        return this.#branchTable(one, state, ends);
      case "return":
        this.#add(ends, RETURN, state);
        return [];
      case "call":
        return this.#call(one, state);
      default:
        this.#simple(one, state);
        return state;
    }
  }

  #if(one: Instruction, state: State, ends: Ends): readonly State[] {
    const condition = this.#condition(state);
    const base = state.stack;
    const inner: Ends = new Map();
    for (const [branch, isTrue] of this.#fork(condition, state)) {
      branch.stack = [];
      this.#addAll(inner, this.#sequence(isTrue ? one.body : one.otherwise, 0, branch));
    }
    return this.#behind(inner, base, one, ends);
  }

  /** What comes behind a block: the states that fall out of it or branch to its end, on the stack from before it. */
  #behind(inner: Ends, base: readonly Value[], one: Instruction, ends: Ends): readonly State[] {
    const states = [...this.#take(inner, NEXT), ...this.#take(inner, 0)];
    for (const each of states) each.stack = one.hasResult ? [each.top()] : [];
    this.#outward(inner, base, ends);
    const merged = this.merge(states, false);
    for (const each of merged) each.stack = [...base, ...each.stack];
    return merged;
  }

  /** Passes branches on to the blocks around. */
  #outward(inner: Ends, base: readonly Value[], ends: Ends): void {
    for (const [label, states] of inner) {
      for (const each of states) {
        each.stack = [...base, ...each.stack];
        this.#add(ends, label === RETURN ? RETURN : label - 1, each);
      }
    }
  }

  #loop(one: Instruction, state: State, ends: Ends): readonly State[] {
    const base = state.stack;
    state.stack = [];
    let rounds: State[] = [state];
    const out: State[] = [];
    for (let round = 0; rounds.length > 0; round++) {
      if (round > MOST_ROUNDS) throw new ExecutionError("a loop whose end is not known");
      const inner: Ends = new Map();
      for (const each of rounds) this.#addAll(inner, this.#sequence(one.body, 0, each));
      out.push(...this.#take(inner, NEXT));
      rounds = [...this.merge(this.#take(inner, 0), false)];
      for (const each of rounds) each.stack = [];
      this.#outward(inner, base, ends);
    }
    for (const each of out) each.stack = one.hasResult ? [each.top()] : [];
    const merged = this.merge(out, false);
    for (const each of merged) each.stack = [...base, ...each.stack];
    return merged;
  }

  #branchIf(one: Instruction, state: State, ends: Ends): State | readonly State[] {
    const condition = this.#condition(state);
    const going: State[] = [];
    for (const [branch, isTrue] of this.#fork(condition, state)) {
      if (isTrue) this.#add(ends, one.number, branch);
      else going.push(branch);
    }
    return going;
  }

  #branchTable(one: Instruction, state: State, ends: Ends): readonly State[] {
    const selector = state.pop();
    const last = one.labels.length - 1;
    if (!isTerm(selector)) {
      this.#add(ends, one.labels[Math.min(selector as number, last)] as number, state);
      return [];
    }
    let left: State | undefined = state;
    for (let i = 0; i < last && left; i++) {
      const branches: readonly (readonly [State, boolean])[] = this.#fork(this.terms.eq(selector, i), left);
      left = undefined;
      for (const [branch, isTrue] of branches) {
        if (isTrue) this.#add(ends, one.labels[i] as number, branch);
        else left = branch;
      }
    }
    if (left) this.#add(ends, one.labels[last] as number, left);
    return [];
  }

  #call(one: Instruction, state: State): readonly State[] {
    this.#options.onCall?.(one);
    const type =
      this.module.imports[one.number]?.type ??
      (this.module.functions[one.number - this.module.imports.length] as WasmFunction).type;
    const args = type.parameters.map(() => state.pop()).reverse();
    return this.call(one.number, state, args);
  }

  /** Whether the number on the stack is not zero, as far as the path says. */
  #condition(state: State): Value {
    const value = state.pop();
    const condition = this.terms.not(this.terms.eq(value, 0));
    return isTerm(condition) ? this.terms.restrict(condition, state.path) : condition;
  }

  /** The states in which a condition holds and in which it does not. */
  #fork(condition: Value, state: State): readonly (readonly [State, boolean])[] {
    if (typeof condition === "boolean") return [[state, condition]];
    if (isTerm(condition) && condition.op === "unknown") throw new ExecutionError("a branch on what is not known");
    const opposite = this.terms.not(condition);
    if (typeof opposite === "boolean") return [[state, !opposite]];
    const other = state.copy();
    const ways = [
      [state, true],
      [other, false],
    ] as const;
    return ways.filter(([way, isTrue]) => this.#assume(way, isTrue ? condition : opposite));
  }

  /** Returns false where the path cannot be taken. */
  #assume(state: State, condition: Value): boolean {
    state.path = [...state.path, ...this.terms.conjuncts(condition)];
    const implied = this.#options.implied?.(state.path) ?? [];
    if (implied.length > 0) state.path = [...state.path, ...implied];
    this.#settle(state);
    return !implied.includes(false);
  }

  /** Watched words may have become known with the path. */
  #settle(state: State): void {
    for (const index of this.#watched) {
      const value = state.memory.get(index);
      if (isTerm(value)) state.memory.set(index, this.terms.restrict(value, state.path));
    }
  }

  // ---- merging ----

  #add(ends: Ends, label: number, state: State): void {
    const states = ends.get(label);
    if (states) states.push(state);
    else ends.set(label, [state]);
  }

  #addAll(ends: Ends, more: Ends): void {
    for (const [label, states] of more) for (const state of states) this.#add(ends, label, state);
  }

  #take(ends: Ends, label: number): State[] {
    const states = ends.get(label) ?? [];
    ends.delete(label);
    return states;
  }

  /** Merges states of one place, where that leaves known what must be: the results of blocks and functions, too. */
  merge(states: readonly State[], isReturn: boolean): readonly State[] {
    const merged: State[] = [];
    for (const state of states) {
      const at = merged.findIndex((other) => this.#goTogether(other, state, isReturn));
      if (at < 0) merged.push(state);
      else merged[at] = this.#both(merged[at] as State, state);
    }
    return merged;
  }

  #goTogether(a: State, b: State, isReturn: boolean): boolean {
    const isSame = (x: Value, y: Value) => x === y || (isTerm(x) && isTerm(y));
    if (!this.#watched.every((index) => isSame(a.memory.get(index), b.memory.get(index)))) return false;
    if (this.#options.kept?.some((index) => a.flash.get(index) !== b.flash.get(index))) return false;
    const isApart = (x: Value, y: Value) => (isReturn ? !isSame(x, y) : x !== y && !isTerm(x) && !isTerm(y));
    if (this.#isApart && a.locals.some((value, i) => !isSame(value, b.locals[i] as Value))) return false;
    return !a.stack.some((value, i) => isApart(value, b.stack[i] as Value));
  }

  /** One state for two that exclude each other. */
  #both(a: State, b: State): State {
    const { terms } = this;
    let common = 0;
    while (common < a.path.length && common < b.path.length && a.path[common] === b.path[common]) common++;
    const [allA, allB] = [a.path.slice(common), b.path.slice(common)];
    const isFork = (allA[0] ?? true) === terms.not(allB[0] ?? true);
    // What both ways say is kept as it is, so that it is still found on the path.
    const shared = allA.filter((one) => allB.includes(one));
    const [restA, restB] = [allA, allB].map((all) => all.filter((one) => !shared.includes(one))) as [Value[], Value[]];
    const first = restA[0] ?? true;
    const condition = isFork ? first : terms.and(...restA);
    const rest = isFork
      ? terms.ite(first, terms.and(...restA.slice(1)), terms.and(...restB.slice(1)), BOOL)
      : terms.or(terms.and(...restA), terms.and(...restB));
    const path = [...a.path.slice(0, common), ...shared];
    const made = new State(
      a.memory.merged(condition, b.memory, terms),
      a.flash.merged(condition, b.flash, terms),
      rest === true ? path : [...path, ...terms.conjuncts(rest)],
    );
    const choose = (x: Value, y: Value): Value => (x === y ? x : terms.ite(condition, x, y, widthOf(x, y)));
    made.noted = choose(a.noted, b.noted);
    made.right = a.right === b.right ? a.right : terms.ite(condition, a.right, b.right, BOOL);
    made.stack = a.stack.map((value, i) => choose(value, b.stack[i] as Value));
    made.locals = a.locals.map((value, i) => choose(value, b.locals[i] as Value));
    return made;
  }

  // ---- instructions that go on to the next one ----

  #simple(one: Instruction, state: State): void {
    const { stack, locals } = state;
    const { terms } = this;
    switch (one.name) {
      case "local.get":
        stack.push(locals[one.number] as Value);
        return;
      case "local.set":
        locals[one.number] = state.pop();
        return;
      case "local.tee":
        locals[one.number] = state.top();
        return;
      case "i32.const":
        stack.push(one.number);
        return;
      case "i64.const":
        stack.push(one.long);
        return;
      case "drop":
        state.pop();
        return;
      case "select": {
        const condition = terms.not(terms.eq(state.pop(), 0));
        const b = state.pop();
        const a = state.pop();
        stack.push(a === b ? a : terms.ite(condition, a, b, widthOf(a, b)));
        return;
      }
      case "i32.eqz":
        stack.push(this.#number(terms.eq(state.pop(), 0)));
        return;
      case "memory.fill": {
        const [length, value, to] = [state.pop(), state.pop(), state.pop()];
        this.fill(state, this.address(to), terms.byte(value, 0), this.address(length));
        return;
      }
      case "memory.copy": {
        const [length, from, to] = [state.pop(), state.pop(), state.pop()];
        if (this.#options.anything && isTerm(from)) this.#copyAnything(state, this.address(to), this.address(length));
        else this.copy(state, this.address(to), this.address(from), this.address(length));
        return;
      }
    }
    const [kind, operation] = one.name.split(".") as [string, string];
    const width = kind === "i64" ? terms.longBits : terms.wordBits;
    if (operation.startsWith("load")) this.#load(one, state, operation, width);
    else if (operation.startsWith("store")) this.#store(one, state, operation);
    else {
      const b = state.pop();
      const a = state.pop();
      stack.push(this.#binary(operation, a, b, width));
    }
  }

  #binary(operation: string, a: Value, b: Value, width: number): Value {
    const { terms } = this;
    switch (operation) {
      case "eq":
        return this.#number(terms.eq(a, b, width));
      case "ne":
        return this.#number(terms.not(terms.eq(a, b, width)));
      case "lt_u":
        return this.#number(terms.ult(a, b, width));
      case "gt_u":
        return this.#number(terms.ult(b, a, width));
      case "le_u":
        return this.#number(terms.not(terms.ult(b, a, width)));
      case "ge_u":
        return this.#number(terms.not(terms.ult(a, b, width)));
      case "lt_s":
        return this.#number(terms.slt(a, b, width));
      case "gt_s":
        return this.#number(terms.slt(b, a, width));
      case "le_s":
        return this.#number(terms.not(terms.slt(b, a, width)));
      case "ge_s":
        return this.#number(terms.not(terms.slt(a, b, width)));
      case "add":
        return terms.add(a, b, width);
      case "sub":
        return terms.sub(a, b, width);
      case "mul":
        return terms.mul(a, b, width);
      case "div_u":
        this.#known(b);
        return terms.udiv(a, b);
      case "rem_u":
        this.#known(b);
        return terms.urem(a, b);
      case "and":
        return terms.bitand(a, b, width);
      case "or":
        return terms.bitor(a, b, width);
      case "xor":
        return terms.bitxor(a, b, width);
      case "shl":
        return terms.shl(a, b, width);
      case "shr_u":
        return terms.shr(a, b, width);
      case "rotr":
        return terms.rotr(a, b, width);
      case "rotl":
        return terms.rotr(a, width - (Number(this.#known(b)) % width), width);
      default:
        throw new ExecutionError(`${operation}: not known`);
    }
  }

  #number(truth: Value): Value {
    return typeof truth === "boolean" ? Number(truth) : this.terms.ite(truth, 1, 0);
  }

  #known(value: Value): number | bigint {
    if (isTerm(value) || value === 0) throw new ExecutionError("a number is not known, or zero");
    return value as number | bigint;
  }

  // ---- memory ----

  /** An address or a length, which has to be known. */
  address(value: Value): number {
    if (typeof value !== "number") throw new ExecutionError("an address that is not known");
    return value;
  }

  loadByte(state: State, at: number): Value {
    return this.terms.byte(this.#wordAt(state, at >>> 2), at & 3);
  }

  loadWord(state: State, at: number): Value {
    if (at % 4 === 0) return this.#wordAt(state, at >>> 2);
    return this.terms.word([0, 1, 2, 3].map((i) => this.loadByte(state, at + i)));
  }

  storeByte(state: State, at: number, byte: Value): void {
    const word = this.#wordAt(state, at >>> 2);
    const bytes = [0, 1, 2, 3].map((i) => (i === (at & 3) ? byte : this.terms.byte(word, i)));
    this.#setWord(state, at >>> 2, this.terms.word(bytes));
  }

  storeWord(state: State, at: number, word: Value): void {
    if (at % 4 === 0) return this.#setWord(state, at >>> 2, word);
    for (let i = 0; i < 4; i++) this.storeByte(state, at + i, this.terms.byte(word, i));
  }

  fill(state: State, to: number, byte: Value, length: number): void {
    for (let i = 0; i < length; i++) {
      if ((to + i) % 4 === 0 && length - i >= 4) {
        this.storeWord(state, to + i, this.terms.word([byte, byte, byte, byte]));
        i += 3;
      } else this.storeByte(state, to + i, byte);
    }
  }

  copy(state: State, to: number, from: number, length: number): void {
    const before = state.memory.copy();
    const source = new State(before, state.flash);
    for (let i = 0; i < length; i++) {
      if ((to + i) % 4 === 0 && (from + i) % 4 === 0 && length - i >= 4) {
        this.storeWord(state, to + i, this.loadWord(source, from + i));
        i += 3;
      } else this.storeByte(state, to + i, this.loadByte(source, from + i));
    }
  }

  /** From an unknown address. */
  #copyAnything(state: State, to: number, length: number): void {
    for (let i = 0; i < length; i++)
      this.storeByte(state, to + i, this.#options.anything?.(this.terms.byteBits) as Value);
  }

  #wordAt(state: State, index: number): Value {
    return state.memory.get(this.#inside(index));
  }

  #setWord(state: State, index: number, value: Value): void {
    state.memory.set(this.#inside(index), value);
    this.#options.onStore?.(index);
  }

  #inside(index: number): number {
    if (index >= MEMORY_WORDS) throw new ExecutionError(`an address beyond the memory: ${index * 4}`);
    return index;
  }

  #load(one: Instruction, state: State, operation: string, width: number): void {
    const base = state.pop();
    if (this.#options.anything && isTerm(base)) {
      state.stack.push(this.#options.anything(width));
      return;
    }
    const at = this.address(base) + one.number;
    state.stack.push(this.#loaded(state, at, operation, width));
  }

  #loaded(state: State, at: number, operation: string, width: number): Value {
    const { terms } = this;
    if (operation === "load8_u") return terms.word([this.loadByte(state, at), 0, 0, 0]);
    if (operation === "load16_u") return terms.word([this.loadByte(state, at), this.loadByte(state, at + 1), 0, 0]);
    const low = this.loadWord(state, at);
    if (operation === "load32_u") return terms.join(low, 0);
    return width === terms.longBits ? terms.join(low, this.loadWord(state, at + 4)) : low;
  }

  #store(one: Instruction, state: State, operation: string): void {
    const { terms } = this;
    const value = state.pop();
    const at = this.address(state.pop()) + one.number;
    if (operation === "store8") this.storeByte(state, at, terms.byte(value, 0));
    else if (operation === "store16") for (const i of [0, 1]) this.storeByte(state, at + i, terms.byte(value, i));
    else if (one.name.startsWith("i64")) {
      this.storeWord(state, at, terms.half(value, 0));
      this.storeWord(state, at + 4, terms.half(value, 1));
    } else this.storeWord(state, at, value);
  }
}

function widthOf(a: Value, b: Value): number {
  if (isTerm(a)) return a.width;
  if (isTerm(b)) return b.width;
  return typeof a === "bigint" ? 64 : 32;
}

/** A memory of `count` words, each a variable of its own. */
export function variables(terms: Terms, name: string, count: number): Words {
  return Words.of(count, (index) => terms.variable(`${name}${index}`));
}
