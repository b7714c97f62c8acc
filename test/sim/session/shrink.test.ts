// Shrinking of runs. Rules of this test, instead of a card, decide whether a run still shows the difference.

import * as assert from "uvu/assert";
import type { Finding, Run, Shown } from "../../../sim/session/monkey/monkey.js";
import { shrinkings } from "../../../sim/session/monkey/shrink.js";
import type { Step } from "../../../sim/session/monkey/steps.js";
import { suite } from "../../support/suite.js";

const test = suite("shrinking");

const DIFFERENCE = { what: "state", expected: "PIN", actual: "OFF" };
const NOISE: readonly Step[] = [
  { do: "hello" },
  { do: "press", key: 3, ms: 80 },
  { do: "wait", ms: 77_777 },
  { do: "battery", millivolts: 2400 },
];

/** The step of a run that shows the difference; undefined if none does. */
type Rule = (run: Run) => number | undefined;

function short(steps: readonly Step[], rule: Rule, start: Run["start"] = { seed: 9, card: "demo" }): [Finding, number] {
  const shrinking = shrinkings({ start, steps, difference: DIFFERENCE });
  let tries = 0;
  for (let next = shrinking.next(); ; tries++) {
    if (next.done) return [next.value, tries];
    const at = rule(next.value);
    const shown: Shown | undefined = at === undefined || at < 0 ? undefined : { difference: DIFFERENCE, at };
    next = shrinking.next(shown);
  }
}

function among(needed: readonly Step[], noise: number): Step[] {
  const around = Array.from({ length: noise }, (_, i) => NOISE[i % NOISE.length] as Step);
  return needed.flatMap((step) => [...around, step]).concat(around);
}

/** The difference shows in the step at which all of these have come, in their order. */
function inOrder(...wanted: ((step: Step) => boolean)[]): Rule {
  return ({ steps }) => {
    let met = 0;
    return steps.findIndex((step) => {
      if (wanted[met]?.(step)) met++;
      return met === wanted.length;
    });
  };
}

test("only the necessary steps remain, wherever they were", () => {
  const contact: Step = { do: "contact", key: 5, closed: true };
  const noise: Step = { do: "noise" };
  const rule = inOrder(
    (step) => step.do === "contact",
    (step) => step.do === "noise",
    (step) => step.do === "contact",
  );
  for (const around of [0, 1, 7, 60]) {
    const [{ steps }] = short(among([contact, noise, contact], around), rule);
    assert.equal(steps, [contact, noise, contact]);
  }
});

test("a run of hundreds of steps takes few tries", () => {
  const [{ steps }, tries] = short(
    among([{ do: "noise" }], 150),
    inOrder((step) => step.do === "noise"),
  );
  assert.is(steps.length, 1);
  assert.ok(tries < 60, `${tries} tries`);
});

test("steps after the one that shows the difference are removed at once", () => {
  const [{ steps }] = short(
    [{ do: "noise" }, ...NOISE],
    inOrder((step) => step.do === "noise"),
  );
  assert.equal(steps, [{ do: "noise" }]);
});

test("waits become round, or else as short as possible", () => {
  const longer = (least: number) => inOrder((step) => step.do === "wait" && step.ms >= least);
  for (const [ms, least, left] of [
    [50_000, 1_234, 30_000],
    [20_000, 1_234, 1_234],
    [1_234, 1_234, 1_234],
    [20_000, 801, 1_000],
    [300_000, 300_000, 300_000],
    [5, 0, 1],
  ] as const) {
    assert.equal(short([{ do: "wait", ms }], longer(least))[0].steps, [{ do: "wait", ms: left }]);
  }
});

test("values become simpler one by one, as long as the difference shows", () => {
  const command: Step = {
    ...{ do: "command", via: "wrong MAC", spoilt: "size" },
    meant: { ins: "PUT_KEY", keys: 3, short: true, wrong: "kcv" },
  };
  const anyCommand = inOrder((step) => step.do === "command");
  assert.equal(short([command], anyCommand)[0].steps, [
    { do: "command", via: "plain", meant: { ins: "PUT_KEY", keys: 3, short: true } },
  ]);
  const inChannel = inOrder((step) => step.do === "command" && step.via !== "plain");
  const [left] = short([command], inChannel)[0].steps as [Extract<Step, { do: "command" }>];
  assert.is(left.via, "channel");

  const torn = inOrder((step) => step.do === "cut" && step.count >= 3);
  assert.equal(short([{ do: "cut", count: 17, torn: true }], torn)[0].steps, [{ do: "cut", count: 3, torn: false }]);
  const some = inOrder((step) => step.do === "type");
  assert.equal(short([{ do: "type", typed: { what: "some", digits: "123456" } }], some)[0].steps, [
    { do: "type", typed: { what: "some", digits: "6" } },
  ]);
});

test("the initial card becomes simpler", () => {
  const noise = inOrder((step) => step.do === "noise");
  assert.equal(short([{ do: "noise" }], noise)[0].start, { seed: 1, card: "blank" });
  const demo: Rule = (run) => (run.start.card === "demo" ? noise(run) : undefined);
  assert.equal(short([{ do: "noise" }], demo)[0].start, { seed: 1, card: "demo" });
  const [{ start }] = short([{ do: "noise" }], (run) => (run.start.seed === 9 ? noise(run) : undefined));
  assert.equal(start, { seed: 9, card: "demo" });
});

test("a run that shows another difference does not count", () => {
  const shrinking = shrinkings({ start: { seed: 1, card: "blank" }, steps: NOISE, difference: DIFFERENCE });
  let next = shrinking.next();
  while (!next.done) next = shrinking.next({ difference: { ...DIFFERENCE, what: "display" }, at: 0 });
  assert.equal(next.value.steps, NOISE);
});

test.run();
