// Call graphs of a WebAssembly module and of an image for the chip, and the stack depth that follows from them.

import { spawnSync } from "node:child_process";
import { inspect, prefixOf } from "../../board/builder/tools.js";
import type { Elf } from "./elf.js";

/** The callees of each function. */
export type CallGraph = ReadonlyMap<string, ReadonlySet<string>>;

/** A function that calls itself, directly or through others: the path of the cycle. */
export function cycleIn(graph: CallGraph): string[] | undefined {
  const done = new Set<string>();
  const visit = (name: string, path: string[]): string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const callee of graph.get(name) ?? []) {
      const cycle = visit(callee, [...path, name]);
      if (cycle) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of graph.keys()) {
    const cycle = visit(name, []);
    if (cycle) return cycle;
  }
  return undefined;
}

/** The most stack that a call of `name` can use: the frames of its deepest call path. The graph has no cycle. */
export function depthOf(name: string, graph: CallGraph, frames: ReadonlyMap<string, number>): number {
  const known = new Map<string, number>();
  const visit = (name: string): number => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const below = [...(graph.get(name) ?? [])].map(visit);
    const depth = (frames.get(name) ?? Number.NaN) + Math.max(0, ...below);
    known.set(name, depth);
    return depth;
  };
  return visit(name);
}

// ---- of a module ----

/** The instructions of a module, as wasm-objdump lists them, by function. */
export function listingOf(module: string): ReadonlyMap<string, readonly string[]> {
  const functions = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of run("wasm-objdump", ["-d", module]).split("\n")) {
    const name = /^[0-9a-f]+ func\[(\d+)\]/.exec(line)?.[1];
    if (line.includes("|")) lines.push((line.split("|")[1] as string).trim());
    if (!name) continue;
    lines = [];
    functions.set(name, lines);
  }
  return functions;
}

export function callsOf(listing: ReadonlyMap<string, readonly string[]>): CallGraph {
  const calls = (lines: readonly string[]) => lines.flatMap((line) => /^call (\d+)/.exec(line)?.[1] ?? []);
  return new Map([...listing].map(([name, lines]) => [name, new Set(calls(lines))]));
}

// ---- of an image ----

export interface ImageCalls {
  readonly graph: CallGraph;
  /** Bytes of stack that each function uses, whatever path through it. */
  readonly frames: ReadonlyMap<string, number>;
  /** Functions that call or jump to an address in a register. */
  readonly indirect: readonly string[];
}

interface Code {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** How the disassembly of a core is read. */
interface Reading {
  /** Branches that name their target, and where it is. */
  readonly branch: RegExp;
  /** The branch that is a call if its target is the beginning of its own function. */
  readonly call: string;
  /** Calls and jumps to a register, except returns and the jumps of a switch, which stay in their function. */
  readonly toRegister: RegExp;
  /** The stack pointer in call frame information. */
  readonly stackPointer: string;
  /** Bytes that an instruction takes from the stack. Their sum is at least the frame. */
  taken(text: string): number;
}

const THUMB: Reading = {
  branch: /^(?:bl|b|b[a-z]{2}|cbn?z r\d+,)(?:\.[nw])?\s+([0-9a-f]+) </,
  call: "bl ",
  toRegister: /^(?:blx\s|bx\s+(?!lr))/,
  stackPointer: "r13",
  taken: takenByThumb,
};

const RISC_V: Reading = {
  branch: /^(?:jal|j|b[a-z]+)\s+(?:\w+,)*([0-9a-f]+) </,
  call: "jal ",
  toRegister: /^(?:jalr|jr|tail)\s/,
  stackPointer: "sp",
  taken: takenByRiscV,
};

const READINGS: Readonly<Record<string, Reading>> = { "arm-none-eabi": THUMB, "riscv64-unknown-elf": RISC_V };

/** Restores a caller's stack pointer, so it takes no stack. */
const UNWINDS = "longjmp";
/** Reads the instructions of an image; the frames are those that the compiler states in its call frame information. */
export function callsOfImage(file: string, elf: Elf): ImageCalls {
  const codes = codesOf(elf);
  const graph = new Map<string, Set<string>>(codes.map(({ name }) => [name, new Set()]));
  const pushed = new Map<string, number>();
  const indirect = new Set<string>();
  const reading = READINGS[prefixOf(file)] as Reading;
  for (const { at, text } of instructions(file)) {
    const code = codeAt(codes, at);
    if (!code) continue;
    pushed.set(code.name, (pushed.get(code.name) ?? 0) + (code.name === UNWINDS ? 0 : reading.taken(text)));
    const callee = calleeOf(text, code, codes, reading);
    if (callee !== undefined) graph.get(code.name)?.add(callee);
    if (reading.toRegister.test(text)) indirect.add(code.name);
  }
  const stated = framesOf(file, reading.stackPointer);
  const frames = new Map(
    codes.map(({ name, start }) => [name, Math.max(stated.get(start) ?? 0, pushed.get(name) ?? 0)]),
  );
  return { graph, frames, indirect: [...indirect] };
}

/** The function that an instruction calls or jumps to; undefined if it stays in its own function. */
function calleeOf(text: string, code: Code, codes: readonly Code[], reading: Reading): string | undefined {
  const target = reading.branch.exec(text)?.[1];
  if (!target) return undefined;
  const place = Number.parseInt(target, 16);
  const callee = codeAt(codes, place);
  if (!callee) throw new Error(`${code.name}: ${text}: to no function`);
  // A call instruction with a target inside its own function is a long jump, unless the target is the beginning.
  const isJump = callee === code && !(text.startsWith(reading.call) && place === code.start);
  return isJump ? undefined : callee.name;
}

/** Functions by position, with the first of several names. Those of unknown size (assembly) end at the next one. */
function codesOf(elf: Elf): Code[] {
  const functions = elf.symbols.filter(({ isFunction }) => isFunction);
  const sorted = functions
    .map(({ name, address, size }) => ({ name, start: address & ~1, size }))
    .sort((a, b) => a.start - b.start || b.size - a.size)
    .filter(({ start }, i, all) => all[i - 1]?.start !== start);
  const ends = (start: number, size: number, next = Number.POSITIVE_INFINITY) => (size > 0 ? start + size : next);
  return sorted.map(({ name, start, size }, i) => ({ name, start, end: ends(start, size, sorted[i + 1]?.start) }));
}

function codeAt(codes: readonly Code[], at: number): Code | undefined {
  return codes.find(({ start, end }) => start <= at && at < end);
}

function instructions(file: string): { at: number; text: string }[] {
  const listing = inspect("objdump", ["-d", "--no-show-raw-insn"], file);
  return [...listing.matchAll(/^\s*([0-9a-f]+):\t(.*)$/gm)].map(([, at, text]) => ({
    at: Number.parseInt(at as string, 16),
    text: (text as string).replaceAll("\t", " "),
  }));
}

function takenByThumb(text: string): number {
  const registers = /^push \{(.*)\}/.exec(text)?.[1];
  if (registers !== undefined) return 4 * registers.split(",").reduce((sum, item) => sum + registersIn(item), 0);
  const room = /^sub sp, (?:sp, )?#(\d+)/.exec(text)?.[1];
  if (room !== undefined) return Number(room);
  if (/^(?:add|sub|mov) sp, r|^(?:add|sub|mov) sp, sp, r|^msr [MP]SP/.test(text)) return Number.NaN;
  return 0;
}

function takenByRiscV(text: string): number {
  const room = /^addi? sp,sp,(-?\d+)$/.exec(text)?.[1];
  if (room !== undefined) return Math.max(0, -Number(room));
  return /^(?:[a-z.]+) sp,/.test(text) && !/^(?:sw|b\w+) /.test(text) && !isEmptied(text) ? Number.NaN : 0;
}

/** Whether an instruction sets the stack pointer to a fixed address, as the start code does on an empty stack. */
function isEmptied(text: string): boolean {
  return /^(?:lui|auipc|li) sp,|^(?:addi?|mv) sp,sp(?:,-?\d+)? #/.test(text);
}

/** In "r4" one, in "r4-r7" four. */
function registersIn(item: string): number {
  const [from, to] = item.split("-").map((name) => Number(name.trim().slice(1)));
  return to === undefined ? 1 : to - (from as number) + 1;
}

/** The largest distance of the stack pointer from its value at the call, by the address of the function. */
function framesOf(file: string, stackPointer: string): Map<number, number> {
  const frames = new Map<number, number>();
  let start = 0;
  for (const line of inspect("objdump", ["--dwarf=frames-interp"], file).split("\n")) {
    const begin = / FDE .* pc=([0-9a-f]+)\.\./.exec(line)?.[1];
    if (begin) start = Number.parseInt(begin, 16);
    const [, register, distance] = /^[0-9a-f]{8} (\S+)\+(\d+)/.exec(line) ?? [];
    if (!register) continue;
    const frame = register === stackPointer ? Number(distance) : Number.NaN;
    frames.set(start, Math.max(frames.get(start) ?? 0, frame));
  }
  return frames;
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout;
}
