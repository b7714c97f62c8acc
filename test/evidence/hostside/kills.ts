// kill -9 of `dsc` at its file operations, once or several times, and then the same command again. While it talks to a
// card, the operations are the lines of its trace: one before each frame, and one after it.
//
// FLOW:N names the case that is killed before operation N; FLOW:Nt is killed when that operation is half done; FLOW:N+M is
// killed before operation N, run again, and killed before operation M of the second run.

import { benchOf, type Flow, type Verdict } from "./flows.js";
import type { Operation } from "./orders.js";
import type { Launcher, Outcome, SimulatedBench } from "./simulatedbench.js";

export interface Kill {
  readonly at: number;
  readonly torn: boolean;
}

export interface KillCase {
  readonly flow: Flow;
  readonly kills: readonly Kill[];
}

export interface KillResult {
  readonly wrong: Verdict;
  /** The number of kills that happened. */
  readonly killed: number;
  readonly reruns: number;
}

export function caseId({ flow, kills }: KillCase): string {
  return `${flow.name}:${kills.map(({ at, torn }) => `${at}${torn ? "t" : ""}`).join("+")}`;
}

/** Runs and kills the command, checks card, register and files, and lets the last run finish. */
export async function runKills({ flow, kills }: KillCase, launcher?: Launcher): Promise<KillResult> {
  const bench = benchOf(flow.stage, launcher);
  let killed = 0;
  const resultOf = (wrong: Verdict): KillResult => ({ wrong, killed, reruns: killed });
  try {
    for (const [index, { at, torn }] of kills.entries()) {
      const outcome = await bench.run(flow.args, { kill: at, torn });
      // It has fewer operations. After a kill its file may be there already.
      if (!outcome.killed) return resultOf(await endOf(outcome, index === 0 ? [0] : flow.again, flow, bench));
      killed++;
      const broken = await flow.broken(bench);
      if (broken) return resultOf(broken);
    }
    return resultOf(await runAgain(flow, bench));
  } finally {
    bench.close();
  }
}

/** Runs the command once more. Returns the fault. */
export async function runAgain(flow: Flow, bench: SimulatedBench): Promise<Verdict> {
  return endOf(await bench.run(flow.args), flow.again, flow, bench);
}

/** The fault after a run that was not killed and that may end with these exit codes. */
async function endOf(
  { code, stderr }: Outcome,
  codes: readonly number[],
  flow: Flow,
  bench: SimulatedBench,
): Promise<Verdict> {
  if (code === null || !codes.includes(code))
    return `not killed: exit code ${code}: ${stderr.trimEnd().split("\n").at(-1)}`;
  return flow.unfinished(bench);
}

/** The operations of a run that is not killed. */
export interface Course {
  readonly operations: readonly Operation[];
  /** The numbers of the operations right before and after each frame that changes the card. */
  readonly telling: ReadonlySet<number>;
}

export async function courseOf({ stage, args }: Flow, launcher?: Launcher): Promise<Course> {
  const bench = benchOf(stage, launcher);
  try {
    const { operations } = await bench.run(args);
    const flashes = [...bench.flashes, bench.flash].map((bytes) => Buffer.from(bytes));
    const numbers = operations.flatMap(({ kind }, index) => (kind === "frame" ? [index + 1] : []));
    const changing = numbers.filter((_, frame) => !flashes[frame]?.equals(flashes[frame + 1] as Buffer));
    return { operations, telling: new Set(changing.flatMap((number) => [number - 1, number + 1])) };
  } finally {
    bench.close();
  }
}

/**
 * Moments to kill at: before each operation on a file, and in the middle of each that writes; of the lines of a trace, all,
 * or those around a frame that changes the card.
 */
export function killsOf({ operations, telling }: Course, all: boolean): Kill[] {
  return operations.flatMap(({ kind }, index) => {
    const at = index + 1;
    const isChosen = kind === "trace" ? all || telling.has(at) : kind !== "frame" && kind !== "failed";
    if (!isChosen) return [];
    const halves = kind === "write" || kind === "trace";
    return halves ? [false, true].map((torn) => ({ at, torn })) : [{ at, torn: false }];
  });
}
