// The proof in its short form: the executor against V8, every rewriting rule, the count of tries on one page, a few cases
// of the PIN check; and that mutants of the module are refuted. The whole: npm run evidence -- proof.

import * as assert from "uvu/assert";
import { atLeast } from "../support/atleast.js";
import { suite } from "../support/suite.js";
import { tried } from "../support/triedmutants.js";
import { proveCounting } from "./counting.js";
import { Effects } from "./effects.js";
import { loadFirmware } from "./firmware.js";
import { sum, type Verdict } from "./goals.js";
import { mutated, PROOF_MUTANTS } from "./mutants.js";
import { provePinCheck } from "./pincheck.js";
import { refute } from "./refute.js";
import { proveRules } from "./rules.js";
import { Solver } from "./solver.js";
import { compareAll } from "./trials.js";
import { strangeWriters } from "./writers.js";

const test = suite("proof");
const firmware = loadFirmware();
/** Pages and first free slots of which the PIN check is proved here; the campaign proves all. */
const CASES = [
  { page: 0, freePin: 0 },
  { page: 3, freePin: 5 },
];
let solver: Solver;

test.before(async () => {
  solver = await Solver.start();
});

test.after(() => solver.stop());

test("the executor does what V8 does, on known values and on terms", () => {
  const { differences, runs, steps } = compareAll(firmware, 1);
  assert.equal(differences, []);
  assert.ok(runs >= 50 && steps > 500_000, `${runs} runs, ${steps} instructions`);
});

test("a difference to V8 is found", () => {
  const other = loadFirmware(mutated(firmware, PROOF_MUTANTS[0] as (typeof PROOF_MUTANTS)[number]));
  const { differences } = compareAll(
    { ...firmware, module: { ...other.module, sections: firmware.module.sections } },
    1,
  );
  atLeast(1, differences);
});

test("every rewriting rule is proved, by all small values and by the solver", () => {
  const { faults, cases } = proveRules(solver);
  assert.equal(faults, []);
  assert.ok(cases > 200, `${cases} cases`);
});

test("tries are counted as the specification says, for every content of a page", () => {
  assertProved(sum(proveCounting(firmware, solver, 2)), 400);
});

test("a PIN check spends its try first, and gives tries back only by a right receipt", () => {
  const effects = new Effects(firmware);
  for (const one of CASES) assertProved(provePinCheck(firmware, effects, solver, one), 10_000);
});

test("only the functions named write flash", () => {
  assert.equal(strangeWriters(firmware), []);
});

test("mutants are refuted by a counterexample that breaks a promise", () => {
  for (const mutant of atLeast(5, tried(PROOF_MUTANTS))) {
    const { goal, broken } = refute(firmware, solver, mutant);
    if (mutant.equivalent) assert.not.ok(broken, `${mutant.breaks}: ${broken}`);
    else assert.ok(goal && broken, `${mutant.breaks}: ${goal ?? "not refuted"}, ${broken ?? "breaks nothing"}`);
  }
});

function assertProved({ goals, refuted, reachable }: Verdict, least: number): void {
  assert.equal(
    refuted.map(({ goal }) => goal),
    [],
  );
  assert.ok(goals >= least && reachable > 0, `${goals} goals, ${reachable} paths`);
}

test.run();
