// Compares figures in documents with the sources: imports and exports, bytes, memory, keys, functions of a port.
// test/evidence/document.test.ts compares figures of campaigns with their records.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { buildImages, imageFor, pathOf } from "../board/builder/images.js";
import { sizesOf } from "../board/builder/sizes.js";
import { KINDS } from "../host-tools/cli/exit.js";
import { ROOT } from "../host-tools/files/project.js";
import { Card, KEYS, MEMORY_SIZE } from "../sim/core/card.js";
import { exchange } from "../sim/session/cardcommands.js";
import { FIRMWARE_FILE } from "../sim/session/firmware.js";
import { boardTest, developmentImage } from "./support/board.js";
import { MODULE } from "./support/cards.js";
import { documentAt, englishDocuments, projectFiles } from "./support/documents.js";
import { suite } from "./support/suite.js";

const test = suite("documents");

const README = documentAt("README.md");
const ABI = documentAt("docs/ABI.md");
const PORTING = documentAt("docs/PORTING.md");
const PROVISIONING = documentAt("docs/PROVISIONING.md");
/** The name of a source file, set as code. Built files are left out, since they may not exist yet. */
const SOURCE_FILE = /`(?!build\/)([\w./-]+\.(?:ts|mjs|c|h|ld))`/g;
const KIB = 1024;
/** A stated limit must not exceed the true value by more than this. */
const SLACK = 4 * KIB;
const WORDS =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split(
    " ",
  );

test("README states the module's bytes, memory and imports", () => {
  const size = readFileSync(FIRMWARE_FILE).length;
  const limit = stated(README, /one module of under (\S+) KiB/) * KIB;
  assert.ok(size < limit && size >= limit - SLACK, `${size} bytes`);
  assert.is(stated(README, /under (\S+) KiB of memory/) * KIB, MEMORY_SIZE);
  assert.is(stated(README, /(\S+)\simports:/), WebAssembly.Module.imports(MODULE).length);
});

boardTest(test, ["development"], "README: flash and RAM of the image", () => {
  developmentImage();
  const { flash, ram } = sizesOf(pathOf("development"));
  assert.is(Math.ceil(flash / KIB), stated(README, /in (\S+) KB of\sflash/), `${flash} bytes of flash`);
  assert.is(Math.ceil(ram / KIB), stated(README, /flash and (\S+) KB of RAM/), `${ram} bytes of RAM`);
});

for (const port of ["microbit", "netduino2", "sifive_e"] as const) {
  boardTest(test, [imageFor(port)], `PORTING.md states flash and RAM of the image for ${port}`, () => {
    const { flash, ram } = sizesOf(buildImages(imageFor(port)));
    const row = PORTING.split("\n").find((line) => line.startsWith(`| \`${port}\` |`));
    assert.match(row ?? "", `| ${Math.ceil(flash / KIB)} KB, ${Math.ceil(ram / KIB)} KB |`);
  });
}

test("each file that an example of README reads is in the checkout, or was made by the example before", () => {
  const blocks = [...README.matchAll(/```sh\n(.*?)```/gs)].map(([, block = ""]) => block);
  const missing = blocks.flatMap((block) =>
    [...block.matchAll(/dsc-sim (?:run|inspect) (\S+)/g)].flatMap(({ 1: file = "", index }) => {
      const isMade = new RegExp(`--(?:record|flash) ${file}(?!\\S)`).test(block.slice(0, index));
      return isMade || existsSync(join(ROOT, file)) ? [] : [file];
    }),
  );
  assert.ok(blocks.some((block) => block.includes("dsc-sim inspect ")));
  assert.equal(missing, []);
});

test("README and PORTING.md state the number of a port's functions, and PORTING.md names each", () => {
  const header = readFileSync(join(ROOT, "board", "port.h"), "utf8").replace(/\/\*.*?\*\//gs, "");
  const functions = [...header.matchAll(/\b(port_\w+)\(/g)].map((match) => match[1] as string);
  assert.is(stated(README, /a port is (\S+) functions/), functions.length);
  assert.is(stated(PORTING, /port adds is (\S+) functions/), functions.length);
  for (const name of functions) {
    const short = name.replace(/^port_flash/, "");
    assert.ok(PORTING.includes(`\`${name}\``) || PORTING.includes(`\`${short}\``), name);
  }
});

test("PORTING.md states the inputs, and the flash operations of a blank card's first hello", () => {
  assert.is(stated(PORTING, /(\S+) inputs/), KEYS.length);
  const card = new Card(MODULE);
  exchange(card, { cla: 0x80, ins: 0xca, p1: 0xdf, p2: 0x20, le: 256 });
  assert.is(stated(PORTING, /\((\S+) in a blank card's first hello\)/), card.flash.operations);
});

test("the tables in ABI.md name every import and export and nothing else, and ABI.md states the bytes of memory", () => {
  const imports = WebAssembly.Module.imports(MODULE).map(({ name }) => name);
  const exports = WebAssembly.Module.exports(MODULE).map(({ name }) => name);
  assert.equal(rowsOf("Imports"), imports.sort());
  assert.equal(rowsOf("Exports"), exports.sort());
  assert.is(stated(ABI, /first (\S+) bytes/), MEMORY_SIZE);
  assert.is(stated(ABI, /against the (\S+) before/), MEMORY_SIZE);
});

test("PROVISIONING.md has every kind of error with its exit code, and nothing else", () => {
  const table = PROVISIONING.split("| `kind` | code |")[1]?.split("\n\n")[0] ?? "";
  const rows = [...table.matchAll(/^\| `(\S+)` \| (\d+) \| \S/gm)].map(([, kind, code]) => [kind, Number(code)]);
  assert.equal(
    rows.sort(),
    Object.entries(KINDS)
      .map(([kind, { code }]) => [kind, code])
      .sort(),
  );
});

test("no document uses a word that the glossary replaces", () => {
  const words = replacedWords();
  assert.ok(words.length > 0);
  for (const path of englishDocuments().filter((one) => one !== "docs/GLOSSARY.md"))
    assert.equal(usesOf(words, documentAt(path)), [], path);
});

test("a replaced word is found in prose, in any case and number, and not in code or an address", () => {
  const text = "A Hole,\nno holes. `hole`\n```\nhole\n```\n[a link](hole.md) whole hole-free";
  assert.equal(usesOf(["hole"], text), ["Hole", "holes", "hole"]);
});

test("every source file named in a document exists", () => {
  const files = projectFiles().map((name) => `/${name}`);
  let named = 0;
  for (const path of englishDocuments()) {
    const names = [...documentAt(path).matchAll(SOURCE_FILE)].map(([, name]) => name as string);
    const missing = names.filter((name) => !files.some((file) => file.endsWith(`/${name}`)));
    assert.equal(missing, [], path);
    named += names.length;
  }
  assert.ok(named > 50, `only ${named}`);
});

test("a number is read as a word or in digits, and a missing sentence is noticed", () => {
  assert.is(stated("a port is fifteen functions", /is (\S+) functions/), 15);
  assert.is(stated("**first 4,096 bytes**", /first (\S+) bytes/), 4096);
  assert.throws(() => stated("a port", /is (\S+) functions/));
});

/** The names in the table under a heading of ABI.md. */
function rowsOf(heading: string): string[] {
  const section = ABI.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  return [...section.matchAll(/^\| `(\w+)/gm)].map((match) => match[1] as string).sort();
}

/** The words set as code in the third column of the glossary. */
function replacedWords(): string[] {
  const rows = documentAt("docs/GLOSSARY.md").matchAll(/^\|[^|]+\|[^|]+\|([^|]*)\|$/gm);
  return [...rows].flatMap(([, not = ""]) => [...not.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string));
}

/** Every use of one of these words, or its plural, in the prose of a text, as written there. */
function usesOf(words: readonly string[], text: string): string[] {
  const prose = text
    .replace(/^```.*?^```/gms, "")
    .replace(/`[^`]*`/g, "")
    .replace(/\]\([^)]*\)/g, "]");
  return [...prose.matchAll(new RegExp(`\\b(?:${words.join("|")})s?\\b`, "gi"))].map(([word]) => word);
}

/** The number that a document states in a sentence. */
function stated(text: string, sentence: RegExp): number {
  const said = sentence.exec(text)?.[1];
  if (said === undefined) throw new Error(`nothing is like ${sentence}`);
  const word = WORDS.indexOf(said.toLowerCase());
  return word >= 0 ? word : Number(said.replaceAll(",", ""));
}

test.run();
