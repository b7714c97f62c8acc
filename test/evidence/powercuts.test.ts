// Campaign power-cuts in its short form, with fewer tears; and that it finds holes in the firmware.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadFirmware } from "../../sim/firmware.js";
import { compile, occurrences } from "../support/mutation.js";
import type { Failure } from "./campaign.js";
import { FLOWS } from "./powercuts/flows.js";
import { HOLES } from "./powercuts/holes.js";
import { cutsAt, imageOf } from "./powercuts/recorder.js";
import { Run } from "./powercuts/run.js";
import { POWER_CUTS, PowerCuts, type Scale } from "./powercuts.js";

const MODULE = loadFirmware();
const SHORT: Scale = { tears: 4, preventedTears: 1, pairTears: 0, otherPairTears: 0, lives: 10, logins: 1_000 };
const PAIRS: Scale = { ...SHORT, pairTears: 2, otherPairTears: 1 };
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

test("no cut breaks a promise, nor does any life with cuts", () => {
  const { figures, failures } = new PowerCuts(MODULE, SHORT, quiet).run();
  assert.equal(failures, []);
  const cuts = figures.find(({ name }) => name === "power_cuts_single")?.value ?? 0;
  assert.ok(cuts > 10_000, `${cuts} cuts`);
});

test("no two cuts do", () => {
  assert.equal(failures(MODULE, PAIRS, PAIRED), []);
});

test("an id replays one case", async () => {
  const log = () => {};
  const cases = async (only: string) => (await POWER_CUTS.run({ long: false, only, log })).figures;
  const single = (await cases("right/1/tear-of-5")).find(({ name }) => name === "power_cuts_images");
  assert.is(single?.value, 1);
});

test("what is made of an operation is what a cut in the card's flash leaves", () => {
  for (const flow of FLOWS.filter(({ name }) => PAIRED.includes(name))) {
    const { flash, now } = flow.start(MODULE);
    const whole = new Run(MODULE, flash, now, { seed: SEED });
    flow.run(whole);
    for (const [number, { operation }] of whole.moments.entries()) {
      for (const cut of cutsAt(operation, 2)) {
        const run = new Run(MODULE, flash, now, { seed: SEED });
        const at = cut.name === "after" ? number + 2 : number + 1;
        run.flash.cutAt(at, cut.tear ? "torn" : "clean", cut.tear?.() ?? (() => 0));
        untilCut(() => flow.run(run));
        assert.equal(run.flash.bytes, imageOf(operation, cut).bytes, `${flow.name}/${number}/${cut.name}`);
      }
    }
  }
});

/** A run that power ends finds nothing on the screen. */
function untilCut(run: () => void): void {
  try {
    run();
  } catch {
    // As it must.
  }
}

test("each hole is in one place of the firmware", () => {
  for (const hole of HOLES) assert.is(occurrences(hole), 1, `${hole.file}: ${hole.breaks}`);
});

for (const hole of HOLES) {
  test(`found: not so that ${hole.breaks}`, async () => {
    const found = failures(await compile(hole), SHORT, [hole.shows]);
    assert.ok(found.length > 0, `${hole.shows} does not show it`);
  });
}

test.run();
