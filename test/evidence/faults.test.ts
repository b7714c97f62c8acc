// The short form of the faults campaign: a seeded part of it on the firmware as it is, and mutants of
// the firmware, which the campaign must notice.

import * as assert from "uvu/assert";
import { compileReleased, type Mutant } from "../mutants/apply.js";
import {
  ADDRESSED_ONCE,
  ADDRESSES,
  FAULT_MUTANTS,
  KEYS_BEFORE_CHALLENGE,
  NOT_LOOKED_AT,
  SINGLE_EXECUTIONS,
} from "../mutants/faults.js";
import { suite } from "../support/suite.js";
import { tried } from "../support/triedmutants.js";
import type { Failure } from "./campaign.js";
import { type Instrumented, instrument, released } from "./faults/instrument.js";
import { SCENARIOS, type Scenario } from "./faults/scenarios.js";
import { newTally, type Plan, type Tally, tryFaults } from "./faults/tally.js";
import type { Mode } from "./faults/target.js";
import { Trial } from "./faults/trial.js";
import { FAULTS, replayOn } from "./faults.js";

const PART: Plan = { thinning: 1000, sampling: 1000, only: /^(onetry|pin|unlock|scp03)/ };

const test = suite("faults");
const instrumented = await released();

test("without a fault the instrumented module behaves as the firmware", () => {
  for (const scenario of SCENARIOS) {
    const trial = new Trial(instrumented, scenario);
    assert.equal(trial.run(undefined), { outcome: "unchanged" }, scenario.name);
  }
});

test("the scenarios can succeed: with the right PIN, code or keys the card opens", () => {
  const never = ["power-on", "locked", "blocked", "login", "wipe-interrupted", "derivation", "forged", "bare", "read"];
  const asked = SCENARIOS.filter(
    ({ name }) => !never.some((start) => name.startsWith(start)) && name !== "personalize",
  );
  assert.is(asked.length, 13);
  for (const scenario of asked) assert.ok(new Trial(instrumented, scenario).runRight(), scenario.name);
});

for (const name of ["pin-last", "code-last", "change", "unlock-last", "channel", "forged-wipe", "derivation"]) {
  test(`${name}: no fault among the sample tried here opens the card`, () => {
    assert.equal(failures(instrumented, name, PART).failures, []);
  });
}

test("an id replays a fault, and an unknown id is refused", async () => {
  const replay = async (only: string) => (await FAULTS.run({ long: false, only, log: () => {} })).failures;
  assert.equal(await replay("pin/1/1/skip"), []);
  for (const id of ["nowhere/1/1/skip", "pin/99999/1/skip", "pin/1/x/skip", "pin/1/1/bogus"]) {
    assert.equal(await replay(id), [{ id, what: "no fault has this id" }]);
  }
});

for (const mutant of FAULT_MUTANTS) {
  test(`noticed if it does not hold: ${mutant.breaks}`, async () => {
    const broken = await compile(mutant);
    const found = failures(broken, mutant.scenario, {
      ...PART,
      thinning: 1,
      only: mutant.functions,
      until: mutant.says,
    });
    isFound(broken, found.failures, mutant.says);
  });
}

test("a misdirected session key is not sent with the challenge", async () => {
  const { scenario, functions } = KEYS_BEFORE_CHALLENGE;
  assert.equal(violations(instrumented, scenario, functions, "ones"), []);
  const broken = await compile(KEYS_BEFORE_CHALLENGE);
  isFound(broken, violations(broken, scenario, functions, "ones"), KEYS_BEFORE_CHALLENGE.says);
});

for (const mutant of SINGLE_EXECUTIONS) {
  test(`noticed in single executions if it does not hold: ${mutant.breaks}`, async () => {
    const { scenario, functions, says, what, modes } = mutant;
    const inAll = (module: Instrumented) =>
      modes.flatMap((mode) => violations(module, scenario, functions, mode, what));
    assert.equal(inAll(instrumented), []);
    const broken = await compile(mutant);
    isFound(broken, inAll(broken), says);
  });
}

test("an AES that lost its S-box sends no key", async () => {
  const { scenario, functions, says } = NOT_LOOKED_AT;
  assert.equal(astray(instrumented, scenario, functions), []);
  const broken = await compile(NOT_LOOKED_AT);
  isFound(broken, astray(broken, scenario, functions, says), says);
});

test("no fault on the way to the card id reveals a key", () => {
  assert.equal(
    failures(instrumented, "read-id", { ...PART, thinning: 10, only: /^(cardid|crypto\/(kdf|cmac))/ }).failures,
    [],
  );
});

test("a misdirected copy of public data contains none of the keys", async () => {
  const { scenario, functions, says } = ADDRESSED_ONCE;
  assert.equal(astray(instrumented, scenario, functions), []);
  const broken = await compile(ADDRESSED_ONCE);
  isFound(broken, astray(broken, scenario, functions, says), says);
});

for (const mutant of tried(ADDRESSES)) {
  test(`noticed by each bit of an address if it does not hold: ${mutant.breaks}`, async () => {
    assert.equal(astray(instrumented, mutant.scenario, mutant.functions), []);
    const broken = await compile(mutant);
    isFound(broken, astray(broken, mutant.scenario, mutant.functions, mutant.says), mutant.says);
  });
}

/** The tally of flipped low address bits, at every execution, in these functions. Stops once a failure says `until`. */
function astray(instrumented: Instrumented, scenario: string, only: RegExp, until?: RegExp): Failure[] {
  const rarely = Number.POSITIVE_INFINITY;
  const plan = { everyBit: true, thinning: rarely, sampling: rarely, only, ...(until && { until }) };
  const tally = newTally();
  tryFaults(new Trial(instrumented, scenarioOf(scenario)), instrumented, plan, tally);
  return tally.failures;
}

test("a wrong PIN whose frame loses a byte on the line spends no try", () => {
  assert.equal(violations(instrumented, "change", /^line\/receive$/, "skip"), []);
});

/** The tally of faults in each execution of each constant, or of another instruction, in these functions. */
function violations(
  instrumented: Instrumented,
  scenario: string,
  functions: RegExp,
  mode: Mode,
  instruction = "i32.const",
): Failure[] {
  const trial = new Trial(instrumented, scenarioOf(scenario));
  const counts = trial.profile();
  const sites = instrumented.sites.filter(({ func, what }) => functions.test(func) && what === instruction);
  return sites.flatMap(({ id, func, what }) =>
    Array.from({ length: counts[id] as number }, (_, i) => i + 1).flatMap((execution) => {
      const { violation } = trial.run({ site: id, execution, mode });
      return violation
        ? [{ id: `${scenario}/${id}/${execution}/${mode}`, what: `${func}, ${what}: ${violation}` }]
        : [];
    }),
  );
}

/** Asserts that the campaign reports the mutant as it must, and that the printed id fails again in the same way. */
function isFound(broken: Instrumented, failures: readonly Failure[], says: RegExp): void {
  const telling = failures.find(({ what }) => says.test(what));
  assert.ok(telling, `nothing found says ${says}: ${JSON.stringify(failures.slice(0, 5))}`);
  assert.equal(replayOn(broken, telling.id).failures, [telling]);
}

function failures(instrumented: Instrumented, name: string, plan: Plan): Tally {
  const tally = newTally();
  tryFaults(new Trial(instrumented, scenarioOf(name)), instrumented, plan, tally);
  if (!plan.until) assert.ok(tally.static > 50, "faults were tried");
  return tally;
}

function scenarioOf(name: string): Scenario {
  return SCENARIOS.find((scenario) => scenario.name === name) as Scenario;
}

/** Instruments only the functions in which the campaign must see the mutant, to save time. */
async function compile(mutant: Mutant & { readonly functions: RegExp }): Promise<Instrumented> {
  const { binary, text } = await compileReleased(mutant);
  return instrument(binary, text, mutant.functions);
}

test.run();
