// Campaign monkey: what `dsc-sim monkey` does, on each mutant that the model or an invariant has to find. The run that finds it
// must come soon, be shortened, and become a command file that fails on the mutant and passes on the firmware.
//
// An id is a mutant's name.

import { Flash } from "../../sim/core/flash.js";
import { loadFirmware } from "../../sim/session/firmware.js";
import { unreadableFlash } from "../../sim/session/monkey/beginnings.js";
import { hunt } from "../../sim/session/monkey/hunt.js";
import { firstFailure } from "../../sim/session/playing.js";
import { Session } from "../../sim/session/session.js";
import { compileOptimized } from "../mutants/apply.js";
import { MODEL_MUTANTS } from "../mutants/model.js";
import type { Campaign, Failure, Options, Result } from "./campaign.js";

/** A minute in steps, on a half busy computer. Steps give the same verdict on every computer. */
const STEPS_IN_A_MINUTE = 120_000;
const SEED = 1;

export const MONKEY: Campaign = {
  name: "monkey",
  title: "dsc-sim monkey finds each mutant within a minute, and writes a command file that shows it",
  run,
};

/** How a mutant was found. */
interface Found {
  readonly steps: number;
  /** The time until the file was written, with the shrinking. */
  readonly seconds: number;
  /** Steps of the shortest run, and lines of its command file. */
  readonly left: number;
  readonly lines: readonly string[];
}

async function run({ only, log }: Options): Promise<Result> {
  const names = Object.keys(MODEL_MUTANTS).filter((name) => only === undefined || name === only);
  if (names.length === 0) return { figures: [], failures: [{ id: only ?? "", what: "no mutant has this name" }] };
  const all: Found[] = [];
  const failures: Failure[] = [];
  for (const name of names) {
    const mutant = await compileOptimized(MODEL_MUTANTS[name]?.mutant);
    const found = await find(mutant);
    const what = found ? faultOf(found, mutant) : "not found within a minute";
    log(`${name}: ${what ?? "found"}${found ? ` after ${found.steps} steps, ${found.left} left` : ""}`);
    if (what !== undefined || only !== undefined) for (const line of found?.lines ?? []) log(line);
    if (what !== undefined) failures.push({ id: name, what });
    if (found) all.push(found);
  }
  return { figures: figuresOf(all), failures };
}

async function find(mutant: WebAssembly.Module): Promise<Found | undefined> {
  const started = performance.now();
  const { counts, found } = await hunt(mutant, SEED, { isOver: ({ counts }) => counts.steps >= STEPS_IN_A_MINUTE });
  if (!found) return undefined;
  const seconds = (performance.now() - started) / 1000;
  return { steps: counts.steps, seconds, left: found.finding.steps.length, lines: found.lines };
}

/** What is wrong with the command file; undefined if it fails in its last line on the mutant and passes on the firmware. */
function faultOf({ lines }: Found, mutant: WebAssembly.Module): string | undefined {
  const onMutant = failureOf(lines, mutant);
  if (onMutant !== lines.length) return `the file fails in line ${onMutant} of ${lines.length} on the mutant`;
  const onCard = failureOf(lines, loadFirmware());
  return onCard === undefined ? undefined : `the file fails in line ${onCard} on the firmware as it is`;
}

function failureOf(lines: readonly string[], module: WebAssembly.Module): number | undefined {
  const openFlash = () => new Flash(unreadableFlash());
  return firstFailure({ name: "finding", lines }, new Session({ module, seed: 0, openFlash }))?.line;
}

function figuresOf(found: readonly Found[]): Result["figures"] {
  const most = (of: (one: Found) => number) => Math.max(0, ...found.map(of));
  return [
    { name: "monkey_mutants", value: found.length, unit: "mutants found, each made short" },
    { name: "monkey_most_steps", value: most(({ steps }) => steps), unit: "steps to the one found last" },
    {
      name: "monkey_most_seconds",
      value: Math.ceil(most(({ seconds }) => seconds)),
      unit: "s until its file was there, at most",
    },
    { name: "monkey_longest_run", value: most(({ left }) => left), unit: "steps of the longest run that was left" },
    { name: "monkey_longest_file", value: most(({ lines }) => lines.length), unit: "lines of the longest file" },
  ];
}
