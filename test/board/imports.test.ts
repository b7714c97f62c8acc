// The imports of board/card.c against a hostile module: the bounds of all pointers, lengths, addresses and pages. A
// bound that is missing or ignores the length is noticed.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { buildImages, NATIVE, STRICT } from "../../board/builder/images.js";
import { ROOT } from "../../host-tools/files/project.js";
import { boardTest } from "../support/board.js";
import { MODULE } from "../support/cards.js";
import { scratchFolder } from "../support/scratch.js";
import { suite } from "../support/suite.js";

const test = suite("board: imports");

const BOARD = join(ROOT, "board");
const HARNESS = join(ROOT, "test", "board", "imports.c");
const CARD = readFileSync(join(BOARD, "card.c"), "utf8");
const FOLDER = scratchFolder();
/** Imports without arguments are called once. */
const FEWEST = { battery: 1, panel: 1, flash_read: 40_000, flash_program: 1000, random: 1000, serial_send: 1000 };
const FEW = 30;

const INCLUDE = [BOARD, join(BOARD, "runtime"), join(ROOT, "build", "board", "c")].map((path) => `-I${path}`);
/** A mutant may leave a parameter unused, which is only a warning here. */
const FLAGS = [...STRICT, "-Wno-error", ...NATIVE, "-DDEVELOPMENT=0", ...INCLUDE];

let builds = 0;
let harness: string | undefined;

function compile(...args: string[]): void {
  const { status, stderr } = spawnSync("cc", [...FLAGS, ...args], { encoding: "utf8" });
  assert.is(status, 0, stderr);
}

function compiledHarness(): string {
  buildImages("posix");
  const object = join(FOLDER, "imports.o");
  compile("-c", HARNESS, "-o", object);
  return object;
}

/** Runs the harness with this text of board/card.c. */
function run(card: string): { status: number | null; lines: string[]; stderr: string } {
  harness ??= compiledHarness();
  const source = join(FOLDER, `card${++builds}.c`);
  const program = join(FOLDER, `imports${builds}`);
  writeFileSync(source, card);
  compile(source, harness, "-o", program);
  const { status, stdout, stderr } = spawnSync(program, { encoding: "utf8" });
  return { status, lines: stdout.trimEnd().split("\n"), stderr };
}

boardTest(test, ["posix"], "every import accepts arguments in bounds unchanged, and traps on all others", () => {
  const { status, lines, stderr } = run(CARD);
  assert.is(status, 0, stderr);
  const calls = lines.map((line) => line.split(" "));
  const imports = WebAssembly.Module.imports(MODULE).map(({ name }) => name);
  assert.equal(
    calls.map(([name]) => name),
    imports.sort(),
    lines.join("\n"),
  );
  for (const [name = "", count] of calls) {
    const fewest = FEWEST[name as keyof typeof FEWEST] ?? FEW;
    assert.ok(Number(count) >= fewest, `${name}: ${count} calls`);
  }
});

const POINTER = "length > WASM_RT_MEMORY_SIZE || pointer > WASM_RT_MEMORY_SIZE - length";
const READ = "length > PORT_FLASH_SIZE || address > PORT_FLASH_SIZE - length";
const PROGRAM = "address >= PORT_FLASH_SIZE || address % 4 != 0";
const ERASE = "page >= PORT_FLASH_PAGES";

/** Wrong bounds: the right bound, its wrong replacement, and the import by which it is noticed. */
const WRONG: readonly [right: string, wrong: string, noticed: RegExp][] = [
  [POINTER, "0", /^wrong: display/m],
  [POINTER, "pointer > WASM_RT_MEMORY_SIZE", /^wrong: display/m],
  [POINTER, "pointer + length > WASM_RT_MEMORY_SIZE", /^wrong: display/m],
  [POINTER, POINTER.replace("- length", "- length - 1"), /^wrong: display/m],
  [POINTER, POINTER.replace("pointer >", "pointer >="), /^wrong: display/m],
  [READ, "0", /^wrong: flash_read/m],
  [READ, "address > PORT_FLASH_SIZE", /^wrong: flash_read/m],
  [READ, "address + length > PORT_FLASH_SIZE", /^wrong: flash_read/m],
  [READ, READ.replace("address >", "address >="), /^wrong: flash_read/m],
  [PROGRAM, "address >= PORT_FLASH_SIZE", /^wrong: flash_program/m],
  [PROGRAM, "address % 4 != 0", /^wrong: flash_program/m],
  [PROGRAM, PROGRAM.replace(">=", ">"), /^wrong: flash_program/m],
  [ERASE, "0", /^wrong: flash_erase/m],
  [ERASE, "page > PORT_FLASH_PAGES", /^wrong: flash_erase/m],
  ["checked(text, PORT_SCREEN_WIDTH)", "wasm_rt_memory + text", /^wrong: display/m],
  ["to = checked(into, length);\n  if", "to = wasm_rt_memory + into;\n  if", /^wrong: flash_read/m],
  ["to = checked(into, length);\n  return", "to = wasm_rt_memory + into;\n  return", /^wrong: random/m],
  ["checked(bytes, length)", "wasm_rt_memory + bytes", /^wrong: serial_send/m],
];

boardTest(test, ["posix"], "each wrong bound is noticed", () => {
  const unnoticed = WRONG.filter(([right, wrong, noticed]) => {
    assert.is(CARD.split(right).length, 2, `once in card.c: ${right}`);
    const { lines, stderr } = run(CARD.replace(right, wrong));
    return !noticed.test(lines.join("\n")) && !/AddressSanitizer|runtime error/.test(stderr);
  });
  assert.equal(
    unnoticed.map(([right, wrong]) => `${wrong} in place of ${right}`),
    [],
  );
});

test.run();
