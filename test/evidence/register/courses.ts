// Undisturbed runs of `dsc personalize`, recorded: their statements and frames, and the disk operations of a register in a
// file. Each case of the campaign is a moment of such a run. The real program is run once, a mutant each time.

import { join } from "node:path";
import type { EngineKind } from "../../../host-tools/desk/register/engine.js";
import type { Operation } from "../hostside/orders.js";
import type { Launcher, Outcome } from "../hostside/simulatedbench.js";
import { type DiskEvent, type DiskOrders, eventsIn, operationsOf, watchDisk, writesOf } from "./disk.js";
import { Desk, type Flow, type Scene, sceneOf } from "./scenes.js";

/** Statements count as operations of a run, as frames do. */
export const STATEMENTS = { statements: true } as const;

/** A run on a file. */
export interface Course {
  readonly scene: Scene;
  /** Statements and frames. */
  readonly steps: readonly Operation[];
  /** Disk operations and frames. */
  readonly operations: readonly DiskEvent[];
  /** The writes that a full disk would have refused. */
  readonly writes: readonly DiskEvent[];
  /** The card's flash before each frame, and at the end. */
  readonly flashes: readonly Uint8Array[];
  readonly bench: string;
}

const courses = new Map<string, Promise<Course>>();
const steps = new Map<string, Promise<readonly Operation[]>>();

export function watched(flow: Flow, launcher?: Launcher): Promise<Course> {
  return launcher === undefined ? once(courses, flow.name, () => watch(flow)) : watch(flow, launcher);
}

/** Statements and frames of a run on either engine. */
export async function courseOf(flow: Flow, kind: EngineKind): Promise<readonly Operation[]> {
  return kind === "sqlite" ? (await watched(flow)).steps : once(steps, flow.name, () => stepsOnServer(flow));
}

function once<T>(made: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  const one = made.get(name) ?? make();
  made.set(name, one);
  return one;
}

async function watch(flow: Flow, launcher?: Launcher): Promise<Course> {
  const scene = await sceneOf(flow, "sqlite");
  const desk = await Desk.at(scene, launcher);
  try {
    const { outcome, events } = await runWatched(desk);
    return {
      ...{ scene, steps: stepsOf(flow, outcome), operations: operationsOf(events), writes: writesOf(events) },
      ...{ flashes: [...desk.bench.flashes, desk.bench.flash], bench: desk.name },
    };
  } finally {
    await desk.close();
  }
}

/** Runs `dsc` at the desk; its disk follows `orders`. */
export async function runWatched(desk: Desk, orders: DiskOrders = {}) {
  const log = join(desk.bench.folder, "disk");
  const outcome = await desk.run(STATEMENTS, watchDisk(desk.folder, log, orders));
  return { outcome, events: eventsIn(log) };
}

async function stepsOnServer(flow: Flow): Promise<readonly Operation[]> {
  const desk = await Desk.at(await sceneOf(flow, "postgres"));
  try {
    return stepsOf(flow, await desk.run(STATEMENTS));
  } finally {
    await desk.close();
  }
}

function stepsOf(flow: Flow, { code, stderr, operations }: Outcome): readonly Operation[] {
  if (code !== 0) throw new Error(`${flow.name}: exit code ${code}: ${stderr}`);
  return operations;
}
