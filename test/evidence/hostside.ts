// Evidence: the host's side. Whatever ends `dsc`, and whoever else runs it, every file is complete or absent and every card's
// key is in the register; and a secret is nowhere but where it belongs.
//
//   FLOW:N…        kill -9 at an operation, or two (hostside/kills.ts)
//   FLOW/N.M       the computer loses power (hostside/powerloss.ts)
//   port: late: register: serial: crowd:   two or more at once (hostside/atonce.ts)
//   canary:NAME    a search for secrets in the image of a process, and in everything that it left (hostside/canaries.ts)
//
// Here a process is ended at its file operations, and at the lines of its trace. Another campaign, register, ends it inside the
// register, and compares the register's own file with the card.

import type { Campaign, Failure, Figure, Options, Result } from "./campaign.js";
import { crowd, lateToPort, NEVER_MET, samePort, sameRegister, sameSerial } from "./hostside/atonce.js";
import { CASES, missingFor, runCanary } from "./hostside/canaries.js";
import { type Flow, flows, isTraced, type Verdict } from "./hostside/flows.js";
import { type Course, caseId, courseOf, type Kill, type KillCase, killsOf, runKills } from "./hostside/kills.js";
import { makingFlows } from "./hostside/making.js";
import { runPowerLoss } from "./hostside/powerloss.js";

export const HOST_SIDE: Campaign = {
  name: "host-side",
  title: "no file in halves, no card whose key nobody holds, and no secret left behind",
  run,
};

/** Why it cannot be run here; undefined if it can. */
export const SKIPPED = process.platform === "linux" ? undefined : "it needs Linux: /proc, and pseudo-terminals";

/** The short form has this many cases in which a run is killed and its rerun is killed again. */
const PAIRS = 12;
/** In the short form, a second program comes at one in this many operations. */
const MEETING_STEP = 9;
const CROWD = 6;
/** The flow that makes its register after its first file: the injected file system does not see what the disk loses. */
const WITHOUT_DISK = "init";

/** Figures by name, added up. */
class Tally {
  readonly figures = new Map<string, Figure>();
  readonly failures: Failure[] = [];

  /** Adds to a figure, named with the campaign's name before `what`. */
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
  const courses = new Map<Flow, Course>();
  for (const flow of [...(await makingFlows()), ...(await flows())]) courses.set(flow, await courseOf(flow));
  for (const [what, cases] of Object.entries(parts(courses, long, only))) {
    const chosen = cases.filter(({ id }) => only === undefined || id === only || only.startsWith(`${id}/`));
    if (chosen.length > 0) log(`${what}: ${chosen.length}`);
    for (const one of chosen) await one.run(tally);
  }
  if (only !== undefined && tally.figures.size === 0) tally.judge(only, "no case has this id");
  return { figures: [...tally.figures.values()], failures: tally.failures };
}

type Courses = readonly (readonly [Flow, Course])[];

function parts(courses: ReadonlyMap<Flow, Course>, long: boolean, only?: string): Record<string, Case[]> {
  const all = [...courses];
  const seeding = all.filter(([{ args }]) => args[0] === "personalize");
  const making = all.filter((one) => !seeding.includes(one));
  const kills = [...making, ...seeding.filter(([flow]) => isTraced(flow))].flatMap(([flow, course]) =>
    killsOf(course, long).map((kill) => killing({ flow, kills: [kill] }, course)),
  );
  return {
    "killed once": kills,
    "killed twice": making.flatMap(([flow, course]) => pairsOf(flow, course, long, making.length)),
    "power lost": making.flatMap(([flow]) => (flow.name === WITHOUT_DISK ? [] : [powerLoss(flow, only)])),
    "two at once": [
      ...onePort(
        seeding.filter(([flow]) => !isTraced(flow)),
        long,
      ),
      ...oneRegister(seeding, long),
    ],
    canaries: canaries(),
  };
}

function killing(one: KillCase, { operations }: Course): Case {
  const id = caseId(one);
  const first = operations[(one.kills[0]?.at ?? 0) - 1]?.kind;
  const name = one.kills.length > 1 ? "twice" : first === "trace" ? "at_frames" : "at_file_operations";
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

/** All pairs of moments; in the short form some of them, spread over both runs. */
function pairsOf(flow: Flow, course: Course, long: boolean, flowCount: number): Case[] {
  const moments = killsOf(course, long);
  const pairs: [Kill, Kill][] = moments.flatMap((first) => moments.map((second): [Kill, Kill] => [first, second]));
  // Coprime to the count of moments, so that both kills differ from one to the next.
  const step = long ? 1 : Math.max(1, Math.floor(pairs.length / (PAIRS / flowCount)) - 1);
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

function onePort(courses: Courses, long: boolean): Case[] {
  return courses.flatMap(([flow, course], index) => {
    const overlaps = meetings(course, long, index).map((at) =>
      together(`port:${flow.name}:${at}`, () => samePort(flow, at)),
    );
    return [...overlaps, together(`late:${flow.name}`, () => lateToPort(flow))];
  });
}

function oneRegister(courses: Courses, long: boolean): Case[] {
  const [fresh] = courses.filter(([flow]) => flow.name === "fresh");
  if (!fresh) return [];
  const [flow, course] = fresh;
  return [
    ...meetings(course, long, 0).map((at) => together(`register:${at}`, () => sameRegister(flow, at))),
    ...meetings(course, long, 1).map((at) => together(`serial:${at}`, () => sameSerial(flow, at))),
    together(`crowd:${CROWD}`, () => crowd(flow, CROWD)),
  ];
}

/** The operations before which the first program is stopped; in the short form `shift` selects different ones. */
function meetings({ operations }: Course, long: boolean, shift: number): number[] {
  const step = long ? 1 : MEETING_STEP;
  return operations.flatMap((_, before) => (before % step === shift % step ? [before + 1] : []));
}

function together(id: string, meet: () => Promise<Verdict>): Case {
  const name = /^(port|late)/.test(id) ? "runs_at_once_on_one_port" : "runs_at_once_on_one_file";
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
      if (missingFor(one)) return tally.count("canaries_left_out");
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
