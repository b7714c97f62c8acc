// The reference model judges the card: random steps with fixed seeds, and mutants of the firmware by kept runs, each of
// which is a command file that fails on the mutant and passes on the firmware as it is.
//
// The model is sim/core/model, the invariants are docs/INVARIANTS.md's. The campaign `model` does the same at length.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Ins, Life, State } from "../../../firmware/wire.js";
import { ROOT } from "../../../host-tools/files/project.js";
import { Flash } from "../../../sim/core/flash.js";
import { TRANSITIONS } from "../../../sim/core/model/transitions.js";
import { loadFirmware } from "../../../sim/session/firmware.js";
import { unreadableFlash } from "../../../sim/session/monkey/beginnings.js";
import { Counts } from "../../../sim/session/monkey/counts.js";
import { Generator } from "../../../sim/session/monkey/generator.js";
import { INVARIANTS } from "../../../sim/session/monkey/invariants.js";
import { explore, type Finding, playOf, type Run, replay } from "../../../sim/session/monkey/monkey.js";
import { scriptOf } from "../../../sim/session/monkey/script.js";
import { shrink } from "../../../sim/session/monkey/shrink.js";
import { firstFailure } from "../../../sim/session/playing.js";
import { Session } from "../../../sim/session/session.js";
import { compile } from "../../mutants/apply.js";
import { MODEL_MUTANTS, type ModelMutant } from "../../mutants/model.js";
import { suite } from "../../support/suite.js";

const RUNS = JSON.parse(readFileSync(join(ROOT, "test", "sim", "session", "runs.json"), "utf8")) as Record<string, Run>;
/** Runs of the test. They must reach every state, and every command on every screen on which it can be sent. */
const SEEDS = 120;
const LEVELS = ["0", "1", "3", "11", "13", "33"];
const COMMANDS = Object.values(Ins).filter((name): name is string => typeof name === "string");
const STATES = Object.values(State).filter((name): name is string => typeof name === "string");

const model = suite("model");
const firmware = loadFirmware();
const counts = new Counts();

model(`in ${SEEDS} random runs card and model agree, and no invariant is broken`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const found = explore(firmware, seed, { counts });
    assert.is(found && describe(found), undefined, `seed ${seed}`);
  }
  assert.ok(counts.steps > SEEDS * 200);
});

model("runs that are played in turns do not affect each other", () => {
  const plays = Array.from({ length: 12 }, (_, i) => {
    const generator = new Generator(i + 1);
    return { generator, play: playOf(firmware, { start: generator.start() }) };
  });
  for (let i = 0; i < 100; i++) for (const { generator, play } of plays) play.step(generator.next(play.model));
});

model("the runs reach every state, command, level and life", () => {
  for (const state of STATES) assert.ok(counts.states.get(state), `${state} was not reached`);
  for (const command of COMMANDS) {
    for (const life of [Life.BLANK, Life.SEEDED, Life.PERSONALIZED])
      assert.ok(counts.lives.get(`${command} on ${Life[life]}`), `${command} was not sent to a ${Life[life]} card`);
    for (const level of LEVELS) {
      if (level !== "0" && isForNoChannel(command)) continue;
      assert.ok(counts.levels.get(`${command} at ${level}`), `${command} was not sent at level ${level}`);
    }
  }
  assert.ok(counts.cuts >= 20, "power was cut");
});

model("the runs use only transitions of the table, and nearly all of them", () => {
  for (const name of counts.transitions.keys()) assert.ok(TRANSITIONS.includes(name), name);
  const missed = TRANSITIONS.filter((name) => !counts.transitions.has(name));
  // A channel can open on any screen, but a run rarely opens one on these.
  assert.equal(
    missed.filter((name) => !name.endsWith(" to SERIAL")),
    [],
  );
});

/** Whether a command opens a channel: it is not sent in one. */
function isForNoChannel(command: string): boolean {
  return ["INITIALIZE_UPDATE", "EXTERNAL_AUTHENTICATE"].includes(command);
}

model("each invariant has a mutant", () => {
  const shown = new Set(Object.values(MODEL_MUTANTS).map(({ shows }) => shows as string));
  for (const name of Object.keys(INVARIANTS)) assert.ok(shown.has(name), `${name} has none`);
  assert.equal(Object.keys(RUNS).sort(), Object.keys(MODEL_MUTANTS).sort());
});

model("docs/INVARIANTS.md names every invariant, and every mutant that shows it", () => {
  const text = readFileSync(join(ROOT, "docs", "INVARIANTS.md"), "utf8");
  for (const [name, says] of Object.entries(INVARIANTS)) assert.ok(text.includes(`**${name}** ${says}`), name);
  for (const name of Object.keys(MODEL_MUTANTS)) assert.ok(text.includes(`\`${name}\``), name);
});

for (const [name, run] of Object.entries(RUNS)) {
  model(`the firmware passes the run of ${name}`, () => {
    assert.is(replay(firmware, run), undefined);
  });
}

for (const [name, { shows, mutant: change }] of Object.entries(MODEL_MUTANTS)) {
  model(`found if it does not hold: ${change.breaks} (${name})`, async () => {
    const mutant = await compile(change);
    const run = RUNS[name] as Run;
    const found = replay(mutant, run);
    // A difference that only the deadline shows is ignored, up to the difference that it leads to.
    assert.is(run.ignores ? run.ignores[0] : found?.difference.what, shows);
    assert.ok(found);
    checkScript(mutant, { ...run, difference: found.difference });
  });
}

/** The finding as a command file fails in its last line on the mutant, and nowhere on the firmware as it is. */
function checkScript(mutant: WebAssembly.Module, finding: Finding): void {
  const lines = scriptOf(mutant, finding);
  const failure = failureOf(lines, mutant);
  assert.is(failure?.line, lines.length, lines.join("\n"));
  assert.match(failure?.error ?? "", finding.difference.what === "I10" ? /programmed before/ : /^expect/);
  assert.is(failureOf(lines, firmware), undefined, lines.join("\n"));
}

/** Where a command file of the monkey fails on a card of the module. */
function failureOf(lines: readonly string[], module: WebAssembly.Module): { line: number; error: string } | undefined {
  const openFlash = () => new Flash(unreadableFlash());
  return firstFailure({ name: "finding", lines }, new Session({ module, seed: 0, openFlash }));
}

model("a finding is shrunk: steps that do not matter are removed", async () => {
  const name = "F4-frames-keep-the-card-on";
  const mutant = await compile((MODEL_MUTANTS[name] as ModelMutant).mutant);
  const kept = RUNS[name] as Run;
  const steps: Run["steps"] = [{ do: "wait", ms: 5 }, { do: "panel" }, ...kept.steps, { do: "wait", ms: 7 }];
  const found = replay(mutant, { start: kept.start, steps });
  assert.ok(found);
  const short = shrink(mutant, { start: kept.start, steps, difference: found.difference });
  assert.ok(short.steps.length <= kept.steps.length);
});

function describe({ difference, steps, start }: Finding): string {
  return [JSON.stringify(difference), JSON.stringify(start), ...steps.map((step) => JSON.stringify(step))].join("\n");
}

model.run();
