// Decodes a WebAssembly module into structured code (WebAssembly Core Specification 2.0, chapter 5). It knows only the
// instructions that the firmware has, and refuses every other one; it shares nothing with the compiler that made them.

/** An instruction. Blocks hold their instructions; `at` is the place of the first byte in the function's body. */
export interface Instruction {
  readonly name: string;
  /** The constant, local, function, label, or offset of a load or store; -1 where it has none. */
  readonly number: number;
  /** The constant of an i64.const. */
  readonly long: bigint;
  /** Whether a block leaves a value. */
  readonly hasResult: boolean;
  readonly body: readonly Instruction[];
  readonly otherwise: readonly Instruction[];
  /** The labels of a br_table, the default last. */
  readonly labels: readonly number[];
  readonly at: number;
  readonly end: number;
}

export interface FunctionType {
  readonly parameters: readonly Width[];
  readonly results: readonly Width[];
}
export type Width = 32 | 64;

export interface WasmFunction {
  readonly type: FunctionType;
  /** The widths of the locals behind the parameters. */
  readonly locals: readonly Width[];
  readonly code: readonly Instruction[];
  /** The body's bytes, from its list of locals on. */
  readonly bytes: Uint8Array;
}

export interface Import {
  readonly name: string;
  readonly type: FunctionType;
}

export interface WasmModule {
  readonly imports: readonly Import[];
  /** Function n of the module is `functions[n - imports.length]`. */
  readonly functions: readonly WasmFunction[];
  readonly exports: ReadonlyMap<string, number>;
  readonly data: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  readonly sections: readonly Section[];
}

/** A section as it stands in the file, without its head. */
export interface Section {
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** The module is truncated, or has something that this decoder does not know. */
export class DecodeError extends Error {
  override name = "DecodeError";
}

export enum SectionId {
  CUSTOM = 0,
  TYPE = 1,
  IMPORT = 2,
  FUNCTION = 3,
  MEMORY = 5,
  EXPORT = 7,
  CODE = 10,
  DATA = 11,
  DATA_COUNT = 12,
}

const NONE = -1;

/** What stands behind an opcode. */
type Immediate = "none" | "index" | "memory" | "i32" | "i64" | "block" | "table";

const OPCODES: ReadonlyMap<number, readonly [name: string, immediate: Immediate]> = new Map([
  [0x02, ["block", "block"]],
  [0x03, ["loop", "block"]],
  [0x04, ["if", "block"]],
  [0x0c, ["br", "index"]],
  [0x0d, ["br_if", "index"]],
  [0x0e, ["br_table", "table"]],
  [0x0f, ["return", "none"]],
  [0x10, ["call", "index"]],
  [0x1a, ["drop", "none"]],
  [0x1b, ["select", "none"]],
  [0x20, ["local.get", "index"]],
  [0x21, ["local.set", "index"]],
  [0x22, ["local.tee", "index"]],
  [0x28, ["i32.load", "memory"]],
  [0x29, ["i64.load", "memory"]],
  [0x2d, ["i32.load8_u", "memory"]],
  [0x2f, ["i32.load16_u", "memory"]],
  [0x35, ["i64.load32_u", "memory"]],
  [0x36, ["i32.store", "memory"]],
  [0x37, ["i64.store", "memory"]],
  [0x3a, ["i32.store8", "memory"]],
  [0x3b, ["i32.store16", "memory"]],
  [0x41, ["i32.const", "i32"]],
  [0x42, ["i64.const", "i64"]],
  [0x45, ["i32.eqz", "none"]],
  [0x46, ["i32.eq", "none"]],
  [0x47, ["i32.ne", "none"]],
  [0x48, ["i32.lt_s", "none"]],
  [0x49, ["i32.lt_u", "none"]],
  [0x4a, ["i32.gt_s", "none"]],
  [0x4b, ["i32.gt_u", "none"]],
  [0x4c, ["i32.le_s", "none"]],
  [0x4d, ["i32.le_u", "none"]],
  [0x4e, ["i32.ge_s", "none"]],
  [0x4f, ["i32.ge_u", "none"]],
  [0x51, ["i64.eq", "none"]],
  [0x52, ["i64.ne", "none"]],
  [0x6a, ["i32.add", "none"]],
  [0x6b, ["i32.sub", "none"]],
  [0x6c, ["i32.mul", "none"]],
  [0x6e, ["i32.div_u", "none"]],
  [0x70, ["i32.rem_u", "none"]],
  [0x71, ["i32.and", "none"]],
  [0x72, ["i32.or", "none"]],
  [0x73, ["i32.xor", "none"]],
  [0x74, ["i32.shl", "none"]],
  [0x76, ["i32.shr_u", "none"]],
  [0x77, ["i32.rotl", "none"]],
  [0x78, ["i32.rotr", "none"]],
  [0x7c, ["i64.add", "none"]],
  [0x7e, ["i64.mul", "none"]],
  [0x83, ["i64.and", "none"]],
  [0x84, ["i64.or", "none"]],
  [0x85, ["i64.xor", "none"]],
  [0x86, ["i64.shl", "none"]],
  [0x88, ["i64.shr_u", "none"]],
  [0x8a, ["i64.rotr", "none"]],
  [0xfc0a, ["memory.copy", "none"]],
  [0xfc0b, ["memory.fill", "none"]],
]);
const BY_NAME = new Map([...OPCODES].map(([code, [name]]) => [name, code]));

const END = 0x0b;
const ELSE = 0x05;
const EMPTY_BLOCK = 0x40;
const FUNCTION_TYPE = 0x60;
const WIDTHS: ReadonlyMap<number, Width> = new Map([
  [0x7f, 32],
  [0x7e, 64],
]);

/** The opcode of an instruction that has no immediate, for patches. */
export function opcodeOf(name: string): readonly number[] {
  const code = BY_NAME.get(name);
  if (code === undefined) throw new DecodeError(`${name}: no such instruction`);
  return code > 0xff ? [code >> 8, code & 0xff] : [code];
}

class Reader {
  at: number;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new DecodeError("the module is cut off");
    return value;
  }

  /** A LEB128 number without a sign. */
  unsigned(): number {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  }

  /** A LEB128 number with a sign. */
  signed(): bigint {
    let value = 0n;
    for (let shift = 0n; ; ) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
      if (byte < 0x80) return BigInt.asIntN(64, byte & 0x40 ? value - (1n << shift) : value);
    }
  }

  take(length: number): Uint8Array {
    if (this.at + length > this.bytes.length) throw new DecodeError("the module is cut off");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  text(): string {
    return new TextDecoder().decode(this.take(this.unsigned()));
  }

  list<T>(item: () => T): T[] {
    return Array.from({ length: this.unsigned() }, item);
  }

  width(): Width {
    const width = WIDTHS.get(this.byte());
    if (!width) throw new DecodeError("a type other than i32 and i64");
    return width;
  }
}

/** Decodes a module. Throws DecodeError where it holds what is not known here. */
export function decode(bytes: Uint8Array): WasmModule {
  const sections = sectionsOf(bytes);
  const reader = (id: SectionId) =>
    new Reader(sections.find((section) => section.id === id)?.bytes ?? Uint8Array.of(0));
  const types = typesIn(reader(SectionId.TYPE));
  const typeOf = (index: number): FunctionType => {
    const type = types[index];
    if (!type) throw new DecodeError(`there is no type ${index}`);
    return type;
  };
  const importReader = reader(SectionId.IMPORT);
  const imports = importReader.list(() => importIn(importReader, typeOf));
  const functionReader = reader(SectionId.FUNCTION);
  const declared = functionReader.list(() => typeOf(functionReader.unsigned()));
  const codeReader = reader(SectionId.CODE);
  const bodies = codeReader.list(() => codeReader.take(codeReader.unsigned()));
  if (bodies.length !== declared.length) throw new DecodeError("functions and bodies do not agree");
  return {
    imports,
    functions: declared.map((type, index) => functionIn(type, bodies[index] as Uint8Array)),
    exports: exportsIn(reader(SectionId.EXPORT)),
    data: dataIn(reader(SectionId.DATA)),
    sections,
  };
}

function sectionsOf(bytes: Uint8Array): Section[] {
  const reader = new Reader(bytes);
  if (Buffer.from(reader.take(8)).toString("hex") !== "0061736d01000000")
    throw new DecodeError("no module of version 1");
  const sections: Section[] = [];
  while (!reader.isAtEnd) {
    const id = reader.byte();
    sections.push({ id, bytes: reader.take(reader.unsigned()) });
  }
  return sections;
}

function typesIn(reader: Reader): FunctionType[] {
  return reader.list(() => {
    if (reader.byte() !== FUNCTION_TYPE) throw new DecodeError("a type that is no function's");
    return { parameters: reader.list(() => reader.width()), results: reader.list(() => reader.width()) };
  });
}

function importIn(reader: Reader, typeOf: (index: number) => FunctionType): Import {
  reader.text();
  const name = reader.text();
  if (reader.byte() !== 0) throw new DecodeError(`${name}: an import that is no function`);
  return { name, type: typeOf(reader.unsigned()) };
}

function exportsIn(reader: Reader): Map<string, number> {
  const functions = new Map<string, number>();
  reader.list(() => {
    const name = reader.text();
    const kind = reader.byte();
    const index = reader.unsigned();
    if (kind === 0) functions.set(name, index);
  });
  return functions;
}

function dataIn(reader: Reader): { at: number; bytes: Uint8Array }[] {
  return reader.list(() => {
    if (reader.unsigned() !== 0 || reader.byte() !== 0x41)
      throw new DecodeError("a data segment without a fixed place");
    const at = Number(reader.signed());
    if (reader.byte() !== END) throw new DecodeError("a data segment without a fixed place");
    return { at, bytes: reader.take(reader.unsigned()) };
  });
}

function functionIn(type: FunctionType, bytes: Uint8Array): WasmFunction {
  const reader = new Reader(bytes);
  const locals = reader.list(() => {
    const count = reader.unsigned();
    const width = reader.width();
    return new Array<Width>(count).fill(width);
  });
  const { code, closing } = sequence(reader);
  if (closing !== END || !reader.isAtEnd) throw new DecodeError("a function that does not end");
  return { type, locals: locals.flat(), code, bytes };
}

/** The instructions up to `end` or `else`. */
function sequence(reader: Reader): { code: Instruction[]; closing: number } {
  const code: Instruction[] = [];
  for (;;) {
    const at = reader.at;
    const byte = reader.byte();
    if (byte === END || byte === ELSE) return { code, closing: byte };
    code.push(instruction(reader, at, byte === 0xfc ? 0xfc00 + reader.unsigned() : byte));
  }
}

function instruction(reader: Reader, at: number, opcode: number): Instruction {
  const known = OPCODES.get(opcode);
  if (!known) throw new DecodeError(`instruction ${opcode.toString(16)} is not known`);
  const [name, immediate] = known;
  let [number, long, hasResult] = [NONE, 0n, false];
  let [body, otherwise, labels]: [Instruction[], Instruction[], number[]] = [[], [], []];
  switch (immediate) {
    case "index":
      number = reader.unsigned();
      break;
    case "memory":
      reader.unsigned();
      number = reader.unsigned();
      break;
    case "i32":
      number = Number(BigInt.asUintN(32, reader.signed()));
      break;
    case "i64":
      long = BigInt.asUintN(64, reader.signed());
      break;
    case "table":
      labels = reader.list(() => reader.unsigned());
      labels.push(reader.unsigned());
      break;
    case "block": {
      hasResult = blockType(reader);
      const first = sequence(reader);
      body = first.code;
      if (first.closing === ELSE) otherwise = sequence(reader).code;
      break;
    }
    case "none":
      // Of memory.fill and memory.copy, the memories, of which there is one.
      if (opcode === 0xfc0a) reader.take(2);
      if (opcode === 0xfc0b) reader.take(1);
      break;
  }
  return { name, number, long, hasResult, body, otherwise, labels, at, end: reader.at };
}

function blockType(reader: Reader): boolean {
  const type = reader.byte();
  if (type === EMPTY_BLOCK) return false;
  if (!WIDTHS.has(type)) throw new DecodeError("a block of another type than i32 and i64");
  return true;
}

/** Every instruction of a function, those in blocks behind the block's own. */
export function allInstructions(code: readonly Instruction[]): readonly Instruction[] {
  return code.flatMap((one) => [one, ...allInstructions(one.body), ...allInstructions(one.otherwise)]);
}
