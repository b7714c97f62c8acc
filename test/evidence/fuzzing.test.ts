// Campaign fuzzing in its short form: the corpus under the sanitizers, and some more executions of each target. Each target
// finds a mutant of the firmware. Executions are counted and come from one seed, so that a run can be repeated.

import * as assert from "uvu/assert";
import { compileBinary } from "../mutants/apply.js";
import { FUZZING_MUTANTS } from "../mutants/fuzzing.js";
import { boardTest } from "../support/board.js";
import { suite } from "../support/suite.js";
import { tried } from "../support/triedmutants.js";
import { corpusOf, Fuzzer, TARGETS, type Target } from "./fuzzing/fuzzer.js";
import { FUZZING, fuzzTargets } from "./fuzzing.js";

const test = suite("fuzzing");

const SEED = "-seed=1";
/** Executions of each target, including its corpus: about a second. */
const EXECUTIONS = 5_000;
/** A mutant must be found within this many executions. */
const MOST_EXECUTIONS = 1_000_000;
/** The limit for all corpora together. */
const MOST_FILES = 200;

boardTest(test, ["fuzz"], "nothing is found in the corpus, nor in some executions more", async () => {
  const { figures, failures } = await fuzzTargets(Fuzzer.released(), [SEED, `-runs=${EXECUTIONS}`]);
  assert.equal(failures, []);
  for (const target of TARGETS) {
    const executions = figures.find(({ name }) => name === `fuzzing_${target.name}_executions`)?.value ?? 0;
    assert.ok(executions > corpusOf(target).length, `${target.name}: ${executions} executions`);
  }
});

test("the corpus is small", () => {
  const files = TARGETS.flatMap((target) => corpusOf(target));
  assert.ok(files.length <= MOST_FILES, `${files.length} files`);
  for (const target of TARGETS) assert.ok(corpusOf(target).length > 0, target.name);
});

boardTest(test, ["fuzz"], "an id replays an input", async () => {
  const replay = async (only: string) => (await FUZZING.run({ long: false, only, log: () => {} })).failures;
  const [first = ""] = corpusOf(TARGETS[0] as Target);
  assert.equal(await replay(`serial/${first.split("/").at(-1)}`), []);
  assert.equal(await replay("serial/none"), [{ id: "serial/none", what: "no input has this id" }]);
});

for (const mutant of tried(FUZZING_MUTANTS)) {
  boardTest(test, ["fuzz"], `found if it does not hold: ${mutant.breaks}`, async () => {
    const fuzzer = Fuzzer.of(await compileBinary(mutant), `mutant-${FUZZING_MUTANTS.indexOf(mutant) + 1}`);
    const target = TARGETS.find(({ name }) => name === mutant.target) as Target;
    const { finding, executions } = await fuzzer.fuzz(target, [SEED, `-runs=${MOST_EXECUTIONS}`]);
    assert.match(finding?.what ?? "nothing", mutant.says, `after ${executions} inputs`);
    const again = await fuzzer.replay(mutant.target, fuzzer.fileOf(mutant.target, finding?.file ?? ""));
    assert.is(again.finding?.what, finding?.what);
  });
}

test.run();
