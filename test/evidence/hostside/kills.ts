// kill -9 of `dsc personalize` at its operations, once or more often, and then the same command again.
//
// A case is named FLOW:N: killed before operation N; N followed by t: when that was half done; FLOW:N+M: killed, run
// again, and killed again before operation M of that.

import { benchOf, brokenPromise, type Flow, unfinished } from "./flows.js";
import type { Operation } from "./orders.js";
import type { Launcher } from "./simulatedbench.js";

export interface Kill {
  readonly at: number;
  readonly torn: boolean;
}

export interface KillCase {
  readonly flow: Flow;
  readonly kills: readonly Kill[];
}

export interface KillResult {
  /** What was wrong, in a line. */
  readonly wrong: string | undefined;
  /** How many of the kills fell. */
  readonly killed: number;
  readonly reruns: number;
}

export function caseId({ flow, kills }: KillCase): string {
  return `${flow.name}:${kills.map(({ at, torn }) => `${at}${torn ? "t" : ""}`).join("+")}`;
}

/** Kills, looks at card and files, and lets the last run finish. */
export async function runKills({ flow, kills }: KillCase, launcher?: Launcher): Promise<KillResult> {
  const bench = benchOf(flow.stage, launcher);
  let killed = 0;
  const resultOf = (wrong: string | undefined): KillResult => ({ wrong, killed, reruns: killed });
  try {
    for (const { at, torn } of kills) {
      const outcome = await bench.run(flow.args, { kill: at, torn });
      if (!outcome.killed)
        return resultOf(outcome.code === 0 ? undefined : `exit code ${outcome.code}: ${outcome.stderr}`);
      killed++;
      const broken = brokenPromise(bench);
      if (broken) return resultOf(broken);
    }
    const { code, stderr } = await bench.run(flow.args);
    if (code !== 0) return resultOf(`run again: exit code ${code}: ${lastLine(stderr)}`);
    return resultOf(unfinished(flow, bench));
  } finally {
    bench.close();
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

/** What one run that nobody kills does. */
export interface Course {
  readonly operations: readonly Operation[];
  /** The numbers of the frames that change the card, and of the operations around them. */
  readonly telling: ReadonlySet<number>;
}

export async function courseOf({ stage, args }: Flow, launcher?: Launcher): Promise<Course> {
  const bench = benchOf(stage, launcher);
  try {
    const { operations } = await bench.run(args);
    const flashes = [...bench.flashes, bench.flash].map((bytes) => Buffer.from(bytes));
    const numbers = operations.flatMap(({ kind }, index) => (kind === "frame" ? [index + 1] : []));
    const changing = numbers.filter((_, frame) => !flashes[frame]?.equals(flashes[frame + 1] as Buffer));
    return { operations, telling: new Set(changing.flatMap((number) => [number, number + 1])) };
  } finally {
    bench.close();
  }
}

/**
 * Moments to kill at: all, and in the middle of each that changes a file or the card; or only before each of those, and
 * in the middle of the writes. Lines of a trace are chosen as frames are.
 */
export function killsOf({ operations, telling }: Course, all: boolean): Kill[] {
  return operations.flatMap(({ kind }, index) => {
    const at = index + 1;
    const chosen = (kind !== "frame" && kind !== "trace") || telling.has(at);
    if (!chosen && !all) return [];
    const halves = kind === "write" || kind === "trace" || (kind === "frame" && chosen && all);
    return halves ? [false, true].map((torn) => ({ at, torn })) : [{ at, torn: false }];
  });
}
