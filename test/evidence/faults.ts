// Campaign faults: while the card is attacked, one instruction of the module fails; each instruction, in every way.
//
// The released bytes are instrumented once (faults/instrument.ts), so that any instruction can be skipped, give all
// ones or a flipped bit, or branch the other way, at any of its executions. The campaign tests the module; the code
// that a compiler makes of it for a chip has other instructions.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Campaign, Failure, Figure, Options, Result } from "./campaign.js";
import { type Instrumented, released } from "./faults/instrument.js";
import { SCENARIOS } from "./faults/scenarios.js";
import { add, newTally, type Plan, type Tally, tried } from "./faults/tally.js";
import type { Fault, Mode } from "./faults/target.js";
import { OUTCOMES, Trial } from "./faults/trial.js";
import type { Order } from "./faults/worker.js";

/** The most failures that are printed in full, per scenario and in total. */
const LOGGED = 200;

const SHORT: Plan = { thinning: 32, sampling: 16 };
const LONG: Plan = { everyBit: true, thinning: 1, sampling: 1 };
/** Scenarios that are tried at once. */
const AT_ONCE = 2;

export const FAULTS: Campaign = {
  name: "faults",
  title: "one instruction of the module goes wrong, while the card is attacked",
  run,
};

async function run({ long, only, log }: Options): Promise<Result> {
  if (only !== undefined) return replay(only);
  const tally = newTally();
  const queue = [...SCENARIOS];
  const work = async () => {
    const thread = new Worker(new URL("./faults/worker.js", import.meta.url));
    for (let next = queue.shift(); next; next = queue.shift()) {
      const of = await tryIn(thread, { scenario: next.name, plan: long ? LONG : SHORT });
      log(`${next.name}: ${tried(of)} faults, ${of.failures.length} failures`);
      for (const { id, what } of of.failures.slice(0, LOGGED)) log(`  ${id}: ${what}`);
      add(tally, of);
    }
    await thread.terminate();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const { sites } = await released();
  return { figures: figuresOf(sites.length, tally), failures: tally.failures };
}

/** Throws the thread's error. */
async function tryIn(thread: Worker, order: Order): Promise<Tally> {
  thread.postMessage(order);
  const [tally] = await once(thread, "message");
  return tally as Tally;
}

function figuresOf(sites: number, tally: Tally): Figure[] {
  const figures = [
    ["faults_scenarios", SCENARIOS.length, "scenarios"],
    ["faults_sites", sites, "instructions"],
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

/** One fault of the released module again: `SCENARIO/SITE/EXECUTION/MODE`. */
async function replay(id: string): Promise<Result> {
  const { failures, seen } = replayOn(await released(), id);
  return { figures: [], failures, ...(seen !== undefined && { skipped: seen }) };
}

/** Replays one fault on any module. Returns its failure, or what was observed if it is no failure. */
export function replayOn(instrumented: Instrumented, id: string): { failures: readonly Failure[]; seen?: string } {
  const [name, site, execution, mode] = id.split("/");
  const scenario = SCENARIOS.find((other) => other.name === name);
  const where = instrumented.sites[Number(site)];
  if (!scenario || !where || !/^\d+$/.test(execution ?? "") || !/^(skip|ones|reverse|bit\d+)$/.test(mode ?? "")) {
    return { failures: [{ id, what: "no fault has this id" }] };
  }
  const fault: Fault = { site: where.id, execution: Number(execution), mode: mode as Mode };
  const { outcome, violation } = new Trial(instrumented, scenario).run(fault);
  const what = `${where.func}, ${where.what}: ${violation ?? outcome}`;
  return violation ? { failures: [{ id, what }] } : { failures: [], seen: what };
}
