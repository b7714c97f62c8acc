// The scenarios can fail: a firmware with a mistake in it passes not all of them.
//
// The mistakes are those of support/mutants.ts, compiled in memory. A dozen each time; all with MUTANTS=all.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadFirmware } from "../sim/firmware.js";
import { firstFailure, type Script } from "../sim/run.js";
import { MUTANTS, type Mutant } from "./support/mutants.js";
import { ROOT } from "./support/root.js";
import { freshSession, scenarios } from "./support/scenarios.js";

const TELLING = 12;
/** Those that pass: one that fails anyway notices nothing. */
const PASSING = scenarios().filter((script) => !fails(script, loadFirmware()));
const SOURCES = new Map<string, string>();

const mutants = suite("mutants");
const chosen = process.env.MUTANTS === "all" ? MUTANTS : MUTANTS.filter((mutant) => mutant.telling);

mutants("each changes one place of the firmware as it is", () => {
  for (const { file, from, breaks } of MUTANTS) {
    assert.is(source(`firmware/${file}`)?.split(from).length, 2, `${file}: ${breaks}: occurs once: ${from}`);
  }
});

mutants(`${TELLING} or more are tried`, () => {
  assert.ok(chosen.length >= TELLING);
});

mutants("the firmware as it is passes", async () => {
  assert.is(await noticed(), undefined);
});

for (const mutant of chosen) {
  mutants(`noticed: ${mutant.breaks}`, async () => {
    assert.ok(await noticed(mutant), `${mutant.file}: every scenario passes though it breaks: ${mutant.breaks}`);
  });
}

/** The first scenario that fails with the mutant, though it passes without, or undefined. */
async function noticed(mutant?: Mutant): Promise<string | undefined> {
  const module = await compile(mutant);
  return PASSING.find((script) => fails(script, module))?.name;
}

/** A card that cannot even be made the demo card throws: that is noticed too. */
function fails(script: Script, module: WebAssembly.Module): boolean {
  try {
    return firstFailure(script, freshSession(module)) !== undefined;
  } catch {
    return true;
  }
}

/** Compiles the firmware as the released one, but for the mutant and for speed. */
async function compile(mutant?: Mutant): Promise<WebAssembly.Module> {
  let binary: Uint8Array<ArrayBuffer> | undefined;
  const options = ["--config", "asconfig.json", "--target", "release", "--outFile", "out.wasm"];
  const { error, stderr } = await asc.main(["firmware/index.ts", ...options], {
    readFile: (name) => mutated(name, mutant),
    writeFile: (name, contents) => {
      if (name === "out.wasm") binary = Uint8Array.from(contents as Uint8Array);
    },
    listFiles: () => [],
  });
  assert.ok(!error && binary, `${mutant?.file} does not compile: ${stderr}`);
  return new WebAssembly.Module(binary as Uint8Array<ArrayBuffer>);
}

function mutated(name: string, mutant?: Mutant): string | null {
  const text = source(name);
  return mutant && text !== null && name === `firmware/${mutant.file}`
    ? text.replace(mutant.from, () => mutant.to)
    : text;
}

/** A file of the project, read once, or null. */
function source(name: string): string | null {
  const known = SOURCES.get(name);
  if (known !== undefined) return known;
  try {
    const text = readFileSync(join(ROOT, name), "utf8");
    SOURCES.set(name, text);
    return text;
  } catch {
    return null;
  }
}

mutants.run();
