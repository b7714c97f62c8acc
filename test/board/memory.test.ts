// The board's bounds checks and traps against hostile modules: natively, under sanitizers, and on the Cortex-M0, where
// an unaligned access faults. Each call does what WebAssembly specifies, or traps. None faults, and none reaches memory
// outside.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { compile, generate, type Image, MICROBIT, MICROBIT_LINK, NATIVE } from "../../board/builder/images.js";
import { Machine } from "../../board/emulator/machine.js";
import { ROOT } from "../../host-tools/files/project.js";
import { boardTest } from "../support/board.js";
import { DEADLINE } from "../support/deadline.js";
import { type Case, hostileModule, type Outcome } from "../support/hostilemodule.js";
import { suite } from "../support/suite.js";
import { type Telling, tried } from "../support/triedmutants.js";

const memory = suite("memory");

const HARNESS = join(ROOT, "test", "board", "hostile");
const FOLDER = join(ROOT, "build", "board", "hostile");
const END_MARK = "\nend\n";
const FAULT = 0x3f;
const REASONS = 0x3f;
const CHANGED = 0x40;
const HARMED = 0x80;
/** The size of the canaries before the memory (test/board/hostile/chip.c). */
const CANARY_BYTES = 64;

const HOSTILE = hostileModule();

const ON_CHIP: Image = {
  name: "hostile module on the chip",
  sources: ["main.c", "chip.c"].map((file) => join("test", "board", "hostile", file)),
  compiler: "arm-none-eabi-gcc",
  flags: MICROBIT,
  link: [...MICROBIT_LINK, `-Wl,--defsym=wasm_rt_memory=hostile_guarded+${CANARY_BYTES}`],
  output: "hostile/chip.elf",
};
const NATIVELY: Image = {
  name: "hostile module under sanitizers",
  sources: ["main.c", "native.c"].map((file) => join("test", "board", "hostile", file)),
  compiler: "cc",
  flags: NATIVE,
  link: [],
  output: "hostile/native",
};

/** Checks that are wrong, by their names in test/board/hostile/wrong/wasm-rt.h. */
type Wrong = "WRAPS" | "FIRST_BYTE" | "ALIGNED" | "UNCHECKED";

/** The same image with a wrong check. */
function spoilt(image: Image, wrong: Wrong): Image {
  return {
    ...image,
    // Less optimization compiles faster, and a wrong check stays wrong. Only full optimization keeps an unaligned
    // access as one instruction, which faults.
    flags: [
      ...[`-I${join(HARNESS, "wrong")}`, `-DWRONG=WRONG_${wrong}`, ...image.flags],
      ...(wrong === "ALIGNED" ? [] : ["-Og"]),
    ],
    output: image.output.replace(/(?=\.elf$|$)/, `-${wrong.toLowerCase()}`),
  };
}

/** Builds the image again if the module has changed. */
function built(image: Image): string {
  const module = join(FOLDER, "module.wasm");
  const source = join(FOLDER, "c", "module.wat");
  const output = join(FOLDER, "c", "module.c");
  mkdirSync(join(FOLDER, "c"), { recursive: true });
  for (const [file, text] of Object.entries(HOSTILE.tables)) write(join(FOLDER, "c", file), text);
  if (write(source, HOSTILE.text) || !existsSync(module)) {
    const { status, stderr } = spawnSync("wat2wasm", [source, "-o", module], { encoding: "utf8" });
    assert.is(status, 0, stderr);
  }
  generate(module, output);
  return compile(image, output);
}

/** Writes a file if its contents differ. Returns whether they were the same. */
function write(file: string, text: string): boolean {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return false;
  writeFileSync(file, text);
  return true;
}

// ---- running ----

function runNatively(program: string): Buffer {
  const { stdout, stderr, status } = spawnSync(program, { maxBuffer: 64 << 20 });
  if (status === 0) return stdout;
  const said = /(ERROR: AddressSanitizer|runtime error): [^\n]*/.exec(stderr.toString("latin1"));
  console.log(`     ${said?.[0] ?? "ended"}`);
  return Buffer.concat([stdout, Buffer.from([FAULT]), Buffer.from(END_MARK)]);
}

async function runOnChip(image: string): Promise<Buffer> {
  const machine = await Machine.start({ image });
  try {
    return await untilEnd(machine);
  } finally {
    await machine.stop();
  }
}

function untilEnd(machine: Machine): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the chip says no more")), DEADLINE);
    machine.serial?.on("data", (bytes: Buffer) => {
      chunks.push(bytes);
      const tail = Buffer.concat(chunks.slice(-END_MARK.length)).subarray(-END_MARK.length);
      if (tail.toString("latin1") !== END_MARK) return;
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    });
  });
}

// ---- comparing ----

/** The harness's report of the case at `at`, and the position after it (test/board/hostile/main.c). */
function read(bytes: Buffer, at: number, hasResult: boolean): [outcome: Outcome, next: number] {
  const flags = bytes.readUInt8(at++);
  const trap = flags & REASONS;
  if (trap === FAULT) return [{ trap }, at];
  let outcome: Outcome = { trap };
  if (trap === 0 && hasResult) {
    outcome = { ...outcome, result: bytes.readBigUInt64LE(at) };
    at += 8;
  }
  if (flags & CHANGED) {
    const [first, length, hash] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2), bytes.readUInt32LE(at + 4)];
    outcome = { ...outcome, change: { first, length, hash } };
    at += 8;
  }
  return [flags & HARMED ? { ...outcome, harmed: true } : outcome, at];
}

/** Describes the first case with a wrong outcome. */
function firstWrong(bytes: Buffer, cases: readonly Case[]): string | undefined {
  let at = 0;
  for (const { name, hasResult, expected } of cases) {
    const [outcome, next] = read(bytes, at, hasResult);
    if (describe(outcome) !== describe(expected)) return `${name}: ${describe(outcome)}, not ${describe(expected)}`;
    at = next;
  }
  return bytes.toString("latin1", at) === END_MARK ? undefined : "more than was asked for";
}

function describe({ trap, result, change, harmed }: Outcome): string {
  return [
    trap === FAULT ? "fault" : trap ? `trap ${trap}` : "returned",
    result === undefined ? "" : ` 0x${result.toString(16)}`,
    change
      ? `, bytes ${change.first} to ${change.first + change.length - 1} changed (${change.hash.toString(16)})`
      : "",
    harmed ? ", around the memory too" : "",
  ].join("");
}

// ---- tests ----

/** The images whose tools are needed. */
const IMAGES_NEEDED = ["meter", "posix"] as const;

boardTest(memory, IMAGES_NEEDED, "natively, every access is right or traps", () => {
  assert.is(firstWrong(runNatively(built(NATIVELY)), HOSTILE.cases), undefined);
});

boardTest(memory, IMAGES_NEEDED, "on the Cortex-M0 every access is right or traps, and none faults", async () => {
  assert.is(firstWrong(await runOnChip(built(ON_CHIP)), HOSTILE.cases), undefined);
});

memory("the cases include every border", () => {
  const { cases } = HOSTILE;
  const count = (trap: number) => cases.filter(({ expected }) => expected.trap === trap).length;
  assert.ok(cases.length > 25_000, `${cases.length} cases`);
  assert.ok(count(0) > 2_000, `${count(0)} return`);
  assert.ok(count(1) > 15_000, `${count(1)} are out of bounds`);
  assert.is(count(2), 2, "overflow, in 32 and in 64 bits");
  assert.is(count(3), 8 * 5, "division by zero");
  assert.is(count(5), 1, "unreachable");
});

interface Find extends Telling {
  readonly wrong: Wrong;
  readonly found: RegExp;
}

const NATIVE_FINDS: Find[] = [
  { wrong: "WRAPS", found: /^i32\.store8 offset=1 at 4294967295: fault, not trap 1$/, telling: true },
  { wrong: "FIRST_BYTE", found: /: fault, not trap 1$/ },
  { wrong: "UNCHECKED", found: /: fault, not trap 1$/ },
];
for (const { wrong, found } of tried(NATIVE_FINDS)) {
  boardTest(memory, IMAGES_NEEDED, `natively, a wrong bounds check is found: ${wrong}`, () => {
    assert.match(firstWrong(runNatively(built(spoilt(NATIVELY, wrong))), HOSTILE.cases) ?? "", found);
  });
}

const CHIP_FINDS: Find[] = [
  {
    wrong: "WRAPS",
    found: /^i32\.store8 offset=1 at 4294967295: returned, bytes 0 to 0 changed \(.*\), not trap 1$/,
    telling: true,
  },
  { wrong: "FIRST_BYTE", found: /^i32\.store16 offset=0 at 4095: returned, .* around the memory too, not trap 1$/ },
  { wrong: "ALIGNED", found: /^i32\.store16 offset=0 at 1: fault, not returned/, telling: true },
];
for (const { wrong, found } of tried(CHIP_FINDS)) {
  boardTest(memory, IMAGES_NEEDED, `on the Cortex-M0 a wrong bounds check is found: ${wrong}`, async () => {
    assert.match(firstWrong(await runOnChip(built(spoilt(ON_CHIP, wrong))), HOSTILE.cases) ?? "", found);
  });
}

memory.run();
