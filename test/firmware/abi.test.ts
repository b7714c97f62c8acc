// The compiled module: a plain one that any stock runtime loads, with the narrow interface of docs/ABI.md.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { ROOT } from "../../host-tools/files/project.js";
import { MEMORY_SIZE } from "../../sim/core/card.js";
import { FIRMWARE_FILE } from "../../sim/session/firmware.js";
import { type BinaryenModule, loadBinaryen } from "../support/binaryen.js";
import { suite } from "../support/suite.js";

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

const DOCUMENT = join(ROOT, "docs", "ABI.md");
const BYTES = readFileSync(FIRMWARE_FILE);
const MODULE = new WebAssembly.Module(BYTES);

/** The sections of a module by their ids (WebAssembly core specification, 5.5). */
const Section = { TABLE: 4, MEMORY: 5, GLOBAL: 6, START: 8, ELEMENT: 9, DATA: 11, DATA_COUNT: 12 } as const;

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

abi("the module has no start function, no table and no element", () => {
  for (const id of [Section.START, Section.TABLE, Section.ELEMENT]) assert.not(SECTIONS.has(id), `section ${id}`);
});

abi("the module has one page of memory, which cannot grow", () => {
  const section = SECTIONS.get(Section.MEMORY) as Uint8Array;
  assert.equal([...section], [1, 1, 1, 1], "one memory, with a maximum: at least and at most one page");
  assert.not.match(TEXT, /memory\.grow/);
  assert.match(TEXT, /memory\.copy|memory\.fill|i32\.store/, "the text lists instructions");
});

abi("static data fits into the memory of a card's chip", () => {
  const instance = new WebAssembly.Instance(MODULE, {
    host: Object.fromEntries(IMPORTS.map((name) => [name, () => 0])),
  });
  const memory = new Uint8Array((instance.exports.memory as WebAssembly.Memory).buffer);
  assert.is(memory.length, PAGE);
  assert.ok(memory.subarray(MEMORY_SIZE).every((byte) => byte === 0));
});

/**
 * Features added to WebAssembly after version 1.0 (the "MVP"): the name in docs/ABI.md, the instructions in a module's
 * text, and binaryen's names. A feature that is not listed makes the module invalid in the test below.
 */
const ADDED = {
  "sign extension": { uses: /i(32|64)\.extend(8|16|32)_s/, features: ["SignExt"] },
  "mutable globals": { uses: /\(export "\w+" \(global|\(import .*\(global .*\(mut/, features: ["MutableGlobals"] },
  "non-trapping conversions": { uses: /\.trunc_sat_/, features: ["NontrappingFPToInt"] },
  "bulk memory": { uses: /memory\.(copy|fill|init)|data\.drop/, features: ["BulkMemory", "BulkMemoryOpt"] },
} as const;

/** The features that a module needs. */
function featuresOf(module: BinaryenModule): string[] {
  const text = module.emitText();
  const needed = Object.entries(ADDED).filter(([, { uses }]) => uses.test(text));
  const bits = needed.flatMap(([, { features }]) => features.map((name) => BINARYEN.Features[name]));
  module.setFeatures(bits.reduce((all, bit) => all | bit, BINARYEN.Features.MVP));
  assert.is(module.validate(), 1, "nothing but these features is used");
  return needed.map(([name]) => name);
}

/** The rows of the table under "What a runtime needs" in docs/ABI.md: a feature, and what of it is used. */
function documentedNeeds(): Map<string, string> {
  const [, section = ""] = /^## What a runtime needs$(.*?)^## /ms.exec(readFileSync(DOCUMENT, "utf8")) ?? [];
  const rows = [...section.matchAll(/^\| ([^|]+) \| ([^|]+) \|$/gm)].slice(1);
  return new Map(rows.map(([, feature = "", uses = ""]) => [feature, uses]));
}

abi("a feature that a module needs is found", () => {
  const needs = (body: string) => featuresOf(BINARYEN.parseText(`(module (memory 1 1) ${body})`));
  assert.equal(needs('(func (export "f") (result i32) (i32.const 1))'), []);
  assert.equal(needs("(func (result i32) (i32.extend8_s (i32.const 1)))"), ["sign extension"]);
  assert.equal(needs("(func (memory.fill (i32.const 0) (i32.const 0) (i32.const 1)))"), ["bulk memory"]);
  assert.equal(needs('(global (export "g") (mut i32) (i32.const 0))'), ["mutable globals"]);
  assert.equal(needs("(func (drop (i32.trunc_sat_f32_s (f32.const 1))))"), ["non-trapping conversions"]);
});

abi("docs/ABI.md names the features that the module needs of a runtime, and no others", () => {
  const needs = featuresOf(READ);
  const documented = documentedNeeds();
  assert.equal([...documented.keys()].sort(), needs.sort());
  const bulk = [...new Set(TEXT.match(/\b(memory\.(copy|fill|init)|data\.drop)\b/g))].sort();
  const paragraph = documented.get("bulk memory") ?? "";
  assert.equal([...paragraph.matchAll(/`([^`]+)`/g)].map(([, name]) => name).sort(), bulk);
  // Binaryen ignores this section, but a runtime without bulk memory fails at it first.
  assert.is(paragraph.includes("data count section (id 12)"), SECTIONS.has(Section.DATA_COUNT));
});

abi("the module has no mutable global: all state is in linear memory", () => {
  assert.not.match(TEXT, /\(global \S+ \(mut /);
  assert.not.match(TEXT, /global\.set/);
});

abi(`the module has at most ${MAX_SIZE / 1024} KiB`, () => {
  assert.ok(BYTES.length <= MAX_SIZE, `${BYTES.length} bytes`);
});

abi("every import and export is in docs/ABI.md", () => {
  const text = readFileSync(DOCUMENT, "utf8");
  for (const name of [...IMPORTS, ...EXPORTS]) assert.match(text, new RegExp(`\\b${name}\\b`), name);
});

abi.run();
