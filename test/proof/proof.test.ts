// The proof in its short form: the executor against V8, every rewriting rule, the count of tries on one page, a case of
// most operations; and that mutants of the module are refuted. The whole: npm run evidence -- proof.

import * as assert from "uvu/assert";
import { PROOF_SOURCE_MUTANTS } from "../mutants/proof.js";
import { atLeast } from "../support/atleast.js";
import { suite } from "../support/suite.js";
import { tried } from "../support/triedmutants.js";
import { CheckValues } from "./checkvalues.js";
import { proveCounting } from "./counting.js";
import { Effects } from "./effects.js";
import { loadFirmware } from "./firmware.js";
import { sum, type Verdict } from "./goals.js";
import { ERASED } from "./host.js";
import { FlashView, neverStarted } from "./invariant.js";
import { mutated, PROOF_MUTANTS } from "./mutants.js";
import { OPERATIONS } from "./operations.js";
import { pieces } from "./proof.js";
import { strangeTerms } from "./randomterms.js";
import { refute, refuteSource } from "./refute.js";
import { proveRules } from "./rules.js";
import { Solver } from "./solver.js";
import { Terms } from "./terms.js";
import { compareAll } from "./trials.js";
import { Words } from "./words.js";
import { strangeCalls } from "./writers.js";

const test = suite("proof");
const firmware = loadFirmware();
/** Pieces that are proved here; the campaign proves all. */
const PIECES = [
  "check-values",
  "record",
  "pin/0/0",
  "pin/3/5",
  "pin-full/0/74",
  "set-pin/1",
  "put-key/3/second",
  "personalized/0",
  "wipe/0",
  "status-p2/1",
  "unchecked/3",
  "flash-test/2",
  "flash-test-plain/1",
  "first-state/3",
  "mount/0",
  "mount/1/second",
  "first-start/3",
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

const all = new Map(pieces(true).map((piece) => [piece.id, piece]));
const effects = new Effects(firmware);
for (const id of PIECES) {
  test(`proved: ${id}`, () => {
    const piece = all.get(id);
    assert.ok(piece, "there is such a piece");
    assertProved(sum(piece?.run(firmware, effects, solver) ?? []), 1);
  });
}

test("a blank chip satisfies the condition from which the first start begins", () => {
  const terms = new Terms();
  const blank = Words.of(1024, () => ERASED);
  const holds = neverStarted(new FlashView(terms, blank, new CheckValues(terms))).map((condition) => condition.holds);
  assert.equal(new Set(holds), new Set([true]));
});

test("every operation is one of the pieces", () => {
  const named = new Set([...all.keys()].map((id) => id.split("/")[0]));
  assert.equal(
    Object.keys(OPERATIONS).filter((name) => !named.has(name)),
    [],
  );
});

test("only the functions named write flash, and derive the key of a wrap", () => {
  assert.equal(strangeCalls(firmware), []);
});

test("random terms mean what they are made of", () => {
  for (const bits of [1, 2, 8]) assert.equal(strangeTerms(bits, 100, 1), [], `${bits} bits`);
});

test("mutants are refuted by a counterexample that breaks a promise", () => {
  for (const mutant of atLeast(5, tried(PROOF_MUTANTS))) {
    const { goal, broken } = refute(firmware, solver, mutant);
    if (mutant.equivalent) assert.not.ok(broken, `${mutant.breaks}: ${broken}`);
    else assert.ok(goal && broken, `${mutant.breaks}: ${goal ?? "not refuted"}, ${broken ?? "breaks nothing"}`);
  }
});

test("mutants of the firmware are refuted", async () => {
  for (const mutant of atLeast(1, tried(PROOF_SOURCE_MUTANTS))) {
    const said = await refuteSource(solver, mutant);
    assert.match(said ?? "nothing", mutant.says, mutant.breaks);
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
