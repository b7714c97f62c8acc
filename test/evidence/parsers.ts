// Campaign parsers: mutated files, frames and answers for everything in the host tools that reads them.

import { Random } from "../../sim/core/random.js";
import type { Campaign, Failure, Figure, Options, Result } from "./campaign.js";
import { type Outcome, TARGETS, type Target } from "./parsertargets.js";

/** A case that takes longer (ms) is a hang. The longest permitted key derivation takes a few seconds. */
const LONGEST = 30_000;
/** How many times as many cases `--long` runs. */
const LONG = 20;
/** A target ends after this many failures. */
const ENOUGH = 20;

export const PARSERS: Campaign = {
  name: "parsers",
  title: "whatever a file or a line holds: a right result or one clear line, no wrong key, no file changed",
  run: (options) => runTargets(TARGETS, options),
};

/** Runs the targets, each with a fraction of its cases (default: 1). */
export async function runTargets(
  targets: readonly Target[],
  { long, only, log }: Options,
  fraction = 1,
): Promise<Result> {
  const figures: Figure[] = [];
  const failures: Failure[] = [];
  const [name, seed] = only?.split(":") ?? [];
  for (const target of targets.filter((any) => name === undefined || any.name === name)) {
    const tally = new Tally(target);
    const count = Math.ceil(target.cases * fraction * (long ? LONG : 1));
    const seeds = seed === undefined ? range(1, count) : [Number(seed)];
    for (const each of seeds) {
      await tally.run(each);
      if (tally.failures.length >= ENOUGH) break;
    }
    log(`${target.name}: ${tally.cases} cases`);
    figures.push(...tally.figures);
    failures.push(...tally.failures);
  }
  if (only !== undefined && figures.length === 0) failures.push({ id: only, what: "no such case" });
  return { figures: [...figures, ...totals(figures)], failures };
}

/** The figures of all targets together: the sums of the counts, and the longest case. */
function totals(figures: readonly Figure[]): Figure[] {
  return ["cases", "refused", "accepted", "longest"].map((what) => {
    const all = figures.filter(({ name }) => name.endsWith(`_${what}`));
    const values = all.map(({ value }) => value);
    const value = what === "longest" ? Math.max(0, ...values) : values.reduce((sum, one) => sum + one, 0);
    return { name: `parsers_${what}`, value, unit: all[0]?.unit ?? "" };
  });
}

function* range(from: number, count: number): Generator<number> {
  for (let at = from; at < from + count; at++) yield at;
}

/** The results of a target's cases. */
class Tally {
  readonly failures: Failure[] = [];
  readonly #target: Target;
  readonly #counts = { refused: 0, accepted: 0 };
  #longest = 0;

  constructor(target: Target) {
    this.#target = target;
  }

  get cases(): number {
    return this.#counts.refused + this.#counts.accepted + this.failures.length;
  }

  get figures(): Figure[] {
    const { name } = this.#target;
    return [
      { name: `parsers_${name}_cases`, value: this.cases, unit: "mutated inputs" },
      { name: `parsers_${name}_refused`, value: this.#counts.refused, unit: "with one clear line" },
      { name: `parsers_${name}_accepted`, value: this.#counts.accepted, unit: "with a right result" },
      { name: `parsers_${name}_longest`, value: this.#longest, unit: "ms" },
    ];
  }

  async run(seed: number): Promise<void> {
    const before = process.cpuUsage();
    try {
      const outcome: Outcome = await this.#target.run(new Random(seed));
      const { user, system } = process.cpuUsage(before);
      const took = Math.round((user + system) / 1000);
      this.#longest = Math.max(this.#longest, took);
      if (took > LONGEST) throw new Error(`took ${took} ms of processor time`);
      this.#counts[outcome]++;
    } catch (error) {
      this.failures.push({ id: `${this.#target.name}:${seed}`, what: lineOf(error) });
    }
  }
}

function lineOf(error: unknown): string {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return `${name}: ${message.replace(/\s+/g, " ").slice(0, 300)}`;
}
