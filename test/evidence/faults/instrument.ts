// The module with a switch at each instruction: one module in which any single fault can be chosen at run time.
//
// Every instruction is a site with a number. The block of words at CONTROL, in memory that the firmware never uses,
// says which site is faulty, at which of its executions, and how. If nothing is armed, the module behaves as the
// original.
//
//   value   an instruction with a result: skipped (zero in its place), all ones, bits flipped
//   effect  one without (a store, a call, a jump, …): skipped, its operands evaluated and dropped
//   branch  the condition of an if, br_if or select: reversed
//
// Each round of a loop takes fuel, and a trap ends the run when no fuel is left.

import { readFileSync } from "node:fs";
import { FIRMWARE_FILE } from "../../../sim/session/firmware.js";
import { type Binaryen, loadBinaryen } from "../../support/binaryen.js";
import { head, isList, type List, type Node, parse, print } from "./sexpr.js";

export type Kind = "value" | "effect" | "branch";
export type Type = "i32" | "i64" | "none";

export interface Site {
  readonly id: number;
  /** The function that contains it, by its name in the source: `pin/check`. */
  readonly func: string;
  /** The instruction: `i32.load8_u`, `call vault/open`. */
  readonly what: string;
  readonly kind: Kind;
  readonly type: Type;
}

export interface Instrumented {
  readonly sites: readonly Site[];
  /** Faults are chosen in it. */
  readonly faulty: WebAssembly.Module;
  /** Counts at COUNTS how often each site is executed. */
  readonly counting: WebAssembly.Module;
  /** Has no switches and is fast, but runs out of fuel too. */
  readonly quick: WebAssembly.Module;
}

type Variety = "faulty" | "counting" | "quick";

/** The address of the CONTROL words: out of reach of any firmware address with one flipped bit. */
export const CONTROL = 65_408;
/** Offsets from CONTROL. `COUNT`: executions until the fault, 1 is the next. `EACH`: all of them. */
export const Word = {
  SITE: 0,
  COUNT: 4,
  EACH: 8,
  SKIP: 12,
  NEGATE: 16,
  AND: 24,
  XOR: 32,
  FUEL: 40,
  HUNG: 48,
} as const;
/** Where the counting module counts, a word for each site. */
export const COUNTS = 8_192;
/** The fuel that a call from outside takes; a round of a loop takes 1. */
const CALL_FUEL = "100";
/** No site. */
export const NOWHERE = 0xffffffff;

let ofReleased: Promise<Instrumented> | undefined;

/** The released module, instrumented, once. */
export function released(): Promise<Instrumented> {
  ofReleased ??= instrument(
    readFileSync(FIRMWARE_FILE),
    readFileSync(FIRMWARE_FILE.replace(/\.wasm$/, ".wat"), "utf8"),
  );
  return ofReleased;
}

/**
 * Instruments the functions of a compiled module whose names match `only`. `text` is the compiler's text of the module,
 * which has the functions' names.
 */
export async function instrument(binary: Uint8Array, text: string, only = /^/): Promise<Instrumented> {
  const binaryen = await loadBinaryen();
  const original = binaryen.readBinary(binary);
  const plain = original.emitText();
  original.dispose();
  const names = functionNames(text);
  const made = (variety: Variety) => new Instrumenter(parse(plain), names, variety, only);
  const faulty = made("faulty");
  return {
    sites: faulty.sites,
    faulty: assemble(binaryen, faulty.module),
    counting: assemble(binaryen, made("counting").module),
    quick: assemble(binaryen, made("quick").module),
  };
}

function assemble(binaryen: Binaryen, module: List): WebAssembly.Module {
  const made = binaryen.parseText(print(module));
  made.setFeatures(binaryen.Features.All);
  if (!made.validate()) throw new Error("the instrumented module is not valid");
  const bytes = made.emitBinary();
  made.dispose();
  return new WebAssembly.Module(bytes);
}

/** The names of a module's functions, in their order: the text and the binary have the same. */
function functionNames(text: string): string[] {
  const named = text.matchAll(/^ \(func \$(\S+)/gm);
  return [...named].map(([, name]) => (name as string).replace(/^firmware\//, ""));
}

/** A function's signature. */
interface Signature {
  readonly params: Type[];
  readonly result: Type;
}

class Instrumenter {
  readonly sites: Site[] = [];
  readonly module: List;
  readonly #signatures = new Map<string, Signature>();
  readonly #names = new Map<string, string>();
  readonly #guards = new Map<string, string>();
  readonly #variety: Variety;
  readonly #only: RegExp;
  #func = "";
  #locals = new Map<string, Type>();

  constructor(module: List, names: readonly string[], variety: Variety, only: RegExp) {
    this.#variety = variety;
    this.#only = only;
    const functions = module.filter((node) => head(node) === "func") as List[];
    const imported = module.filter((node) => head(node) === "import") as List[];
    if (functions.length !== names.length) throw new Error("the text is not that of the module");
    functions.forEach((func, i) => {
      this.#names.set(func[1] as string, names[i] as string);
    });
    for (const [, , field, func] of imported) {
      const [, name, ...rest] = func as List;
      this.#names.set(name as string, `host/${String(field).replaceAll('"', "")}`);
      this.#signatures.set(name as string, signature(rest));
    }
    for (const [, name, ...rest] of functions) this.#signatures.set(name as string, signature(rest));
    const instrumented = module.map((node) => (head(node) === "func" ? this.#function(node as List) : node));
    this.module = [
      ...instrumented,
      ...(parse(`(list ${HELPERS} ${[...this.#guards.values()].join(" ")})`).slice(1) as List),
    ];
  }

  #function([, name, ...rest]: List): List {
    this.#func = this.#names.get(name as string) as string;
    this.#locals = new Map();
    const isHeader = (node: Node) => ["param", "result", "local", "type", "export"].includes(head(node));
    const header = rest.filter(isHeader);
    for (const node of header) {
      if (head(node) === "param" || head(node) === "local") this.#locals.set(node[1] as string, node[2] as Type);
    }
    const { result } = this.#signatures.get(name as string) as Signature;
    const body = this.#sequence(
      rest.filter((node) => !isHeader(node)),
      result,
    );
    return [
      "func",
      name as string,
      ...header,
      ["local", "$t32", "i32"],
      ["local", "$t64", "i64"],
      ...this.#toll(),
      ...body,
    ];
  }

  /** A call from outside takes fuel too; otherwise a host that must call back at once would never end. */
  #toll(): List {
    return this.#func.startsWith("index/") ? [["call", "$burn", ["i32.const", CALL_FUEL]]] : [];
  }

  /** Statements whose last one has the type `wanted`. After one that only jumps, a zero is added. */
  #sequence(nodes: readonly Node[], wanted: Type): List {
    const done = nodes.map((node) => this.#instruction(node as List));
    const last = nodes.at(-1);
    if (wanted !== "none" && (last === undefined || this.#typeOf(last) !== wanted)) done.push(zero(wanted));
    return done;
  }

  #instruction(node: List): List {
    const what = head(node);
    if (this.#variety === "quick" || !this.#only.test(this.#func)) return this.#fuelled(node);
    switch (what) {
      case "block":
      case "loop":
        return this.#block(node);
      case "if":
        return this.#if(node);
      case "nop":
      case "drop":
        return [what, ...node.slice(1).map((child) => this.#instruction(child as List))];
      case "local.set":
        return this.#set(node);
      case "local.tee":
        return this.#tee(node);
      case "call":
        return this.#call(node);
      case "br_if":
        return this.#brIf(node);
      case "br":
      case "return":
      case "unreachable":
        return this.#jump(node);
      case "br_table":
        return node.map((child) => (isList(child) ? this.#instruction(child) : child));
      case "select":
        return this.#select(node);
    }
    if (what.includes(".store") || what.startsWith("memory.")) return this.#effect(node);
    const type = this.#typeOf(node);
    if (type === "none") throw new Error(`${what}: not known here`);
    return this.#value(
      node.map((child) => (isList(child) ? this.#instruction(child) : child)),
      type,
      what,
    );
  }

  /** The instruction unchanged, except that its loops take fuel. */
  #fuelled(node: List): List {
    const children = node.map((child) => (isList(child) ? this.#fuelled(child) : child));
    if (head(node) !== "loop") return children;
    const body = children.findIndex((child) => isList(child) && head(child) !== "result");
    return [...children.slice(0, body), ["call", "$burn", ["i32.const", "1"]], ...children.slice(body)];
  }

  #block([what, ...rest]: List): List {
    const header = rest.filter((node) => !isList(node) || head(node) === "result");
    const type = resultOf(header);
    const body = this.#sequence(
      rest.filter((node) => !header.includes(node)),
      type,
    );
    const burn: List = what === "loop" ? [["call", "$burn", ["i32.const", "1"]]] : [];
    return [what as string, ...header, ...burn, ...body];
  }

  #if([, ...rest]: List): List {
    const result = rest.filter((node) => head(node) === "result");
    const [condition, then, otherwise] = rest.filter((node) => isList(node) && head(node) !== "result") as List[];
    const type = resultOf(result);
    const arms = [then, otherwise].filter((arm) => arm !== undefined);
    const tested = this.#reversible(this.#instruction(condition as List), "if");
    return ["if", ...result, tested, ...arms.map(([arm, ...body]) => [arm as string, ...this.#sequence(body, type)])];
  }

  #select([, a, b, condition]: List): List {
    const type = this.#typeOf(a as Node);
    const children = [a, b].map((child) => this.#instruction(child as List));
    const tested = this.#reversible(this.#instruction(condition as List), "select");
    return this.#value(["select", ...children, tested], type, "select");
  }

  #brIf([, label, ...rest]: List): List {
    const children = rest.map((child) => this.#instruction(child as List));
    const condition = children.pop() as List;
    return ["br_if", label as string, ...children, this.#reversible(condition, "br_if")];
  }

  #jump(node: List): List {
    const [what, ...rest] = node;
    const values = rest.filter(isList);
    const labels = rest.filter((child) => !isList(child));
    const value = values[0];
    if (value === undefined)
      return whenNot(this.#isHit(this.#site(what as string, "effect", "none")), [what as string, ...labels]);
    const type = this.#typeOf(value);
    const inner = this.#instruction(value);
    const site = this.#site(what as string, "effect", "none");
    const jump: List = [what as string, ...labels, ["local.get", scratch(type)]];
    return ["block", ["local.set", scratch(type), inner], whenNot(this.#isHit(site), jump)];
  }

  #set([, name, value]: List): List {
    const type = this.#locals.get(name as string) as Type;
    const inner = this.#instruction(value as List);
    const site = this.#site("local.set", "effect", "none");
    const set: List = ["local.set", name as string, ["local.get", scratch(type)]];
    return ["block", ["local.set", scratch(type), inner], whenNot(this.#isHit(site), set)];
  }

  #tee([, name, value]: List): List {
    const type = this.#locals.get(name as string) as Type;
    const inner = this.#instruction(value as List);
    const site = this.#site("local.tee", "value", type);
    const t: List = ["local.get", scratch(type)];
    const set: List = ["local.set", name as string, t];
    const faulted: List = ["local.set", scratch(type), ["call", `$apply_${type}`, t]];
    const hit: List = ["if", ["i32.eqz", word("SKIP")], ["then", set]];
    return [
      "block",
      ["result", type],
      ["local.set", scratch(type), inner],
      ["if", this.#isHit(site), ["then", hit, faulted], ["else", set]],
      t,
    ];
  }

  #call([, name, ...rest]: List): List {
    const callee = this.#names.get(name as string) as string;
    const { params, result } = this.#signatures.get(name as string) as Signature;
    const operands = rest.map((operand) => this.#instruction(operand as List));
    const site = this.#site(`call ${callee}`, result === "none" ? "effect" : "value", result);
    const guard = this.#guard(`call ${name as string}`, params, result, (values) => [
      "call",
      name as string,
      ...values,
    ]);
    return ["call", guard, ...operands, ["i32.const", String(site)]];
  }

  #effect([what, ...rest]: List): List {
    const immediates = rest.filter((node) => !isList(node));
    const type: Type = (what as string).startsWith("i64") ? "i64" : "i32";
    const params: Type[] = (what as string).startsWith("memory.") ? ["i32", "i32", "i32"] : ["i32", type];
    const operands = rest.filter(isList).map((operand) => this.#instruction(operand));
    const site = this.#site(what as string, "effect", "none");
    const key = [what, ...immediates].join(" ");
    const guard = this.#guard(key, params, "none", (values) => [what as string, ...immediates, ...values]);
    return ["call", guard, ...operands, ["i32.const", String(site)]];
  }

  /**
  A function with the body that `make` builds from its parameters, which is left out if the given site is the faulty
  one.
  */
  #guard(key: string, params: readonly Type[], result: Type, make: (values: List) => List): string {
    const name = `$guard_${key.replace(/[^\w.]+/g, "_")}`;
    if (this.#guards.has(name)) return name;
    const values: List = params.map((_, i) => ["local.get", `$p${i}`]);
    const declared: List = params.map((type, i) => ["param", `$p${i}`, type]);
    const hit = this.#hit(["local.get", "$site"]);
    const plain: List[] = result === "none" ? [make(values)] : [["return", make(values)]];
    const faulted: List[] =
      result === "none"
        ? []
        : [["if", ["i32.eqz", word("SKIP")], ["then", ["return", ["call", `$apply_${result}`, make(values)]]]]];
    const results: List[] = result === "none" ? [] : [["result", result]];
    const ends: List[] = result === "none" ? [] : [zero(result)];
    const body: List = ["if", ["i32.eqz", hit], ["then", ...plain]];
    this.#guards.set(
      name,
      print(["func", name, ...declared, ["param", "$site", "i32"], ...results, body, ...faulted, ...ends]),
    );
    return name;
  }

  #value(inner: List, type: Type, what: string): List {
    const site = this.#site(what, "value", type);
    const t: List = ["local.get", scratch(type)];
    return [
      "block",
      ["result", type],
      ["local.set", scratch(type), inner],
      ["if", this.#isHit(site), ["then", ["local.set", scratch(type), ["call", `$apply_${type}`, t]]]],
      t,
    ];
  }

  #reversible(condition: List, what: string): List {
    const site = this.#site(what, "branch", "i32");
    const t: List = ["local.get", "$t32"];
    return [
      "block",
      ["result", "i32"],
      ["local.set", "$t32", condition],
      ["if", this.#isHit(site), ["then", ["local.set", "$t32", ["i32.eqz", t]]]],
      t,
    ];
  }

  #site(what: string, kind: Kind, type: Type): number {
    this.sites.push({ id: this.sites.length, func: this.#func, what, kind, type });
    return this.sites.length - 1;
  }

  /** Whether this execution of the site is the faulty one. */
  #isHit(site: number): List {
    return this.#hit(["i32.const", String(site)]);
  }

  #hit(site: List): List {
    if (this.#variety === "counting") return ["call", "$count", site];
    return [
      "if",
      ["result", "i32"],
      ["i32.eq", word("SITE"), site],
      ["then", ["call", "$fires"]],
      ["else", zero("i32")],
    ];
  }

  #typeOf(node: Node): Type {
    const what = head(node);
    switch (what) {
      case "local.get":
      case "local.tee":
        return this.#locals.get((node as List)[1] as string) as Type;
      case "call":
        return (this.#signatures.get((node as List)[1] as string) as Signature).result;
      case "select":
        return this.#typeOf((node as List)[1] as Node);
      case "block":
      case "loop":
      case "if":
        return resultOf(node as List);
    }
    if (what.includes(".store") || !/^i(32|64)\./.test(what)) return "none";
    return /\.(eqz?|ne|[lg][te]_[su]|wrap_i64)$/.test(what) ? "i32" : (what.slice(0, 3) as Type);
  }
}

function signature(parts: readonly Node[]): Signature {
  const params = parts.filter((node) => head(node) === "param") as List[];
  return {
    params: params.flatMap(([, ...types]) => types.filter((type) => type === "i32" || type === "i64") as Type[]),
    result: resultOf(parts),
  };
}

function resultOf(nodes: readonly Node[]): Type {
  const result = nodes.find((node) => head(node) === "result");
  return result ? ((result as List)[1] as Type) : "none";
}

function zero(type: Type): List {
  return [`${type}.const`, "0"];
}

function scratch(type: Type): string {
  return type === "i64" ? "$t64" : "$t32";
}

function word(name: keyof typeof Word): List {
  return ["i32.load", ["i32.const", String(CONTROL + Word[name])]];
}

function whenNot(condition: List, then: List): List {
  return ["if", ["i32.eqz", condition], ["then", then]];
}

const AT = Object.fromEntries(Object.entries(Word).map(([name, offset]) => [name, `(i32.const ${CONTROL + offset})`]));

const HELPERS = `
(data ${AT.FUEL} "\\00\\00\\01\\00")
(func $fires (result i32)
  (if (i32.load ${AT.EACH}) (then (return (i32.const 1))))
  (i32.store ${AT.COUNT} (i32.sub (i32.load ${AT.COUNT}) (i32.const 1)))
  (if (i32.load ${AT.COUNT}) (then (return (i32.const 0))))
  (i32.const 1))
(func $apply_i32 (param $v i32) (result i32)
  (i32.xor (i32.and (local.get $v) (i32.load ${AT.AND})) (i32.load ${AT.XOR})))
(func $apply_i64 (param $v i64) (result i64)
  (i64.xor (i64.and (local.get $v) (i64.load ${AT.AND})) (i64.load ${AT.XOR})))
(func $burn (param $amount i32)
  (i32.store ${AT.FUEL} (i32.sub (i32.load ${AT.FUEL}) (local.get $amount)))
  (if (i32.ge_s (i32.load ${AT.FUEL}) (i32.const 0)) (then (return)))
  (i32.store ${AT.HUNG} (i32.const 1))
  (i32.store ${AT.FUEL} (i32.const ${CALL_FUEL}00))
  (unreachable))
(func $count (param $site i32) (result i32) (local $at i32)
  (local.set $at (i32.add (i32.const ${COUNTS}) (i32.shl (local.get $site) (i32.const 2))))
  (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1)))
  (i32.const 0))
`;
