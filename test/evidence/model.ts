// Campaign model: random runs of the reference model against the card, each compared after each step (docs/INVARIANTS.md).
//
// An id is a run's seed, or a mutant's name. A run that fails is shortened and printed as a command file.
//
// The long form takes hours. Its progress is kept in build/model-long.bin, and the next run continues from there.

import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deserialize, serialize } from "node:v8";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { State } from "../../firmware/wire.js";
import { BUILD } from "../../host-tools/files/project.js";
import { loadFirmware } from "../../sim/session/firmware.js";
import { Counts } from "../../sim/session/monkey/counts.js";
import { explore, type Finding } from "../../sim/session/monkey/monkey.js";
import { scriptOf } from "../../sim/session/monkey/script.js";
import { shrink } from "../../sim/session/monkey/shrink.js";
import { compileOptimized } from "../mutants/apply.js";
import { MODEL_MUTANTS } from "../mutants/model.js";
import type { Campaign, Failure, Figure, Options, Result } from "./campaign.js";
import { currentModule } from "./records.js";

const LONG_FILE = join(BUILD, "model-long.bin");
const STEPS = 10_000_000;
const LONG_STEPS = 100_000_000;
/** The number of runs that a worker plays between its reports. */
const PORTION = 200;
/** A mutant counts as not found after this many runs. */
const RUNS_FOR_A_MUTANT = 20_000;
const AT_ONCE = Math.min(2, availableParallelism());
/** The campaign ends after this many failures. */
const ENOUGH = 5;

export const MODEL: Campaign = {
  name: "model",
  title: "random keys, times, batteries, power cuts and commands: the card does what its model does",
  run,
};

async function run({ long, only, log }: Options): Promise<Result> {
  if (only !== undefined) return { figures: [], failures: await again(only, log) };
  const progress = long ? interrupted() : begun();
  if (progress.counts.steps > 0) log(`continues after ${progress.counts.steps} steps`);
  const failures = await exploreAll(long ? LONG_STEPS : STEPS, progress, long, log);
  const mutants = await findMutants(log);
  if (long) rmSync(LONG_FILE, { force: true });
  return {
    figures: [...figuresOf(progress.counts, progress.seconds), ...mutants.figures],
    failures: [...failures, ...mutants.failures],
  };
}

// ---- random runs ----

/** A worker's report on a portion. */
interface PortionResult {
  readonly counts: Counts;
  readonly seeds: readonly number[];
}

/** The progress of all runs. */
interface Progress {
  readonly module: string;
  /** Seeds of runs that failed. */
  readonly seeds: number[];
  readonly counts: Counts;
  /** The first seed of the next portion. */
  next: number;
  /** The first seeds of the portions that were begun and have not ended. */
  readonly pending: Set<number>;
  seconds: number;
}

function begun(): Progress {
  return { module: currentModule(), seeds: [], counts: new Counts(), next: 1, pending: new Set(), seconds: 0 };
}

/** The progress of an interrupted long form with the same module; otherwise that of a new one. */
function interrupted(): Progress {
  const progress = begun();
  if (!existsSync(LONG_FILE)) return progress;
  const kept = deserialize(readFileSync(LONG_FILE)) as Progress;
  if (kept.module !== progress.module) return progress;
  progress.counts.add(kept.counts);
  progress.seeds.push(...kept.seeds);
  return { ...progress, next: kept.next, pending: kept.pending, seconds: kept.seconds };
}

/** Plays runs in workers until they have taken this many steps. */
async function exploreAll(steps: number, progress: Progress, isKept: boolean, log: Options["log"]): Promise<Failure[]> {
  const { counts, seeds, pending } = progress;
  const again = [...pending];
  let logged = counts.steps;
  let since = performance.now();
  const work = async () => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: WORK });
    while (counts.steps < steps && seeds.length < ENOUGH) {
      const from = again.pop() ?? progress.next;
      if (from === progress.next) progress.next += PORTION;
      pending.add(from);
      const result = await portion(worker, from);
      pending.delete(from);
      counts.add(result.counts);
      seeds.push(...result.seeds);
      if (counts.steps - logged < steps / 100) continue;
      logged = counts.steps;
      progress.seconds += (performance.now() - since) / 1000;
      since = performance.now();
      log(`${counts.steps} steps, ${counts.cuts} power cuts`);
      if (isKept) writeFileSync(LONG_FILE, serialize(progress));
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  progress.seconds += (performance.now() - since) / 1000;
  return seeds.map((seed) => failureOf(seed, log));
}

async function portion(worker: Worker, from: number): Promise<PortionResult> {
  const answer = once(worker, "message");
  worker.postMessage(from);
  const [result] = await answer;
  return result as PortionResult;
}

function failureOf(seed: number, log: Options["log"]): Failure {
  const module = loadFirmware();
  const found = explore(module, seed);
  if (!found) return { id: String(seed), what: "failed once and not again" };
  const short = shrink(module, found);
  tell(module, short, log);
  const { what, expected, actual } = short.difference;
  return { id: String(seed), what: `${what}: ${expected} expected, ${actual} found` };
}

function tell(module: WebAssembly.Module, finding: Finding, log: Options["log"]): void {
  for (const step of finding.steps) log(JSON.stringify(step));
  for (const line of scriptOf(module, finding)) log(line);
}

// ---- mutants, by free search ----

async function findMutants(log: Options["log"]): Promise<Result> {
  const failures: Failure[] = [];
  let most = 0;
  let all = 0;
  for (const name of Object.keys(MODEL_MUTANTS)) {
    const steps = await stepsToFind(name);
    log(steps === undefined ? `${name}: not found` : `${name}: found after ${steps} steps`);
    if (steps === undefined) failures.push({ id: name, what: "the mutant is not found" });
    else most = Math.max(most, steps);
    all++;
  }
  return {
    figures: [
      { name: "model_mutants", value: all, unit: "mutants found by free search" },
      { name: "model_mutants_most_steps", value: most, unit: "steps to the one found last" },
    ],
    failures,
  };
}

/** The steps until a run shows, by its name, the rule that the mutant breaks; undefined if none does. */
async function stepsToFind(name: string): Promise<number | undefined> {
  const { shows, mutant } = MODEL_MUTANTS[name] as (typeof MODEL_MUTANTS)[string];
  const module = await compileOptimized(mutant);
  const counts = new Counts();
  for (let seed = 1; seed <= RUNS_FOR_A_MUTANT; seed++) {
    if (explore(module, seed, { counts })?.difference.what === shows) return counts.steps;
  }
  return undefined;
}

async function again(id: string, log: Options["log"]): Promise<Failure[]> {
  if (id in MODEL_MUTANTS) {
    const steps = await stepsToFind(id);
    log(steps === undefined ? "not found" : `found after ${steps} steps`);
    return steps === undefined ? [{ id, what: "the mutant is not found" }] : [];
  }
  const seed = Number(id);
  if (!Number.isInteger(seed)) return [{ id, what: "no case has this id" }];
  return explore(loadFirmware(), seed) ? [failureOf(seed, log)] : [];
}

// ---- figures ----

function figuresOf(counts: Counts, seconds: number): Figure[] {
  const states = Object.values(State).filter((name) => typeof name === "string").length;
  return [
    { name: "model_steps", value: counts.steps, unit: "steps" },
    { name: "model_actions", value: counts.actions, unit: "contacts, times, frames and voltages, each compared" },
    { name: "model_speed", value: Math.round(counts.steps / seconds), unit: "steps/s" },
    { name: "model_cuts", value: counts.cuts, unit: "power cuts" },
    { name: "model_states", value: counts.states.size, unit: `of ${states} states` },
    { name: "model_transitions", value: counts.transitions.size, unit: "transitions between states" },
    { name: "model_commands", value: counts.commands.size, unit: "pairs of command and state" },
    { name: "model_levels", value: counts.levels.size, unit: "pairs of command and level" },
  ];
}

// ---- in a worker ----

const WORK = "model: a portion of runs";

function serve(): void {
  const module = loadFirmware();
  parentPort?.on("message", (from: number) => {
    const counts = new Counts();
    const seeds: number[] = [];
    for (let seed = from; seed < from + PORTION; seed++) {
      if (explore(module, seed, { counts })) seeds.push(seed);
    }
    parentPort?.postMessage({ counts, seeds } satisfies PortionResult);
  });
}

if (!isMainThread && workerData === WORK) serve();
