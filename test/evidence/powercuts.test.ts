// Campaign power-cuts in its short form, with fewer torn writes; it finds mutants of the firmware.

import * as assert from "uvu/assert";
import { loadFirmware } from "../../sim/session/firmware.js";
import { compileOptimized } from "../mutants/apply.js";
import { POWER_CUT_MUTANTS } from "../mutants/powercuts.js";
import { atLeast } from "../support/atleast.js";
import { suite } from "../support/suite.js";
import { tried } from "../support/triedmutants.js";
import type { Failure } from "./campaign.js";
import { FLOWS, type Flow } from "./powercuts/flows.js";
import { cutsAt, imageOf, isExhaustive } from "./powercuts/recorder.js";
import { Run } from "./powercuts/run.js";
import { POWER_CUTS, PowerCuts, type Scale } from "./powercuts.js";

const MODULE = loadFirmware();
const SHORT: Scale = {
  ...{ tornWrites: 4, few: 128, fewOfTry: 128, preventedTornWrites: 0 },
  ...{ pairTornWrites: 0, otherPairTornWrites: 0, lives: 5, logins: 1_000 },
};
const FEWEST: Scale = { ...SHORT, few: 0, fewOfTry: 0, preventedTornWrites: 1 };
const PAIRS: Scale = { ...FEWEST, pairTornWrites: 1, otherPairTornWrites: 1 };
/** Flows that write little: short enough for pairs of cuts. */
const PAIRED = [
  "right",
  "right-after-wrong",
  "last-right",
  "wrong-then-right",
  "lockout",
  "wrong-codes",
  "first-start",
];
const SEED = 2;

const test = suite("power cuts");
const quiet = { log: () => {} };

function failures(module: WebAssembly.Module, scale: Scale, names: readonly string[]): readonly Failure[] {
  return new PowerCuts(module, scale, quiet).failuresOf(names);
}

test("no cut breaks a promise, and neither do lives with cuts", () => {
  const { figures, failures } = new PowerCuts(MODULE, SHORT, quiet).run();
  assert.equal(failures, []);
  const figure = (wanted: string) => figures.find(({ name }) => name === wanted)?.value ?? 0;
  assert.ok(figure("power_cuts_single") > 10_000);
  assert.ok(figure("power_cuts_exhaustive") > 0);
});

test("no wrongly programmed word breaks a promise while power stays on", () => {
  assert.equal(failures(MODULE, { ...FEWEST, tornWrites: 1 }, PAIRED), []);
});

test("a torn program leaves every subset of its bits, if these are few", () => {
  const flow = FLOWS.find(({ name }) => name === "right-full-0") as Flow;
  const { flash, now } = flow.start(MODULE);
  const run = new Run(MODULE, flash, now, { seed: SEED });
  flow.run(run);
  const first = run.moments.find(({ operation }) => isExhaustive(operation, 1024));
  assert.ok(first);
  const { operation } = first;
  const cuts = cutsAt(operation, 4, 1024).slice(1, -1);
  const words = new Set(cuts.map((cut) => Buffer.from(imageOf(operation, cut).bytes).readUInt32LE(operation.at)));
  assert.is(words.size, cuts.length);
  assert.is(Math.log2(words.size) % 1, 0);
  assert.ok(words.has(operation.value as number));
  assert.is(cutsAt(operation, 4, words.size - 1).length, 4 + 2);
});

test("no pair of cuts breaks a promise", () => {
  assert.equal(failures(MODULE, PAIRS, PAIRED), []);
});

test("an id replays one case", async () => {
  const log = () => {};
  const cases = async (only: string) => (await POWER_CUTS.run({ long: false, only, log })).figures;
  for (const id of ["right/1/torn-of-5", "right/1/torn-all-65535", "right/1/after"]) {
    const images = (await cases(id)).find(({ name }) => name === "power_cuts_images");
    assert.is(images?.value, 1, id);
  }
  const { failures } = await POWER_CUTS.run({ long: false, only: "right/1/torn-all-65536", log });
  assert.is(failures[0]?.what, "no case has this id");
});

test("the computed image of an operation is what a cut leaves in the card's flash", () => {
  for (const flow of atLeast(
    PAIRED.length,
    FLOWS.filter(({ name }) => PAIRED.includes(name)),
  )) {
    const { flash, now } = flow.start(MODULE);
    const whole = new Run(MODULE, flash, now, { seed: SEED });
    flow.run(whole);
    for (const [number, { operation }] of atLeast(1, whole.moments).entries()) {
      for (const cut of cutsAt(operation, 2)) {
        const run = new Run(MODULE, flash, now, { seed: SEED });
        const at = cut.name === "after" ? number + 2 : number + 1;
        run.flash.cutAt(at, cut.tornBits ? "torn" : "clean", cut.tornBits?.() ?? (() => 0));
        untilCut(() => flow.run(run));
        assert.equal(run.flash.bytes, imageOf(operation, cut).bytes, `${flow.name}/${number}/${cut.name}`);
      }
    }
  }
});

/** Runs to the power cut. After it the run reads an empty screen, and its error is expected. */
function untilCut(run: () => void): void {
  try {
    run();
  } catch {
    // As it must.
  }
}

for (const mutant of tried(POWER_CUT_MUTANTS)) {
  test(`found if it does not hold: ${mutant.breaks}`, async () => {
    const module = await compileOptimized(mutant);
    const found = failures(module, FEWEST, [mutant.shows]);
    const telling = found.find(({ id, what }) => mutant.says.test(what) && (mutant.uncut || isOfCut(id)));
    assert.ok(telling, `${mutant.shows} does not show it by a cut: ${JSON.stringify(found)}`);
    const again = new PowerCuts(module, FEWEST, { ...quiet, only: telling.id });
    assert.equal(again.failuresOf([mutant.shows]), [telling]);
  });
}

/** Whether the failure is one of a cut, and not of a complete run or its end. */
function isOfCut(id: string): boolean {
  return /\/(before|after|(prevented-)?torn-(all|of)-\d+)$/.test(id);
}

test.run();
