// Evidence: the host's side of personalization. Never a card whose key nobody holds, whatever ends `dsc` and whoever
// else runs it; and no secret anywhere but where it belongs.
//
//   FLOW:N…        kill -9 at an operation, or two (hostside/kills.ts)
//   FLOW/N.M       the computer loses power (hostside/powerloss.ts)
//   port: late: file: crowd:   two or more at once (hostside/atonce.ts)
//   canary:NAME    secrets looked for in the image of a process, and in all that it left (hostside/canaries.ts)

import type { Campaign, Failure, Figure, Options, Result } from "./campaign.js";
import { crowd, lateToPort, NEVER_MET, sameFile, samePort, type Verdict } from "./hostside/atonce.js";
import { CASES, runCanary } from "./hostside/canaries.js";
import { type Flow, flows, isTraced } from "./hostside/flows.js";
import { type Course, caseId, courseOf, type Kill, type KillCase, killsOf, runKills } from "./hostside/kills.js";
import { runPowerLoss } from "./hostside/powerloss.js";

export const HOST_SIDE: Campaign = {
  name: "host-side",
  title: "never a card whose key nobody holds, and no secret left behind, whatever ends dsc",
  run,
};

/** Why it cannot be run here; nothing where it can. */
export const SKIPPED = process.platform === "linux" ? undefined : "it needs Linux: /proc, and pseudo-terminals";

/** In the short form, of the moments of a run at which it is killed and its rerun is killed again. */
const PAIRS = 12;
/** In the short form, every so many-th operation meets a second program on the port. */
const PORT_STEP = 9;
const CROWD = 6;
/** Finds the lock taken so often: until its waiting time of 5 s ends. */
const FOR_GOOD = 1000;

/** Figures by name, added up. */
class Tally {
  readonly figures = new Map<string, Figure>();
  readonly failures: Failure[] = [];

  /** Adds to a figure, which the campaign's name is put before. */
  count(what: string, value = 1, unit = "cases"): void {
    const name = `host_${what}`;
    const before = this.figures.get(name)?.value ?? 0;
    this.figures.set(name, { name, value: before + value, unit });
  }

  judge(id: string, what: Verdict): void {
    if (what !== undefined) this.failures.push({ id, what });
  }
}

/** One case. */
interface Case {
  readonly id: string;
  run(tally: Tally): Promise<void>;
}

async function run({ long, only, log }: Options): Promise<Result> {
  if (SKIPPED) return { figures: [], failures: [], skipped: SKIPPED };
  const tally = new Tally();
  const all = await flows();
  const courses = new Map<Flow, Course>();
  for (const flow of all) courses.set(flow, await courseOf(flow));
  for (const [what, cases] of Object.entries(parts(courses, long, only))) {
    const chosen = cases.filter(({ id }) => only === undefined || id === only || only.startsWith(`${id}/`));
    if (chosen.length > 0) log(`${what}: ${chosen.length}`);
    for (const one of chosen) await one.run(tally);
  }
  if (only !== undefined && tally.figures.size === 0) tally.judge(only, "there is no such case");
  return { figures: [...tally.figures.values()], failures: tally.failures };
}

function parts(courses: ReadonlyMap<Flow, Course>, long: boolean, only?: string): Record<string, Case[]> {
  const all = [...courses];
  // A trace is one file more to be killed at, and the rest is the same with it.
  const untraced = new Map(all.filter(([flow]) => !isTraced(flow)));
  const kills = all.flatMap(([flow, course], index) =>
    killsOf(course, long || index === 0).map((kill) => killing({ flow, kills: [kill] }, course)),
  );
  return {
    "killed once": kills,
    "killed twice": [...untraced].flatMap(([flow, course]) => pairsOf(flow, course, long)),
    "power lost": [...untraced].map(([flow]) => powerLoss(flow, only)),
    "two at once": [...onePort(untraced, long), ...oneFile(untraced)],
    canaries: canaries(),
  };
}

function killing(one: KillCase, { operations }: Course): Case {
  const id = caseId(one);
  const first = operations[(one.kills[0]?.at ?? 0) - 1]?.kind;
  const name = one.kills.length > 1 ? "twice" : first === "frame" ? "at_frames" : "at_file_operations";
  return {
    id,
    run: async (tally) => {
      const { wrong, killed, reruns } = await runKills(one);
      if (killed === one.kills.length) tally.count(`kills_${name}`);
      tally.count("reruns_finished", wrong ? 0 : reruns, "runs");
      tally.judge(id, wrong);
    },
  };
}

/** Every two moments; in the short form some, spread over both runs. */
function pairsOf(flow: Flow, course: Course, long: boolean): Case[] {
  const moments = killsOf(course, long);
  const pairs: [Kill, Kill][] = moments.flatMap((first) => moments.map((second): [Kill, Kill] => [first, second]));
  // Coprime to the count of moments, so that both kills differ from one to the next.
  const step = long ? 1 : Math.floor(pairs.length / (PAIRS / 4)) - 1;
  const some = pairs.filter((_, index) => index % step === step >> 1);
  return some.map((kills) => killing({ flow, kills }, course));
}

function powerLoss(flow: Flow, only: string | undefined): Case {
  return {
    id: flow.name,
    run: async (tally) => {
      const { states, reruns, failures } = await runPowerLoss(flow, { only });
      tally.count("power_loss_disks", states, "disks");
      tally.count("reruns_finished", reruns - failures.length, "runs");
      tally.failures.push(...failures);
    },
  };
}

function onePort(courses: ReadonlyMap<Flow, Course>, long: boolean): Case[] {
  return [...courses].flatMap(([flow, { operations }], index) => {
    const step = long ? 1 : PORT_STEP;
    const numbers = operations.flatMap((_, before) => (before % step === index % step ? [before + 1] : []));
    const overlaps = numbers.map((at) => together(`port:${flow.name}:${at}`, () => samePort(flow, at)));
    return [...overlaps, together(`late:${flow.name}`, () => lateToPort(flow))];
  });
}

function oneFile(courses: ReadonlyMap<Flow, Course>): Case[] {
  const named = (name: string) => [...courses].filter(([flow]) => flow.name === name);
  const overlaps = [...named("fresh"), ...named("append")].flatMap(([flow, { operations }]) => {
    const numbers = operations.flatMap(({ kind }, index) => (kind === "frame" ? [] : [index + 1]));
    return numbers.map((at) => together(`file:${flow.name}:${at}`, () => sameFile(flow, at)));
  });
  const [append] = named("append");
  if (!append) return overlaps;
  const [flow, { operations }] = append;
  const inside = operations.findIndex(({ kind }) => kind === "rename") + 1;
  return [
    ...overlaps,
    together("file:for-good", () => sameFile(flow, inside, undefined, FOR_GOOD)),
    together(`crowd:${CROWD}`, () => crowd(flow, CROWD)),
  ];
}

function together(id: string, meet: () => Promise<Verdict>): Case {
  const name =
    id.startsWith("file") || id.startsWith("crowd") ? "runs_at_once_on_one_file" : "runs_at_once_on_one_port";
  return {
    id,
    run: async (tally) => {
      const verdict = await meet();
      if (verdict !== NEVER_MET) tally.count(name);
      tally.judge(id, verdict);
    },
  };
}

function canaries(): Case[] {
  return CASES.map((one) => ({
    id: `canary:${one.id}`,
    run: async (tally) => {
      const { wrong, copies, image, files, remnants } = await runCanary(one);
      tally.count("process_images_searched", 1, "images");
      tally.count("image_bytes_searched", image, "B");
      tally.count("files_searched", files, "files");
      tally.count("secret_copies_found", copies, "copies");
      tally.count("secret_copies_of_stdin_found", remnants, "copies");
      for (const what of wrong) tally.judge(`canary:${one.id}`, what);
    },
  }));
}
