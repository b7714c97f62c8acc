// The compiled module: a plain one that any stock runtime loads, with the narrow interface of docs/ABI.md.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { MEMORY_SIZE } from "../sim/card.js";
import { FIRMWARE_FILE } from "../sim/firmware.js";
import { loadBinaryen } from "./support/binaryen.js";
import { ROOT } from "./support/root.js";
import { suite } from "./support/suite.js";

const abi = suite("abi");

const IMPORTS = [
  "battery",
  "display",
  "flash_erase",
  "flash_program",
  "flash_read",
  "panel",
  "power",
  "random",
  "serial_send",
];
const EXPORTS = ["boot", "key", "memory", "serial", "state", "tick", "tries"];
const MAX_SIZE = 22 * 1024;
const PAGE = 65536;

const BYTES = readFileSync(FIRMWARE_FILE);
const MODULE = new WebAssembly.Module(BYTES);

/** The sections of a module by their ids (WebAssembly core specification, 5.5). */
const Section = { TABLE: 4, MEMORY: 5, GLOBAL: 6, START: 8, ELEMENT: 9, DATA: 11 } as const;

/** The contents of each section. */
function sections(bytes: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  let at = 8;
  while (at < bytes.length) {
    const id = bytes[at] as number;
    const [size, start] = unsigned(bytes, at + 1);
    found.set(id, bytes.subarray(start, start + size));
    at = start + size;
  }
  return found;
}

/** A LEB128 number and the place after it (5.2.2). */
function unsigned(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] as number;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
}

const SECTIONS = sections(BYTES);
const BINARYEN = await loadBinaryen();
const READ = BINARYEN.readBinary(BYTES);
const TEXT = READ.emitText();

abi(`the imports are ${IMPORTS.length} functions of the host`, () => {
  const imports = WebAssembly.Module.imports(MODULE);
  assert.equal(imports.map((item) => item.name).sort(), IMPORTS);
  for (const item of imports) assert.equal([item.module, item.kind], ["host", "function"], item.name);
});

abi(`the exports are the memory and ${EXPORTS.length - 1} functions`, () => {
  const exports = WebAssembly.Module.exports(MODULE);
  assert.equal(exports.map((item) => item.name).sort(), EXPORTS);
  for (const item of exports) assert.is(item.kind, item.name === "memory" ? "memory" : "function", item.name);
});

abi("only 32-bit integers cross the boundary", () => {
  const names = new Map(
    [...TEXT.matchAll(/\(import "host" "(\w+)" \(func \$(\S+)/g)].map((match) => [match[2] as string, match[1]]),
  );
  for (const match of TEXT.matchAll(/\(export "(\w+)" \(func \$(\S+?)\)\)/g)) names.set(match[2] as string, match[1]);
  let checked = 0;
  for (let i = 0; i < READ.getNumFunctions(); i++) {
    const info = BINARYEN.getFunctionInfo(READ.getFunctionByIndex(i));
    if (!names.has(info.name)) continue;
    checked++;
    const types = [...BINARYEN.expandType(info.params), ...BINARYEN.expandType(info.results)];
    assert.ok(
      types.every((type) => type === BINARYEN.i32),
      names.get(info.name),
    );
  }
  assert.is(checked, IMPORTS.length + EXPORTS.length - 1);
});

abi("no start function, no table, no element", () => {
  for (const id of [Section.START, Section.TABLE, Section.ELEMENT]) assert.not(SECTIONS.has(id), `section ${id}`);
});

abi("one page of memory that cannot grow, and no instruction that would", () => {
  const section = SECTIONS.get(Section.MEMORY) as Uint8Array;
  assert.equal([...section], [1, 1, 1, 1], "one memory, with a maximum: at least and at most one page");
  assert.not.match(TEXT, /memory\.grow/);
  assert.match(TEXT, /memory\.copy|memory\.fill|i32\.store/, "the text lists instructions");
});

abi("static data lies within the memory that a chip gives the card", () => {
  const instance = new WebAssembly.Instance(MODULE, {
    host: Object.fromEntries(IMPORTS.map((name) => [name, () => 0])),
  });
  const memory = new Uint8Array((instance.exports.memory as WebAssembly.Memory).buffer);
  assert.is(memory.length, PAGE);
  assert.ok(memory.subarray(MEMORY_SIZE).every((byte) => byte === 0));
});

abi("only MVP, sign extension, mutable globals and bulk memory", () => {
  const { MVP, SignExt, MutableGlobals, BulkMemory, BulkMemoryOpt } = BINARYEN.Features;
  READ.setFeatures(MVP | SignExt | MutableGlobals | BulkMemory | BulkMemoryOpt);
  assert.is(READ.validate(), 1);
});

abi("no mutable global: all state lies in linear memory", () => {
  assert.not.match(TEXT, /\(global \S+ \(mut /);
  assert.not.match(TEXT, /global\.set/);
});

abi(`at most ${MAX_SIZE} bytes`, () => {
  assert.ok(BYTES.length <= MAX_SIZE, `${BYTES.length} bytes`);
});

const DOCUMENT = join(ROOT, "docs", "ABI.md");
abi("every import and export is in docs/ABI.md", () => {
  const text = readFileSync(DOCUMENT, "utf8");
  for (const name of [...IMPORTS, ...EXPORTS]) assert.match(text, new RegExp(`\\b${name}\\b`), name);
});

abi.run();
