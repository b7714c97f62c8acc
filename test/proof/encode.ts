// Writes modules: the released one with all of its functions exported, so that V8 can call each; and mutants with
// patched instructions. All other bytes stay as they are.

import { type Section, SectionId, type WasmModule } from "./wasm.js";

/** Bytes of a function's body that are replaced by others. */
export interface Patch {
  /** The number of the function, counted after the imports. */
  readonly index: number;
  readonly from: number;
  readonly to: number;
  readonly bytes: readonly number[];
}

/** The name under which `withExports` exports a function. */
export function exportName(index: number): string {
  return `f${index}`;
}

/** The module with every function exported; function n of the module as `exportName(n)`. */
export function withExports(module: WasmModule): Uint8Array<ArrayBuffer> {
  const indices = module.functions.map((_, index) => module.imports.length + index);
  const entries = [
    [...text("memory"), 2, ...unsigned(0)],
    ...indices.map((index) => [...text(exportName(index)), 0, ...unsigned(index)]),
  ];
  const bytes = Uint8Array.from([...unsigned(entries.length), ...entries.flat()]);
  return write(module.sections.map((section) => (section.id === SectionId.EXPORT ? { ...section, bytes } : section)));
}

/** The module with some bytes of its functions replaced. */
export function patched(module: WasmModule, patches: readonly Patch[]): Uint8Array<ArrayBuffer> {
  const bodies = module.functions.map(({ bytes }, index) =>
    spliced(
      bytes,
      patches.filter((patch) => patch.index === index),
    ),
  );
  const bytes = Uint8Array.from([
    ...unsigned(bodies.length),
    ...bodies.flatMap((body) => [...unsigned(body.length), ...body]),
  ]);
  return write(module.sections.map((section) => (section.id === SectionId.CODE ? { ...section, bytes } : section)));
}

function spliced(bytes: Uint8Array, patches: readonly Patch[]): number[] {
  const made = [...bytes];
  for (const { from, to, bytes: other } of [...patches].sort((a, b) => b.from - a.from))
    made.splice(from, to - from, ...other);
  return made;
}

function write(sections: readonly Section[]): Uint8Array<ArrayBuffer> {
  const parts = sections.map(({ id, bytes }) => [id, ...unsigned(bytes.length), ...bytes]);
  return Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...parts.flat()]);
}

function text(value: string): number[] {
  return [...unsigned(value.length), ...Buffer.from(value)];
}

/** LEB128, without a sign. */
function unsigned(value: number): number[] {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...unsigned(value >>> 7)];
}

/** The bytes of `i32.const value`. */
export function constant(value: number): number[] {
  const bytes = [0x41];
  for (let left = value | 0; ; left >>= 7) {
    const low = left & 0x7f;
    const isLast = (left >> 7 === 0 && (low & 0x40) === 0) || (left >> 7 === -1 && (low & 0x40) !== 0);
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return bytes;
  }
}
