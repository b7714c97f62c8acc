// Evidence: the host's side. Every file is whole or not there, whatever ends `dsc`; never a card whose key nobody holds,
// whoever else runs it; and no secret anywhere but where it belongs.
//
//   FLOW:N…        kill -9 at an operation, or two (hostside/kills.ts)
//   FLOW/N.M       the computer loses power (hostside/powerloss.ts)
//   port: late: register: serial: crowd:   two or more at once (hostside/atonce.ts)
//   canary:NAME    secrets looked for in the image of a process, and in all that it left (hostside/canaries.ts)
//
// Here a process is ended at what it does with files, and at the lines of its trace. What the register's own file and the
// card have when it is ended inside the register is a campaign of its own.

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

/** Why it cannot be run here; nothing where it can. */
export const SKIPPED = process.platform === "linux" ? undefined : "it needs Linux: /proc, and pseudo-terminals";

/** In the short form, of the moments of a run at which it is killed and its rerun is killed again. */
const PAIRS = 12;
/** In the short form, every so many-th operation meets a second program. */
const MEETING_STEP = 9;
const CROWD = 6;
/** Its register is made after its first file: what its disk loses is not seen by the injected file system. */
const WITHOUT_DISK = "init";

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

/** Every two moments; in the short form some, spread over both runs. */
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

/** The operations before which the first is stopped; `shift` chooses others in the short form. */
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
