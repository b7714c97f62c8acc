// The scenarios can fail: a firmware with a mistake in it fails an `expect` of one of them.
//
// The mistakes are those of support/mutants.ts, compiled in memory. A dozen each time; all with MUTANTS=all.

import * as assert from "uvu/assert";
import { loadFirmware } from "../../sim/session/firmware.js";
import { firstFailure, type Script } from "../../sim/session/run.js";
import { MUTANTS } from "../support/mutants.js";
import { compile, type Mutation, occurrences } from "../support/mutation.js";
import { freshSession, scenarios } from "../support/scenarios.js";
import { suite } from "../support/suite.js";
import { tried } from "../support/telling.js";
import { UNSEEN_MUTANTS } from "../support/unseenmutants.js";

const TELLING = 12;
const SCENARIOS = scenarios();

const mutants = suite("mutants");
const chosen = tried(MUTANTS);

mutants("each changes one place of the firmware as it is", () => {
  for (const mutant of [...MUTANTS, ...UNSEEN_MUTANTS]) {
    for (const change of [mutant, ...(mutant.also ?? [])])
      assert.is(occurrences(change), 1, `${change.file}: ${mutant.breaks}: occurs once: ${change.from}`);
  }
});

mutants(`${TELLING} or more are tried`, () => {
  assert.ok(chosen.length >= TELLING);
});

mutants("the firmware as it is passes every scenario, released and compiled as a mutant is", async () => {
  for (const module of [loadFirmware(), await compile()]) {
    for (const script of SCENARIOS) assert.is(failureOf(script, module)?.text, undefined);
  }
});

/** Not found by what a scenario expects, but by how it ends. */
const BROKEN: Mutation = {
  breaks: "a key does not trap",
  file: "card.ts",
  from: "  if (key >= keys.KEYS) return;\n",
  to: "  if (key < keys.KEYS) unreachable();\n",
};

mutants("a trap, or a line that cannot be carried out, does not count as noticed", async () => {
  const module = await compile(BROKEN);
  assert.ok(SCENARIOS.some((script) => failureOf(script, module)));
  assert.is(noticed(module), undefined);
});

for (const mutant of chosen) {
  mutants(`noticed: ${mutant.breaks}`, async () => {
    const line = noticed(await compile(mutant), mutant.misuse);
    assert.ok(line, `${mutant.file}: no expect of any scenario fails though it breaks: ${mutant.breaks}`);
  });
}

/** The first `expect` of a scenario that fails on the module, or the misuse of flash that is looked for, or undefined. */
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
