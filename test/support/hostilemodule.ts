// A module that loads and stores where it must not, and the correct outcome of each of its calls. As in WebAssembly,
// base + offset has 33 bits, and an access beyond the memory traps.

/** The memory that a chip gives a module, in bytes; one page is declared. */
const MEMORY = 4096;

/** Reasons of wasm_rt_trap_t (board/runtime/wasm-rt.h). */
const Trap = { NONE: 0, OOB: 1, INT_OVERFLOW: 2, DIV_BY_ZERO: 3, UNREACHABLE: 5 } as const;

/** The outcome of a call. */
export interface Outcome {
  /** Reason of the trap; 0 if the call returned; 63 for a fault. */
  readonly trap: number;
  readonly result?: bigint;
  /** The range of memory that is not as before, and a hash of it. */
  readonly change?: { readonly first: number; readonly length: number; readonly hash: number };
  /** The call wrote outside the memory. */
  readonly harmed?: boolean;
}

export interface Case {
  readonly name: string;
  readonly hasResult: boolean;
  readonly expected: Outcome;
}

/** The module's text, the tables of the harness in test/board/hostile/, and the outcome of each case in its order. */
export interface HostileModule {
  readonly text: string;
  readonly tables: Readonly<Record<string, string>>;
  readonly cases: readonly Case[];
}

// ---- memory ----

/** As `pattern` in test/board/hostile/main.c. */
const PATTERN = new Uint8Array(Uint32Array.from({ length: MEMORY / 4 }, (_, i) => Math.imul(i + 1, 0x9e3779b9)).buffer);

function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The change of the pattern by a write. */
function changed(write: (memory: Uint8Array) => void): Pick<Outcome, "change"> {
  const memory = PATTERN.slice();
  write(memory);
  const differs = (byte: number, at: number) => byte !== PATTERN[at];
  const first = memory.findIndex(differs);
  if (first < 0) return {};
  const length = memory.findLastIndex(differs) + 1 - first;
  return { change: { first, length, hash: fnv1a(memory.subarray(first, first + length)) } };
}

// ---- loads and stores ----

const OFFSETS = [0, 1, 2, 3, 4, 5, 7, 8, 4088, 4092, 4095, 4096, 0x7fffffff, 0xfffffffc, 0xffffffff];
/** For loads whose value is dropped: they must still trap. */
const OFFSETS_DROPPED = [0, 4095, 0xfffffffc];

const ADDRESSES = [
  ...range(0, 10),
  ...range(MEMORY - 16, MEMORY + 9),
  ...range(13, 31).map((bit) => 2 ** bit),
  ...range(2 ** 31 - 4, 2 ** 31 + 5),
  ...range(2 ** 32 - 16, 2 ** 32),
];

/** As STORED in test/board/hostile/main.c. */
const STORED = 0x8796a5b4c3d2e1f0n;

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

interface Access {
  readonly type: "i32" | "i64";
  readonly instruction: string;
  readonly size: number;
  readonly does: "load" | "store" | "drop";
  readonly signed: boolean;
  readonly offset: number;
}

function accesses(): Access[] {
  const list: Access[] = [];
  for (const type of ["i32", "i64"] as const) {
    const full = type === "i32" ? 4 : 8;
    for (const size of [1, 2, 4, 8].filter((size) => size <= full)) {
      const width = size === full ? "" : `${8 * size}`;
      const store = { type, instruction: `${type}.store${width}`, size, does: "store", signed: false } as const;
      list.push(...OFFSETS.map((offset) => ({ ...store, offset })));
      for (const sign of size === full ? [""] : ["_s", "_u"]) {
        const load = { type, instruction: `${type}.load${width}${sign}`, size, signed: sign === "_s" };
        list.push(...OFFSETS.map((offset) => ({ ...load, does: "load" as const, offset })));
        list.push(...OFFSETS_DROPPED.map((offset) => ({ ...load, does: "drop" as const, offset })));
      }
    }
  }
  return list;
}

function textOf({ type, instruction, does, offset }: Access, name: string): string {
  const value = does === "store" ? `(param ${type})` : does === "load" ? `(result ${type})` : "(param i32)";
  const operands = does === "store" ? "local.get 0 local.get 1" : "local.get 0";
  const then = does === "drop" ? "drop" : "";
  return `(func (export "${name}") (param i32) ${value} ${operands} ${instruction} offset=${offset} ${then})`;
}

/** The macro in the harness's table, by the type of the call. */
function tableEntry({ type, does }: Access, name: string): string {
  const bits = type === "i32" || does === "drop" ? 32 : 64;
  const kind = does === "load" ? "load" : "store";
  return `ACCESS(${kind.toUpperCase()}${bits}, ${kind}${bits}, ${name})`;
}

function outcomeOf(access: Access, address: number): Outcome {
  const at = address + access.offset;
  if (at + access.size > MEMORY) return { trap: Trap.OOB };
  if (access.does === "drop") return { trap: Trap.NONE };
  if (access.does === "load") return { trap: Trap.NONE, result: loaded(access, at) };
  return {
    trap: Trap.NONE,
    ...changed((memory) => {
      for (let i = 0; i < access.size; i++) memory[at + i] = Number((STORED >> BigInt(8 * i)) & 0xffn);
    }),
  };
}

/** As C returns it: a 32-bit result in the lower half. */
function loaded({ type, size, signed }: Access, at: number): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(PATTERN[at + i] as number);
  if (signed) value = BigInt.asIntN(8 * size, value);
  return BigInt.asUintN(type === "i32" ? 32 : 64, value);
}

// ---- calls with special arguments ----

interface Call {
  readonly function: "fill" | "copy" | "init" | "drop" | "unreachable" | (typeof DIVISIONS)[number][0];
  readonly args: readonly [number, number, number];
  readonly expected: Outcome;
}

/** Functions of two numbers: division in 32 bits; in 64 the dividend is the upper half, and the divisor has a sign. */
const DIVISIONS = [
  ["div32s", "i32.div_s"],
  ["div32u", "i32.div_u"],
  ["rem32s", "i32.rem_s"],
  ["rem32u", "i32.rem_u"],
  ["div64s", "i64.div_s"],
  ["div64u", "i64.div_u"],
  ["rem64s", "i64.rem_s"],
  ["rem64u", "i64.rem_u"],
] as const;

const SEGMENT = [0xd5, 0x1c, 0x8e, 0x47, 0x63, 0xf9, 0x20, 0xba];

const TOP = 0x80000000;
const MINUS_ONE = 0xffffffff;
const NUMBERS = [0, 1, 7, TOP, MINUS_ONE];

function otherText(): string[] {
  const wide = ["(i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32))", "(i64.extend_i32_s (local.get 1))"];
  const bulk = (name: string, instruction: string) =>
    `(func (export "${name}") (param i32 i32 i32) local.get 0 local.get 1 local.get 2 ${instruction})`;
  return [
    bulk("fill", "memory.fill"),
    bulk("copy", "memory.copy"),
    bulk("init", "memory.init $segment"),
    '(func (export "drop") (param i32 i32 i32) data.drop $segment)',
    '(func (export "unreachable") (param i32 i32 i32) unreachable)',
    ...DIVISIONS.map(([name, instruction]) => {
      const [a, b] = instruction.startsWith("i64") ? wide : ["(local.get 0)", "(local.get 1)"];
      const divided = `(${instruction} ${a} ${b})`;
      const result = instruction.startsWith("i64") ? divided : `(i64.extend_i32_u ${divided})`;
      return `(func (export "${name}") (param i32 i32) (result i64) ${result})`;
    }),
  ];
}

/** Places and lengths, in every combination. */
const PLACES = [0, 3, 4092, 4095, 4096, 0x7fffffff, 0xfffff000, MINUS_ONE];
const LENGTHS = [0, 1, 4, 5, 4096, 4097, 0xfffff001, MINUS_ONE];

function bulkCalls(): Call[] {
  const calls: Call[] = [];
  for (const to of PLACES) {
    for (const length of LENGTHS) {
      calls.push(
        call("fill", [to, 0x1a5, length], to + length <= MEMORY, (memory) => memory.fill(0xa5, to, to + length)),
      );
      for (const from of PLACES) {
        const isInside = to + length <= MEMORY && from + length <= MEMORY;
        calls.push(call("copy", [to, from, length], isInside, (memory) => memory.copyWithin(to, from, from + length)));
      }
      for (const from of [0, 3, 9, MINUS_ONE]) calls.push(initCall(to, from, length, SEGMENT));
    }
  }
  // A dropped segment is empty.
  calls.push({ function: "drop", args: [0, 0, 0], expected: { trap: Trap.NONE } });
  calls.push(initCall(0, 0, 0, []), initCall(0, 0, 1, []), initCall(MEMORY, 1, 0, []));
  return calls;
}

function initCall(to: number, from: number, length: number, segment: readonly number[]): Call {
  const isInside = to + length <= MEMORY && from + length <= segment.length;
  return call("init", [to, from, length], isInside, (memory) => memory.set(segment.slice(from, from + length), to));
}

function call(
  name: Call["function"],
  args: Call["args"],
  isInside: boolean,
  write: (memory: Uint8Array) => void,
): Call {
  return {
    function: name,
    args,
    expected: isInside ? { trap: Trap.NONE, ...changed(write) } : { trap: Trap.OOB },
  };
}

function divisionCalls(): Call[] {
  return DIVISIONS.flatMap(([name, instruction]) =>
    NUMBERS.flatMap((a) =>
      NUMBERS.map((b): Call => ({ function: name, args: [a, b, 0], expected: divided(instruction, a, b) })),
    ),
  );
}

function divided(instruction: string, a: number, b: number): Outcome {
  const bits = instruction.startsWith("i64") ? 64 : 32;
  const signed = (value: bigint) => (instruction.endsWith("_s") ? BigInt.asIntN : BigInt.asUintN)(bits, value);
  const x = signed(BigInt(a) << BigInt(bits - 32));
  const y = signed(BigInt.asIntN(32, BigInt(b)));
  if (y === 0n) return { trap: Trap.DIV_BY_ZERO };
  if (!instruction.includes("div")) return { trap: Trap.NONE, result: BigInt.asUintN(bits, x % y) };
  if (signed(BigInt.asUintN(bits, x / y)) !== x / y) return { trap: Trap.INT_OVERFLOW };
  return { trap: Trap.NONE, result: BigInt.asUintN(bits, x / y) };
}

// ---- all together ----

export function hostileModule(): HostileModule {
  const list = accesses();
  const calls: Call[] = [
    { function: "unreachable", args: [0, 0, 0], expected: { trap: Trap.UNREACHABLE } },
    ...divisionCalls(),
    ...bulkCalls(),
  ];
  const name = (_: unknown, index: number) => `a${index}`;
  const names = list.map(name);
  return {
    text: [
      "(module",
      '(memory (export "memory") 1 1)',
      `(data $segment "${SEGMENT.map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("")}")`,
      ...list.map((access, i) => textOf(access, names[i] as string)),
      ...otherText(),
      ")\n",
    ].join("\n"),
    tables: {
      "accesses.inc": list.map((access, i) => `${tableEntry(access, names[i] as string)}\n`).join(""),
      "addresses.inc": ADDRESSES.map((address) => `${address}u,\n`).join(""),
      "calls.inc": calls.map(callEntry).join(""),
    },
    cases: [...list.flatMap(casesOf), ...calls.map(caseOf)],
  };
}

function callEntry({ function: name, args }: Call): string {
  const kind = isDivision(name) ? "PAIR, {.pair" : "TRIPLE, {.triple";
  return `{{${kind} = FUNCTION(${name})}}, ${args.map((value) => `${value}u`).join(", ")}},\n`;
}

function isDivision(name: string): boolean {
  return DIVISIONS.some(([division]) => division === name);
}

function casesOf(access: Access): Case[] {
  const dropped = access.does === "drop" ? ", dropped," : "";
  return ADDRESSES.map((address) => ({
    name: `${access.instruction} offset=${access.offset}${dropped} at ${address}`,
    hasResult: access.does === "load",
    expected: outcomeOf(access, address),
  }));
}

function caseOf({ function: name, args, expected }: Call): Case {
  return { name: `${name}(${args.join(", ")})`, hasResult: isDivision(name), expected };
}
