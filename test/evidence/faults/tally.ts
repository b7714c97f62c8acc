// The faults of a scenario that are tried, and their results.

import { Random } from "../../../sim/core/random.js";
import type { Failure } from "../campaign.js";
import type { Instrumented, Site } from "./instrument.js";
import type { Mode } from "./target.js";
import { OUTCOMES, type Outcome, type Trial } from "./trial.js";

/**
Functions whose loops are sampled: algorithms, and code that moves bytes or counts time. All others are control code.
*/
const LOOPS =
  /^(crypto\/(?!siv)|~lib\/|selftest\/|pages\/check|flash\/isBlank|keys\/|card\/(nextDue|pass)|clock\/|line\/|frame\/|panel\/)/;
const SEED = 20_260_722;
/** Of an address in the card's memory. */
const ADDRESS_BITS = 12;

/** The faults tried, and their results. */
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
  /** Flips each bit of a result that may belong to an address, instead of one random bit. */
  readonly everyBit?: boolean;
  /** Tries one in this many executions of control code. */
  readonly thinning: number;
  /** Tries one in this many instructions in loops, each at one execution for each kind of fault. */
  readonly sampling: number;
  /** Only sites of these functions. */
  readonly only?: RegExp;
  /** Stops once a failure says this. */
  readonly until?: RegExp;
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
    if (plan.until && tally.failures.some(({ what }) => plan.until?.test(what))) return;
    const count = counts[site.id] as number;
    if (count === 0 || (plan.only && !plan.only.test(site.func))) continue;
    const sampled = LOOPS.test(site.func);
    const every = sampled ? count * plan.sampling : plan.thinning;
    tally.sites.add(site.id);
    for (const mode of modesOf(site, plan, random)) tally.static += attempt(trial, site, 0, mode, tally);
    // A site that is executed only once was just tried.
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

/** The faults of an instruction at every execution: skipped, all ones, and one bit or each bit flipped. */
function modesOf(site: Site, { everyBit }: Plan, random: Random): Mode[] {
  if (site.kind !== "value") return drawnModes(site, random);
  const drawn = flipped(site, random);
  const bits = everyBit ? Array.from({ length: ADDRESS_BITS }, (_, bit): Mode => `bit${bit}`) : [];
  return ["skip", "ones", ...new Set([drawn, ...bits])];
}

/** The faults at one execution: skipped, and one of the others. */
function drawnModes(site: Site, random: Random): Mode[] {
  if (site.kind === "effect") return ["skip"];
  if (site.kind === "branch") return ["reverse"];
  return ["skip", random.next() % 3 === 0 ? "ones" : flipped(site, random)];
}

/** Every second flip is of bit 0, which is the value of a condition. */
function flipped({ type }: Site, random: Random): Mode {
  const width = type === "i64" ? 64 : 32;
  return random.next() % 2 === 0 ? "bit0" : `bit${1 + (random.next() % (width - 1))}`;
}

/** One of `every` executions of `count`, each as likely as the others. */
function drawn(count: number, every: number, random: Random): number[] {
  return Array.from({ length: count }, (_, i) => i + 1).filter(() => random.next() % every === 0);
}

/** How many faults. */
export function tried({ static: permanent, control, sampled }: Tally): number {
  return permanent + control + sampled;
}

/** Adds what was tried elsewhere. */
export function add(to: Tally, from: Tally): void {
  for (const kind of ["static", "control", "sampled"] as const) to[kind] += from[kind];
  for (const outcome of OUTCOMES) to.outcomes[outcome] += from.outcomes[outcome];
  for (const site of from.sites) to.sites.add(site);
  to.failures.push(...from.failures);
}
