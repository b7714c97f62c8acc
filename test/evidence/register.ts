// Campaign register: `dsc`, its disk or its server fails at any moment. These promises must hold:
//
//   R1  no card has a token key that the register lacks;
//   R2  nor an unlock key;
//   R3  no token key is in two cards;
//   R4  the register notes keys and transport keys as sent before a card gets them;
//   R5  a card that was reported as done is done in the register: `done` is printed after the commit;
//   R6  the register is consistent: each key opens, the journal verifies, `check` finds nothing;
//   R7  the same command, run again, finishes: one card, its key, no claim and nothing pending left;
//   R8  a command that fails says why in one line, with exit code 6;
//   R9  of many processes that verify one challenge at once exactly one says `accepted`.
//
// Cases, by the beginning of their ids:
//
//   kill:         kill -9 of a process at a statement or a frame (register/kills.ts)
//   shim:         kill -9 of a process at a sync (register/losses.ts)
//   disk:         the register's file as a kill or a loss of power leaves it, made from one recorded run (register/losses.ts)
//   full:         the disk is full from one write on (register/losses.ts)
//   cut:          the connection to PostgreSQL ends at a statement (register/cuts.ts)
//   race:         many processes, one challenge (register/race.ts)

import { availableParallelism } from "node:os";
import type { EngineKind } from "../../host-tools/desk/register/engine.js";
import { NO_POSTGRES } from "../support/postgres.js";
import type { Campaign, Failure, Figure, Options, Result } from "./campaign.js";
import { courseOf, watched } from "./register/courses.js";
import { runCut, statementsOf } from "./register/cuts.js";
import { NO_DISK } from "./register/disk.js";
import { runKill } from "./register/kills.js";
import { judgeLeftover, leftoversOf, runDiskKill, runFullDisk } from "./register/losses.js";
import type { Verdict } from "./register/promises.js";
import { runRace } from "./register/race.js";
import { FLOWS, type Flow } from "./register/scenes.js";

export const REGISTER: Campaign = {
  name: "register",
  title: "the register has every key that a card has, whenever dsc, its disk or its server fails",
  run,
};

/** Why the campaign cannot run here; undefined if it can. */
export const SKIPPED = NO_DISK;

/** In the usual form, every so many-th operation of the second and third flow is a case. */
const STEP = 10;
/** Random losses of power at each moment, besides the one that keeps only synced data: usual form, long form. */
const [SEEDS, MORE_SEEDS] = [1, 4];
const PROCESSES = 64;
const ENGINES: readonly EngineKind[] = ["sqlite", "postgres"];

/** One case. */
interface Case {
  readonly id: string;
  /** The figure that counts it. */
  readonly figure: string;
  run(): Promise<Verdict>;
}

async function run({ long, only, log }: Options): Promise<Result> {
  if (SKIPPED) return { figures: [], failures: [], skipped: SKIPPED };
  const counts = new Map<string, number>();
  const failures: Failure[] = [];
  const engines = NO_POSTGRES ? ENGINES.filter((kind) => kind !== "postgres") : ENGINES;
  for (const [what, make] of Object.entries(parts(engines, long))) {
    if (only !== undefined && !only.startsWith(`${what.split(" ")[0]}:`)) continue;
    const cases = (await make()).filter(({ id }) => only === undefined || id === only);
    log(`${what}: ${cases.length}`);
    await inParallel(cases, async ({ id, figure, run }) => {
      const wrong = await run().catch((error) => `the case cannot be judged: ${error.message}`);
      counts.set(figure, (counts.get(figure) ?? 0) + 1);
      if (wrong) failures.push({ id, what: wrong });
    });
  }
  if (only !== undefined && counts.size === 0) failures.push({ id: only, what: "no case has this id" });
  const figures = [...counts].map(([name, value]): Figure => ({ name: `register_${name}`, value, unit: "cases" }));
  return { figures, failures, ...(NO_POSTGRES && { skipped: `PostgreSQL: ${NO_POSTGRES}` }) };
}

function parts(engines: readonly EngineKind[], long: boolean): Record<string, () => Promise<Case[]>> {
  const flows = (first: readonly Flow[]) => (long ? FLOWS : first);
  const first = FLOWS.slice(0, 1);
  const onServer = engines.includes("postgres");
  return {
    "disk images": () => each(FLOWS, (flow) => images(flow, long ? MORE_SEEDS : SEEDS)),
    "kill at statements and frames": () =>
      each(engines, (kind) => each(FLOWS, (flow) => kills(flow, kind, long || flow === FLOWS[0] ? 1 : STEP))),
    "shim kills at syncs": () => each(flows(first), syncs),
    "full disk": () => each(flows(first), fullDisks),
    "cut connections": async () => (onServer ? each(flows(first), cuts) : []),
    "race of processes": async () =>
      engines.map((kind) => ({ id: `race:${kind}`, figure: "races", run: () => runRace(kind, PROCESSES) })),
  };
}

async function each<T>(list: readonly T[], make: (one: T) => Promise<Case[]>): Promise<Case[]> {
  const cases: Case[] = [];
  for (const one of list) cases.push(...(await make(one)));
  return cases;
}

async function images(flow: Flow, seeds: number): Promise<Case[]> {
  return leftoversOf(await watched(flow), seeds).map((leftover) => ({
    id: leftover.id,
    figure: leftover.id.endsWith(".killed") ? "images_killed" : "images_power_lost",
    run: () => judgeLeftover(leftover),
  }));
}

async function kills(flow: Flow, kind: EngineKind, step: number): Promise<Case[]> {
  const operations = await courseOf(flow, kind);
  return operations.flatMap((operation, index) => {
    if (index % step !== 0) return [];
    const what = operation.kind === "frame" ? "frames" : "statements";
    const run = async () => {
      const { wrong, killed } = await runKill(flow, kind, index + 1);
      return wrong ?? (killed ? undefined : "the process ended before it was killed");
    };
    return [{ id: `kill:${kind}/${flow.name}/${index + 1}`, figure: `kills_${kind}_${what}`, run }];
  });
}

async function syncs(flow: Flow): Promise<Case[]> {
  const { operations } = await watched(flow);
  return operations.flatMap(({ kind }, index) =>
    kind === "sync"
      ? [
          {
            id: `shim:${flow.name}/${index + 1}`,
            figure: "kills_sqlite_syncs",
            run: () => runDiskKill(flow, index + 1),
          },
        ]
      : [],
  );
}

async function fullDisks(flow: Flow): Promise<Case[]> {
  const { writes } = await watched(flow);
  return writes.map((_, index) => ({
    id: `full:${flow.name}/${index + 1}`,
    figure: "full_disks",
    run: () => runFullDisk(flow, index + 1),
  }));
}

async function cuts(flow: Flow): Promise<Case[]> {
  const statements = await statementsOf(flow);
  return Array.from({ length: statements }, (_, index) =>
    (["before", "after"] as const).map((when) => ({
      id: `cut:${flow.name}/${index + 1}.${when}`,
      figure: "connections_cut",
      run: () => runCut(flow, { at: index + 1, when }),
    })),
  ).flat();
}

/** As many at once as there are processors. */
async function inParallel(cases: readonly Case[], run: (one: Case) => Promise<void>): Promise<void> {
  const queue = [...cases];
  const worker = async () => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) await run(one);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}
