// kill -9 of a real `dsc personalize` before a statement or a frame, on either engine, then a rerun of the same command. Some
// reruns are processes; the others run the code in this process, which takes a third of the time.
//
// The case kill:ENGINE/FLOW/N is killed before operation N of the run.

import type { EngineKind } from "../../../host-tools/desk/register/engine.js";
import { failureOf } from "../../support/seeding.js";
import type { Launcher } from "../hostside/simulatedbench.js";
import { STATEMENTS } from "./courses.js";
import { brokenPromise, unfinished, type Verdict } from "./promises.js";
import { cardWith, Desk, type Flow, sceneOf, seedHere, withOpen } from "./scenes.js";

/** One rerun in this many is a process. Reruns of mutants always are. */
const EVERY = 10;

export interface KillResult {
  readonly wrong: Verdict;
  /** Whether the process was killed before it ended. */
  readonly killed: boolean;
}

/** Before an operation, numbered from 1; or after the first frame that follows a statement with this beginning. */
export type KillAt = number | { readonly frameAfter: string };

/** Kills a run, checks card and register, and lets the next run finish. */
export async function runKill(flow: Flow, kind: EngineKind, at: KillAt, launcher?: Launcher): Promise<KillResult> {
  const desk = await Desk.at(await sceneOf(flow, kind), launcher);
  try {
    const kill = typeof at === "number" ? { kill: at } : { killBehindFrameAfter: at.frameAfter };
    const { killed, stdout, code, stderr } = await desk.run({ ...STATEMENTS, ...kill });
    if (!killed) return { killed, wrong: code === 0 ? undefined : `exit code ${code}: ${stderr.trimEnd()}` };
    const { flash } = desk.bench;
    const broken = await withOpen(desk.where, (register) => brokenPromise(register, flash, flow, stdout !== ""));
    const isProcess = launcher !== undefined || typeof at !== "number" || at % EVERY === 0;
    const rerun = isProcess ? finishes : finishesHere;
    return { killed, wrong: broken ?? (await rerun(desk)) };
  } finally {
    await desk.close();
  }
}

/** Whether the same command finishes now, in this process. */
export async function finishesHere({ where, name, bench, scene: { flow } }: Desk): Promise<Verdict> {
  const card = cardWith(bench.flash);
  return withOpen(where, async (register) => {
    const error = await failureOf(seedHere(register, card, flow, name));
    return error === undefined
      ? unfinished(register, Uint8Array.from(card.flash.bytes), flow)
      : `R7: run again: ${(error as Error).message}`;
  });
}

/** Whether the same command finishes now, as a process. */
export async function finishes(desk: Desk): Promise<Verdict> {
  const { code, stderr } = await desk.run();
  if (code !== 0) return `R7: run again: exit code ${code}: ${stderr.trimEnd().split("\n").at(-1)}`;
  return withOpen(desk.where, (register) => unfinished(register, desk.bench.flash, desk.scene.flow));
}
