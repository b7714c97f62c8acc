// The host side's campaign in its short form, and mutants that it must notice (evidence/hostside.ts has the whole).

import * as assert from "uvu/assert";
import { atLeast } from "../support/atleast.js";
import { packageTest, testUnless } from "../support/skipping.js";
import { skip, suite } from "../support/suite.js";
import { tried } from "../support/triedmutants.js";
import { crowd, lateToPort, NEVER_MET, samePort, sameRegister, sameSerial } from "./hostside/atonce.js";
import { CASES, missingFor, runCanary } from "./hostside/canaries.js";
import { type Flow, flows } from "./hostside/flows.js";
import { courseOf, killsOf, runKills } from "./hostside/kills.js";
import { makingFlows } from "./hostside/making.js";
import { MUTANTS, withMutant } from "./hostside/mutants.js";
import { runPowerLoss } from "./hostside/powerloss.js";
import { SKIPPED } from "./hostside.js";

const test = suite("host side");

const making = SKIPPED ? [] : await makingFlows();
const all = SKIPPED ? [] : [...making, ...(await flows())];
const byName: Record<string, Flow> = Object.fromEntries(all.map((flow) => [flow.name, flow]));
const { fresh, rekey, traced, backup } = byName as Record<string, Flow>;

/** The short form takes one in this many moments. */
const STEP = 4;
/** No run has so many operations. */
const AFTER_ALL = 10_000;

testUnless(test, SKIPPED, "after a kill each file is complete or missing, and the same command finishes", async () => {
  for (const [index, flow] of atLeast(1, making).entries()) {
    const kills = killsOf(await courseOf(flow), false).filter((_, at) => at % STEP === index % STEP);
    assert.ok(kills.length > 0, flow.name);
    for (const kill of kills) {
      const { wrong, killed } = await runKills({ flow, kills: [kill] });
      assert.is(wrong, undefined, `${flow.name} ${JSON.stringify(kill)}`);
      assert.is(killed, 1, `${flow.name} ${JSON.stringify(kill)}`);
    }
  }
});

testUnless(test, SKIPPED, "after a kill at a line of the trace, card and register have the same key", async () => {
  const course = await courseOf(traced as Flow);
  const kills = killsOf(course, false);
  assert.ok(kills.length > STEP, "no line of the trace is an operation");
  for (const kill of kills.filter((_, at) => at % STEP === 1)) {
    const { killed, wrong } = await runKills({ flow: traced as Flow, kills: [kill] });
    assert.is(wrong, undefined, JSON.stringify(kill));
    assert.is(killed, 1, JSON.stringify(kill));
  }
});

testUnless(test, SKIPPED, "processes that never meet are distinguished from processes that share", async () => {
  assert.is(await samePort(fresh as Flow, AFTER_ALL), NEVER_MET);
  assert.is(await sameRegister(fresh as Flow, AFTER_ALL), NEVER_MET);
});

testUnless(test, SKIPPED, "after a kill and a kill of the next run, the command finishes", async () => {
  const { operations } = await courseOf(backup as Flow);
  const link = operations.findIndex(({ kind }) => kind === "link") + 1;
  const kills = [
    { at: link, torn: false },
    { at: 2, torn: true },
  ];
  const { killed, wrong } = await runKills({ flow: backup as Flow, kills });
  assert.is(wrong, undefined);
  assert.is(killed, 2);
});

testUnless(test, SKIPPED, "whatever a loss of power leaves on the disk, the same command finishes", async () => {
  const { states, failures } = await runPowerLoss(backup as Flow);
  // Without the file, and with it.
  assert.ok(states >= 2);
  assert.equal(failures, []);
});

testUnless(
  test,
  SKIPPED,
  "of two processes on one port the second is refused; on one register both finish",
  async () => {
    const { operations } = await courseOf(fresh as Flow);
    const middle = operations.length >> 1;
    assert.is(await samePort(fresh as Flow, middle), undefined);
    assert.is(await lateToPort(rekey as Flow), undefined);
    assert.is(await sameRegister(fresh as Flow, middle), undefined);
    assert.is(await sameSerial(fresh as Flow, middle), undefined);
    assert.is(await crowd(fresh as Flow, 3), undefined);
  },
);

for (const id of ["personalize", "verify", "wipe", "register-backup", "personalize-server"]) {
  const one = CASES.find((any) => any.id === id);
  packageTest(
    test,
    one && missingFor(one),
    `no secret is in the process image, the output and the files of ${id}`,
    async () => {
      if (SKIPPED) return skip(SKIPPED);
      assert.ok(one);
      assert.equal((await runCanary(one)).wrong, []);
    },
  );
}

const LOOKS = 4;

for (const mutant of tried(MUTANTS)) {
  packageTest(test, mutant.missing, `noticed if it does not hold: ${mutant.breaks}`, async () => {
    if (SKIPPED) return skip(SKIPPED);
    assert.type(await noticed(mutant), "string", "nothing was noticed");
  });
}

/** The remains of a secret that is not wiped may be overwritten when the memory is reused, so a mutant gets a few runs. */
async function noticed(mutant: (typeof MUTANTS)[number]): Promise<string | undefined> {
  let said: string | undefined;
  for (let left = LOOKS; left > 0 && said === undefined; left--) {
    said = await withMutant(mutant, (launcher) => mutant.notice(launcher, byName));
  }
  return said;
}

test.run();
