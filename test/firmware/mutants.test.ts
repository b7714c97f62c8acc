// The scenarios can fail: each mutant of the firmware (mutants/scenarios.ts) fails an `expect` of one of them. Each run
// compiles a dozen mutants, or all of them with MUTANTS=all.

import * as assert from "uvu/assert";
import { loadFirmware } from "../../sim/session/firmware.js";
import { firstFailure, type Script } from "../../sim/session/playing.js";
import { compile } from "../mutants/apply.js";
import { SCENARIO_MUTANTS } from "../mutants/scenarios.js";
import { TRAPS_AT_A_KEY } from "../mutants/single.js";
import { freshSession, scenarios } from "../support/scenarios.js";
import { suite } from "../support/suite.js";
import { tried } from "../support/triedmutants.js";

const TELLING = 12;
const SCENARIOS = scenarios();

const mutants = suite("mutants");
const chosen = tried(SCENARIO_MUTANTS);

mutants(`at least ${TELLING} mutants are tried`, () => {
  assert.ok(chosen.length >= TELLING);
});

mutants("the firmware passes every scenario, both released and compiled as a mutant is", async () => {
  for (const module of [loadFirmware(), await compile()]) {
    for (const script of SCENARIOS) assert.is(failureOf(script, module)?.text, undefined);
  }
});

mutants("a trap or a command that cannot be executed does not count as noticed", async () => {
  const module = await compile(TRAPS_AT_A_KEY);
  assert.ok(SCENARIOS.some((script) => failureOf(script, module)));
  assert.is(noticed(module), undefined);
});

for (const mutant of chosen) {
  mutants(`noticed if it does not hold: ${mutant.breaks}`, async () => {
    const line = noticed(await compile(mutant), mutant.misuse);
    assert.ok(line, `${mutant.file}: no expect of any scenario fails though it breaks: ${mutant.breaks}`);
  });
}

/** The first `expect` of a scenario that fails on the module, or the expected misuse of flash, or undefined. */
function noticed(module: WebAssembly.Module, misuse?: string): string | undefined {
  for (const script of SCENARIOS) {
    const failure = failureOf(script, module);
    if (failure?.isExpect || (misuse && failure?.text.endsWith(misuse))) return failure?.text;
  }
  return undefined;
}

/** Where a scenario stops, and whether that is an `expect` that was not met. */
interface Stop {
  readonly text: string;
  readonly isExpect: boolean;
}

function failureOf(script: Script, module: WebAssembly.Module): Stop | undefined {
  try {
    const failure = firstFailure(script, freshSession(module));
    if (!failure) return undefined;
    const line = (script.lines[failure.line - 1] as string).trim();
    const isExpect = /^expect\b/.test(line) && failure.error.startsWith("expect: ");
    return { text: `${script.name}:${failure.line}: ${line}: ${failure.error}`, isExpect };
  } catch (error) {
    // The card could not even be personalized.
    return { text: `${script.name}: ${String(error)}`, isExpect: false };
  }
}

mutants.run();
