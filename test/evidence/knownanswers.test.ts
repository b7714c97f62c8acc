// Known answers: the whole campaign, which takes seconds; it finds wrong answers.

import * as assert from "uvu/assert";
import { atLeast } from "../support/atleast.js";
import { alsoShared } from "../support/sharedvectors.js";
import { packageTest } from "../support/skipping.js";
import { suite } from "../support/suite.js";
import type { Answer, Source } from "./answer.js";
import { check } from "./knownanswers.js";
import { MONTE_CARLO_ANSWERS, NIST_ANSWERS } from "./nistanswers.js";
import { SHARED_ANSWERS, VECTOR_ANSWERS } from "./sharedanswers.js";

const test = suite("known answers");

test("all answers of test/vectors are right, and those of other projects where present", () => {
  assertAll(VECTOR_ANSWERS, 341);
  alsoShared("known answers of other projects", () => assertAll(SHARED_ANSWERS, 550));
});

for (const [what, source, least] of [
  ["of NIST and of RFCs, in Debian's package", NIST_ANSWERS, 3900],
  ["of AESAVS' Monte Carlo test", MONTE_CARLO_ANSWERS, 4],
] as const) {
  packageTest(test, source.missing, `all answers are right: those ${what}`, () => assertAll(source, least));
}

function assertAll(source: Source, least: number): void {
  const { figures, failures } = check([source], {});
  assert.equal(failures, []);
  const total = figures.find(({ name }) => name === "known_answers_checks")?.value ?? 0;
  assert.ok(total >= least, `${total} answers`);
}

function sourceOf(...answers: Answer[]): Source {
  return { missing: undefined, answers: () => answers, leftOut: () => [{ name: "more", count: 2, why: "keys" }] };
}

const RIGHT: Answer = { figure: "some", id: "some 1", expected: "00FF", compute: () => "00ff" };
const WRONG: Answer = { figure: "some", id: "some 2", expected: "00ff", compute: () => "00fe" };
const BROKEN: Answer = {
  figure: "other",
  id: "other 1",
  expected: "00ff",
  compute: () => {
    throw new RangeError("broken");
  },
};

test("a wrong or missing answer is a failure with its id", () => {
  const { figures, failures } = check([sourceOf(RIGHT, WRONG, BROKEN)], {});
  assert.equal(failures, [
    { id: "some 2", what: "00ff is expected, and 00fe came" },
    { id: "other 1", what: "00ff is expected, and RangeError: broken came" },
  ]);
  assert.equal(
    figures.map(({ name, value }) => [name, value]),
    [
      ["some", 2],
      ["other", 1],
      ["known_answers_published", 3],
      ["known_answers_cross_checked", 0],
      ["known_answers_checks", 3],
      ["left_out_more", 2],
    ],
  );
});

test("a vector counts once, however many implementations answer it; published and computed ones count apart", () => {
  const twice = ["firmware", "host"].map((by) => ({ ...RIGHT, id: `some 1 ${by}`, vector: "some 1" }));
  const computed: Answer = { ...RIGHT, id: "own 1", origin: "cross-checked" };
  const { figures } = check([sourceOf(...twice, computed)], {});
  const figure = (wanted: string) => figures.find(({ name }) => name === wanted)?.value;
  assert.is(figure("known_answers_published"), 1);
  assert.is(figure("known_answers_cross_checked"), 1);
  assert.is(figure("known_answers_checks"), 3);
});

test("no two answers of test/vectors, or of other projects, have the same id", () => {
  assert.equal(repeated(VECTOR_ANSWERS), []);
  alsoShared("ids of known answers of other projects", () => assert.equal(repeated(SHARED_ANSWERS), []));
});

packageTest(test, NIST_ANSWERS.missing, "no two answers of NIST have the same id", () => {
  assert.equal(repeated(NIST_ANSWERS), []);
});

/** The ids that occur more than once. */
function repeated(source: Source): string[] {
  const seen = new Set<string>();
  const ids = [...source.answers()].map(({ id }) => id);
  return atLeast(1, ids).filter((id) => seen.has(id) || !seen.add(id));
}

test("the responses of the card's own suites count as computed", () => {
  const own = [...VECTOR_ANSWERS.answers()].filter(({ figure }) => figure.startsWith("ocra_card"));
  assert.ok(atLeast(200, own).every(({ origin }) => origin === "cross-checked"));
});

test("one answer can be checked by its id", () => {
  const { figures, failures } = check([sourceOf(RIGHT, WRONG)], { only: "some 2" });
  assert.is(figures[0]?.value, 1);
  assert.is(failures.length, 1);
  assert.is(check([sourceOf(RIGHT)], { only: "some 3" }).failures[0]?.what, "no answer has this id");
});

test("a missing source is reported, and the others are checked", () => {
  const { figures, skipped } = check([{ ...sourceOf(WRONG), missing: "not here" }, sourceOf(RIGHT)], {});
  assert.is(skipped, "not here");
  assert.is(figures[0]?.value, 1);
});

test.run();
