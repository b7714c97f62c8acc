// One run of `dsc personalize` on a register in a file is recorded, with each write, sync and frame. From the recording, this
// file makes every register and card that a kill or a loss of power could have left at each of these moments. Each of them
// must keep the promises, and the same command, in this process, must finish from there.
//
//   disk:FLOW/N.killed   killed after operation N: everything written is there
//   disk:FLOW/N.synced   power lost after operation N: only what was synced is there
//   disk:FLOW/N.K        power lost after operation N: also half of the other sectors and names, drawn by seed K
//   shim:FLOW/N          a real process, killed before operation N

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Files, Launcher } from "../hostside/simulatedbench.js";
import { type Course, runWatched } from "./courses.js";
import { Disk, seeded } from "./disk.js";
import { finishes, finishesHere } from "./kills.js";
import { brokenPromise, unfinished, type Verdict } from "./promises.js";
import { cardWith, Desk, type Flow, type Scene, sceneOf, seedHere, withOpen } from "./scenes.js";

/** What a kill or a loss of power at one moment may leave. */
export interface Leftover {
  readonly id: string;
  readonly scene: Scene;
  readonly files: Files;
  readonly flash: Uint8Array;
  /** Whether `dsc` had reported the card as done. */
  readonly told: boolean;
  /** The name of the bench, which holds the claim. */
  readonly bench: string;
}

/** All that may be left, without duplicates. Each moment has `seeds` random losses of power, besides the one that keeps only synced data. */
export function leftoversOf(course: Course, seeds: number): Leftover[] {
  const { scene, operations, flashes, bench } = course;
  const disk = new Disk({ "desk.db": scene.file as Buffer });
  const found = new Map<string, Leftover>();
  let frames = 0;
  let told = false;
  for (const [index, event] of operations.entries()) {
    disk.do(event);
    if (event.kind === "frame") frames++;
    if (event.kind === "print") told = true;
    const flash = flashes[frames] as Uint8Array;
    const keep = (how: string, files: Files) => {
      const name = hashOf(files, flash, told);
      const id = `disk:${scene.flow.name}/${index + 1}.${how}`;
      if (!found.has(name)) found.set(name, { id, scene, files, flash, told, bench });
    };
    keep("killed", disk.killed);
    keep("synced", disk.synced);
    for (let seed = 1; seed <= seeds; seed++) keep(String(seed), disk.lost(seeded(index * seeds + seed)));
  }
  return [...found.values()];
}

function hashOf(files: Files, flash: Uint8Array, told: boolean): string {
  const hash = createHash("sha256").update(flash).update(String(told));
  for (const [name, bytes] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`\0${name}\0`).update(digestOf(bytes));
  return hash.digest("hex");
}

const digests = new WeakMap<Uint8Array, Buffer>();

/** A file that does not change between two moments is the same buffer, so its digest is computed once. */
function digestOf(bytes: Uint8Array): Buffer {
  const digest = digests.get(bytes) ?? createHash("sha256").update(bytes).digest();
  digests.set(bytes, digest);
  return digest;
}

/** Checks what was left, and lets the same command finish from there. */
export async function judgeLeftover({ scene, files, flash, told, bench }: Leftover): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), "dsc-left-"));
  try {
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes, { mode: 0o600 });
    return await withOpen(join(folder, "desk.db"), async (register) => {
      const { flow } = scene;
      const broken = await brokenPromise(register, flash, flow, told);
      if (broken) return broken;
      const card = cardWith(flash);
      await seedHere(register, card, flow, bench);
      return unfinished(register, Uint8Array.from(card.flash.bytes), flow);
    });
  } catch (error) {
    return `R7: ${(error as Error).message}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** kill -9 before a disk operation or a frame, then the same command again. */
export async function runDiskKill(flow: Flow, at: number, launcher?: Launcher): Promise<Verdict> {
  const desk = await Desk.at(await sceneOf(flow, "sqlite"), launcher);
  try {
    const { outcome } = await runWatched(desk, { kill: at });
    if (!outcome.killed) return `it was not killed, and ended with ${outcome.code}: ${outcome.stderr.trimEnd()}`;
    const told = outcome.stdout !== "";
    const { flash } = desk.bench;
    return (
      (await withOpen(desk.where, (register) => brokenPromise(register, flash, flow, told))) ?? (await finishes(desk))
    );
  } finally {
    await desk.close();
  }
}

/** The exit code of a file that cannot be used. */
const FILE_ERROR = 6;

/** The disk is full from one write on: `dsc` says so in one line, nothing is lost, and once there is room the same command finishes. */
export async function runFullDisk(flow: Flow, write: number, launcher?: Launcher): Promise<Verdict> {
  const desk = await Desk.at(await sceneOf(flow, "sqlite"), launcher);
  try {
    const { outcome } = await runWatched(desk, { full: write });
    const refused = unclear(outcome, "the disk is full");
    if (refused) return refused;
    const { flash } = desk.bench;
    const told = outcome.stdout !== "";
    return (
      (await withOpen(desk.where, (register) => brokenPromise(register, flash, flow, told))) ??
      (await finishesHere(desk))
    );
  } finally {
    await desk.close();
  }
}

/** R8: a failed command says why in one line, with exit code 6. A command that did not fail passes. */
export function unclear(
  { code, stderr, killed }: { readonly code: number | null; readonly stderr: string; readonly killed: boolean },
  why: string | RegExp,
): Verdict {
  if (killed) return "R8: it had to be killed";
  if (code === 0) return undefined;
  const lines = stderr
    .trimEnd()
    .split("\n")
    .filter((line) => !line.startsWith("warning: "));
  if (code !== FILE_ERROR) return `R8: exit code ${code}: ${lines.join(" | ")}`;
  if (lines.length !== 1) return `R8: more than a line: ${lines.join(" | ")}`;
  return (lines[0] as string).match(why) ? undefined : `R8: the line does not say why: ${lines[0]}`;
}
