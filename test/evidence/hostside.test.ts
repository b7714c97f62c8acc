// The host side's campaign in its short form, and mutants that it must notice (evidence/hostside.ts has the whole).

import * as assert from "uvu/assert";
import { atLeast } from "../support/atleast.js";
import { testUnless } from "../support/skipping.js";
import { suite } from "../support/suite.js";
import { tried } from "../support/triedmutants.js";
import { lateToPort, NEVER_MET, sameFile, samePort } from "./hostside/atonce.js";
import { CASES, runCanary } from "./hostside/canaries.js";
import { type Flow, flows } from "./hostside/flows.js";
import { courseOf, killsOf, runKills } from "./hostside/kills.js";
import { MUTANTS, withMutant } from "./hostside/mutants.js";
import { runPowerLoss } from "./hostside/powerloss.js";
import { SKIPPED } from "./hostside.js";

const test = suite("host side");

const all = SKIPPED ? [] : await flows();
const byName: Record<string, Flow> = Object.fromEntries(all.map((flow) => [flow.name, flow]));
const fresh = byName.fresh as Flow;
const append = byName.append as Flow;
const traced = byName.traced as Flow;

/** Of many moments, in the short form. */
const STEP = 15;
/** No run has so many operations. */
const AFTER_ALL = 10_000;

testUnless(test, SKIPPED, "killed, card and file have the same key, and the same command finishes", async () => {
  for (const [index, flow] of atLeast(1, all).entries()) {
    const kills = killsOf(await courseOf(flow), false).filter((_, at) => at % STEP === index);
    assert.ok(kills.length > 1);
    for (const kill of kills) {
      const { wrong, killed } = await runKills({ flow, kills: [kill] });
      assert.is(wrong, undefined, JSON.stringify(kill));
      assert.is(killed, 1, JSON.stringify(kill));
    }
  }
});

testUnless(test, SKIPPED, "killed in a line of its trace, too", async () => {
  const { operations } = await courseOf(traced);
  const at = operations.findLastIndex(({ kind }) => kind === "trace") + 1;
  assert.ok(at > 0, "no line of the trace is an operation");
  const { killed, wrong } = await runKills({ flow: traced, kills: [{ at, torn: true }] });
  assert.is(wrong, undefined);
  assert.is(killed, 1);
});

testUnless(test, SKIPPED, "who never meets the other is told from who gets along with it", async () => {
  assert.is(await samePort(fresh, AFTER_ALL), NEVER_MET);
  assert.is(await sameFile(append, AFTER_ALL), NEVER_MET);
});

testUnless(test, SKIPPED, "killed, and the next attempt killed, too", async () => {
  const kills = [
    { at: 27, torn: false },
    { at: 12, torn: true },
  ];
  const { killed, wrong } = await runKills({ flow: fresh, kills });
  assert.is(wrong, undefined);
  assert.is(killed, 2);
});

testUnless(test, SKIPPED, "whatever is on the disk after power was lost, the same command finishes", async () => {
  const { states, failures } = await runPowerLoss(append);
  assert.ok(states > 5);
  assert.equal(failures, []);
});

testUnless(test, SKIPPED, "of two on one port the second is refused; on one file both finish", async () => {
  assert.is(await samePort(fresh, 20), undefined);
  assert.is(await lateToPort(append), undefined);
  const { operations } = await courseOf(append);
  assert.is(await sameFile(append, operations.findIndex(({ kind }) => kind === "rename") + 1), undefined);
});

for (const id of ["personalize", "verify", "wipe"]) {
  testUnless(test, SKIPPED, `no secret in the image, the words and the files of ${id}`, async () => {
    const one = CASES.find((any) => any.id === id);
    assert.ok(one);
    assert.equal((await runCanary(one)).wrong, []);
  });
}

const LOOKS = 4;

for (const mutant of tried(MUTANTS)) {
  testUnless(test, SKIPPED, `noticed: ${mutant.breaks}`, async () => {
    assert.type(await noticed(mutant), "string", "nothing was noticed");
  });
}

/** What a secret that is not wiped leaves, the memory's next owner may overwrite: so it is looked for a few times. */
async function noticed(mutant: (typeof MUTANTS)[number]): Promise<string | undefined> {
  let said: string | undefined;
  for (let left = LOOKS; left > 0 && said === undefined; left--) {
    said = await withMutant(mutant, (launcher) => mutant.notice(launcher, byName));
  }
  return said;
}

test.run();
