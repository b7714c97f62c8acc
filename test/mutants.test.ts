// The scenarios can fail: a firmware with a mistake in it passes not all of them.
//
// The mistakes are those of support/mutants.ts, compiled in memory. A dozen each time; all with MUTANTS=all.

import * as assert from "uvu/assert";
import { loadFirmware } from "../sim/firmware.js";
import { firstFailure, type Script } from "../sim/run.js";
import { MUTANTS, type Mutant } from "./support/mutants.js";
import { compile, occurrences } from "./support/mutation.js";
import { freshSession, scenarios } from "./support/scenarios.js";
import { suite } from "./support/suite.js";

const TELLING = 12;
/** Those that pass: one that fails anyway notices nothing. */
const PASSING = scenarios().filter((script) => !fails(script, loadFirmware()));

const mutants = suite("mutants");
const chosen = process.env.MUTANTS === "all" ? MUTANTS : MUTANTS.filter((mutant) => mutant.telling);

mutants("each changes one place of the firmware as it is", () => {
  for (const mutant of MUTANTS) {
    assert.is(occurrences(mutant), 1, `${mutant.file}: ${mutant.breaks}: occurs once: ${mutant.from}`);
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

mutants.run();
