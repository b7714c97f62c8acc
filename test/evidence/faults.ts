// Faults: one instruction of the module goes wrong, everywhere and in every way, while the card is attacked.
//
// The released bytes are instrumented once (faults/instrument.ts), so that any instruction can be skipped, give all
// ones or a flipped bit, or branch the other way, at any of its executions. This is the module; what a compiler
// makes of it for a chip has other instructions.

import { readFileSync } from "node:fs";
import { FIRMWARE_FILE } from "../../sim/firmware.js";
import { Random } from "../../sim/random.js";
import type { Campaign, Failure, Figure, Options, Result } from "./campaign.js";
import { type Instrumented, instrument, type Site } from "./faults/instrument.js";
import { SCENARIOS, type Scenario } from "./faults/scenarios.js";
import type { Fault, Mode } from "./faults/target.js";
import { OUTCOMES, type Outcome, Trial } from "./faults/trial.js";

/** Functions whose loops are sampled: algorithms, and what carries bytes and time. All others are control code. */
const LOOPS =
  /^(crypto\/(?!siv)|~lib\/|selftest\/|store\/check|flash\/isBlank|keys\/|card\/(nextDue|pass)|line\/|frame\/|panel\/)/;
const SEED = 20_260_722;
/** Failures told in full, of a scenario and in all. */
const TOLD = 200;

/** What was tried, and what came of it. */
export interface Tally {
  static: number;
  control: number;
  sampled: number;
  readonly outcomes: Record<Outcome, number>;
  /** The instructions that went wrong. */
  readonly sites: Set<number>;
  readonly failures: Failure[];
}

/** Which faults of a scenario are tried. */
export interface Plan {
  /** One of so many executions in control code. */
  readonly thinning: number;
  /** One of so many instructions in loops, each at one execution for each way. */
  readonly sampling: number;
  /** Only sites of these functions. */
  readonly only?: RegExp;
}

const SHORT: Plan = { thinning: 32, sampling: 16 };
const LONG: Plan = { thinning: 1, sampling: 1 };

export const FAULTS: Campaign = {
  name: "faults",
  title: "one instruction of the module goes wrong, while the card is attacked",
  run,
};

async function run(options: Options): Promise<Result> {
  const instrumented = await instrument(readFileSync(FIRMWARE_FILE), readFileSync(textOf(FIRMWARE_FILE), "utf8"));
  if (options.only !== undefined) return replay(instrumented, options.only);
  const tally = newTally();
  for (const scenario of SCENARIOS) {
    const before = tried(tally);
    const known = tally.failures.length;
    tryFaults(new Trial(instrumented, scenario), instrumented, options.long ? LONG : SHORT, tally);
    const failed = tally.failures.slice(known);
    options.log(`${scenario.name}: ${tried(tally) - before} faults, ${failed.length} failures`);
    for (const { id, what } of failed.slice(0, TOLD)) options.log(`  ${id}: ${what}`);
  }
  return { figures: figuresOf(instrumented, tally), failures: tally.failures.slice(0, TOLD) };
}

export function newTally(): Tally {
  const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  return { static: 0, control: 0, sampled: 0, outcomes, sites: new Set(), failures: [] };
}

/** Runs a scenario with every fault of a plan, and adds to the tally. */
export function tryFaults(trial: Trial, { sites }: Instrumented, plan: Plan, tally: Tally): void {
  const random = new Random(SEED);
  const counts = trial.profile();
  for (const site of sites) {
    const count = counts[site.id] as number;
    if (count === 0 || (plan.only && !plan.only.test(site.func))) continue;
    const sampled = LOOPS.test(site.func);
    const every = sampled ? count * plan.sampling : plan.thinning;
    tally.sites.add(site.id);
    for (const mode of modesOf(site, random)) tally.static += attempt(trial, site, 0, mode, tally);
    // What is executed once only was just tried.
    if (count === 1) continue;
    for (const mode of drawnModes(site, random)) {
      for (const execution of drawn(count, every, random)) {
        tally[sampled ? "sampled" : "control"] += attempt(trial, site, execution, mode, tally);
      }
    }
  }
}

function attempt(trial: Trial, site: Site, execution: number, mode: Mode, tally: Tally): number {
  const { outcome, violation } = trial.run({ site: site.id, execution, mode });
  tally.outcomes[outcome]++;
  if (violation) {
    const id = `${trial.scenario.name}/${site.id}/${execution}/${mode}`;
    tally.failures.push({ id, what: `${site.func}, ${site.what}: ${violation}` });
  }
  return 1;
}

/** How an instruction goes wrong all the time: skipped, all ones, and a bit flipped. */
function modesOf(site: Site, random: Random): Mode[] {
  return site.kind === "value" ? ["skip", "ones", flipped(site, random)] : drawnModes(site, random);
}

/** How it goes wrong once: skipped, and one of the others. */
function drawnModes(site: Site, random: Random): Mode[] {
  if (site.kind === "effect") return ["skip"];
  if (site.kind === "branch") return ["reverse"];
  return ["skip", random.next() % 3 === 0 ? "ones" : flipped(site, random)];
}

/** Every other one in bit 0, which is what a condition has. */
function flipped({ type }: Site, random: Random): Mode {
  const width = type === "i64" ? 64 : 32;
  return random.next() % 2 === 0 ? "bit0" : `bit${1 + (random.next() % (width - 1))}`;
}

/** One of `every` executions of `count`, each as likely as the others. */
function drawn(count: number, every: number, random: Random): number[] {
  return Array.from({ length: count }, (_, i) => i + 1).filter(() => random.next() % every === 0);
}

function tried({ static: permanent, control, sampled }: Tally): number {
  return permanent + control + sampled;
}

function figuresOf({ sites }: Instrumented, tally: Tally): Figure[] {
  const figures = [
    ["faults_scenarios", SCENARIOS.length, "scenarios"],
    ["faults_sites", sites.length, "instructions"],
    ["faults_sites_run", tally.sites.size, "instructions that went wrong"],
    ["faults_static", tally.static, "faults"],
    ["faults_control", tally.control, "faults"],
    ["faults_loops_sampled", tally.sampled, "faults"],
    ["faults_all", tried(tally), "faults"],
    ...OUTCOMES.map((outcome) => [`faults_${outcome}`, tally.outcomes[outcome], "faults"]),
    ["faults_violations", tally.failures.length, "faults"],
  ] as const;
  return figures.map(([name, value, unit]) => ({ name: String(name), value: Number(value), unit: String(unit) }));
}

/** One fault again: `SCENARIO/SITE/EXECUTION/MODE`. */
function replay(instrumented: Instrumented, id: string): Result {
  const [name, site, execution, mode] = id.split("/");
  const scenario = SCENARIOS.find((other: Scenario) => other.name === name);
  const where = instrumented.sites[Number(site)];
  if (!scenario || !where || !/^\d+$/.test(execution ?? "") || !/^(skip|ones|reverse|bit\d+)$/.test(mode ?? "")) {
    return { figures: [], failures: [{ id, what: "there is no such fault" }] };
  }
  const fault: Fault = { site: where.id, execution: Number(execution), mode: mode as Mode };
  const { outcome, violation } = new Trial(instrumented, scenario).run(fault);
  const what = `${where.func}, ${where.what}: ${violation ?? outcome}`;
  return { figures: [], failures: violation ? [{ id, what }] : [], ...(!violation && { skipped: what }) };
}

/** The text that the compiler writes beside a module. */
function textOf(file: string): string {
  return file.replace(/\.wasm$/, ".wat");
}
