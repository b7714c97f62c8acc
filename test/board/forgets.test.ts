// After each call into the module, none of its data is left on the stack or in scratch registers. Nothing is left of a
// card that died either. Tried on the chip in QEMU and in a process, with a module that leaves a secret wherever it
// can.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { buildImages, MICROBIT, MICROBIT_LINK, STRICT } from "../../board/builder/images.js";
import { Machine } from "../../board/emulator/machine.js";
import { ROOT } from "../../host-tools/files/project.js";
import { boardTest } from "../support/board.js";
import { MODULE } from "../support/cards.js";
import { scratchFolder } from "../support/scratch.js";
import { suite } from "../support/suite.js";

const test = suite("board: forgetting");

const BOARD = join(ROOT, "board");
const HARNESS = join(ROOT, "test", "board", "forgets");
const FOLDER = scratchFolder();
const CARD = readFileSync(join(BOARD, "card.c"), "utf8");
const INCLUDE = [BOARD, join(BOARD, "runtime"), join(ROOT, "build", "board", "c"), HARNESS].map((path) => `-I${path}`);
const FLAGS = [...STRICT, "-DDEVELOPMENT=0", ...INCLUDE];
/** The least number of places with the secret if nothing is wiped. */
const UNWIPED = 250;

let builds = 0;

/** The number of places with the secret after each call and after a card died, by the harness's names. */
type Left = ReadonlyMap<string, number>;

function read(text: string): Left {
  const lines = [...text.matchAll(/^(.*) (\d{5})$/gm)];
  return new Map(lines.map(([, name = "", count]) => [name, Number(count)]));
}

function compile(compiler: string, args: readonly string[], output: string): void {
  buildImages("posix");
  const { status, stderr } = spawnSync(compiler, [...FLAGS, ...args, "-o", output], { encoding: "utf8" });
  assert.is(status, 0, stderr);
}

/** Runs the harness in a process with this text of board/card.c. No sanitizers, because they have their own stacks. */
function inProcess(card: string): Left {
  const source = join(FOLDER, `card${++builds}.c`);
  const program = join(FOLDER, `forgets${builds}`);
  writeFileSync(source, card);
  const port = ["line.c", "options.c", "flash.c"].map((name) => join(BOARD, "ports", "posix", name));
  const harness = ["main.c", "posix.c"].map((name) => join(HARNESS, name));
  // Bind all symbols at the start: lazy binding saves registers on the stack, deeper than any call.
  compile("cc", ["-O1", "-Wl,-z,now", source, ...port, ...harness], program);
  const { status, stdout, stderr } = spawnSync(program, { encoding: "utf8" });
  assert.is(status, 0, stderr);
  return read(stdout);
}

async function onChip(): Promise<Left> {
  const folder = join(ROOT, "build", "board", "test");
  mkdirSync(folder, { recursive: true });
  const image = join(folder, "forgets.elf");
  const board = ["card.c", join("cortexm", "start.c"), join("ports", "microbit", "uart.c")].map((name) =>
    join(BOARD, name),
  );
  const harness = ["main.c", "chip.c"].map((name) => join(HARNESS, name));
  compile("arm-none-eabi-gcc", [...MICROBIT, ...MICROBIT_LINK, ...board, ...harness], image);
  const machine = await Machine.start({ image });
  try {
    return read(await saidBy(machine));
  } finally {
    await machine.stop();
  }
}

function saidBy({ serial, ended }: Machine): Promise<string> {
  let said = "";
  return new Promise((resolve, reject) => {
    serial?.on("data", (bytes: Buffer) => {
      said += bytes.toString("latin1");
      if (/^end /m.test(said)) resolve(said);
    });
    ended.then(() => reject(new Error(`QEMU ended: ${said}`)), reject);
  });
}

function assertNothingLeft(left: Left): void {
  const unwiped = left.get("nothing wiped") ?? 0;
  assert.ok(unwiped >= UNWIPED, `${unwiped} places are seen where nobody wipes`);
  const exports = WebAssembly.Module.exports(MODULE).filter(({ kind }) => kind === "function");
  const dead = ["memory", "instance", "view"].map((part) => `dead: ${part}`);
  const expected = [...exports.map(({ name }) => name), "die", "booted: found", ...dead];
  assert.equal([...left.keys()].slice(1, -1).sort(), expected.sort(), "each export is called");
  for (const name of expected) assert.is(left.get(name), 0, `${name} leaves something`);
}

boardTest(test, ["posix"], "in a process, nothing is left after any call", () => {
  assertNothingLeft(inProcess(CARD));
});

boardTest(
  test,
  ["posix", "development"],
  "on the Cortex-M0, nothing is left after any call, not even in registers",
  async () => {
    assertNothingLeft(await onChip());
  },
);

/** A statement that is left out, and the call after which that is noticed. */
const OMISSIONS: readonly [statement: RegExp, noticed: string][] = [
  ...["boot", "die", "key", "tick", "serial", "state", "tries"].map(
    (name) => [new RegExp(`(\\w+ card_${name}\\([^}]*)port_forget\\(\\);`), name] as [RegExp, string],
  ),
  [/(registered = true;\n) {2}card_die\(\);/, "booted: found"],
  [/()memset\(&instance, 0, sizeof instance\);/, "dead: instance"],
  [/()memset\(wasm_rt_memory, 0, sizeof wasm_rt_memory\);/, "dead: memory"],
  [/()card_view\.on = false;/, "dead: view"],
  [/()memset\(card_view\.text, ' ', sizeof card_view\.text\);/, "dead: view"],
];

boardTest(test, ["posix"], "each call that does not wipe is noticed, and so is each part of a card that died", () => {
  const unnoticed = OMISSIONS.filter(([statement, noticed]) => {
    assert.match(CARD, statement);
    return inProcess(CARD.replace(statement, "$1")).get(noticed) === 0;
  });
  assert.equal(
    unnoticed.map(([statement]) => String(statement)),
    [],
  );
});

test.run();
