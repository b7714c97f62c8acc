// The computer loses power at an operation of `dsc personalize`. What was not synced may be on its disk or not: of each
// file nothing, half or all; of the names of a folder any of the changes since it was synced last, and the others not.
//
// One run is written down, with what it wrote and the card's flash at each of its frames. The disks that there may be
// after each operation are made of that; each must keep the promise, and from each the same command must finish.
// A case is named FLOW/N.M: the Mth disk after operation N.

import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { benchOf, brokenPromise, type Flow, type Stage, unfinished } from "./flows.js";
import type { Operation } from "./orders.js";
import { type Files, type Launcher, SimulatedBench } from "./simulatedbench.js";

/** How much of what was not synced reached the disk. */
const SHARES = [0, 0.5, 1];

interface Inode {
  contents: Buffer;
  synced: boolean;
}

type Names = ReadonlyMap<string, Inode>;
type Change = (names: Map<string, Inode>) => void;

/** A disk that forgets. */
class Disk {
  /** As the process sees it. */
  #names: Map<string, Inode>;
  /** As it is on the disk for certain. */
  #durable: Names;
  /** What may be on it or not. */
  #pending: Change[] = [];

  constructor(files: Files) {
    const inodes = Object.entries(files).map(([name, bytes]) => [name, { contents: Buffer.from(bytes), synced: true }]);
    this.#names = new Map(inodes as [string, Inode][]);
    this.#durable = new Map(this.#names);
  }

  do(operation: Operation): void {
    switch (operation.kind) {
      case "create":
        return this.#put(operation.path, { contents: Buffer.alloc(0), synced: false });
      case "write":
        return this.#write(operation.path, Buffer.from(operation.contents, "base64"));
      case "sync":
        return this.#sync(operation.path);
      case "link":
        return this.#put(operation.to, this.#find(operation.path));
      case "rename":
        return this.#rename(operation.path, operation.to);
      case "remove":
        return this.#change((names) => names.delete(basename(operation.path)));
      case "trace":
      case "frame":
      case "statement":
      case "failed":
        // The disk stays as it is.
        return;
    }
  }

  /** All that may be left, each once. Temporary files that nothing reads are left out. */
  get outcomes(): Files[] {
    const found = new Map<string, Files>();
    for (const names of this.#possibleNames()) {
      for (const share of SHARES) {
        const files = filesOf(names, share);
        found.set(hashOf(files), files);
      }
    }
    return [...found.values()];
  }

  #find(path: string): Inode {
    const inode = this.#names.get(basename(path));
    if (!inode) throw new Error(`${basename(path)} was never made`);
    return inode;
  }

  #put(path: string, inode: Inode): void {
    this.#change((names) => names.set(basename(path), inode));
  }

  #write(path: string, contents: Buffer): void {
    Object.assign(this.#find(path), { contents, synced: false });
  }

  #sync(path: string): void {
    const inode = this.#names.get(basename(path));
    if (inode) inode.synced = true;
    else this.#syncFolder();
  }

  #syncFolder(): void {
    this.#durable = new Map(this.#names);
    this.#pending = [];
  }

  #rename(from: string, to: string): void {
    const inode = this.#find(from);
    this.#change((names) => {
      names.delete(basename(from));
      names.set(basename(to), inode);
    });
  }

  #change(change: Change): void {
    change(this.#names);
    this.#pending.push(change);
  }

  /** Any of the pending changes, in their order. */
  *#possibleNames(): Iterable<Names> {
    for (let which = 0; which < 1 << this.#pending.length; which++) {
      const names = new Map(this.#durable);
      for (const [index, change] of this.#pending.entries()) if (which & (1 << index)) change(names);
      yield names;
    }
  }
}

function filesOf(names: Names, share: number): Files {
  const read = [...names].filter(([name]) => !name.endsWith(".new"));
  const cut = ({ contents, synced }: Inode) =>
    synced ? contents : contents.subarray(0, Math.floor(contents.length * share));
  return Object.fromEntries(read.map(([name, inode]) => [name, cut(inode)]));
}

function hashOf(files: Files, flash: Uint8Array = new Uint8Array()): string {
  const hash = createHash("sha256").update(flash);
  for (const [name, bytes] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`\0${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

export interface PowerLossResult {
  /** Disks that differ, each with the card as it was then. */
  readonly states: number;
  readonly reruns: number;
  readonly failures: readonly { readonly id: string; readonly what: string }[];
}

interface State {
  readonly id: string;
  readonly stage: Stage;
}

export interface PowerLossOptions {
  readonly launcher?: Launcher;
  /** The id of the one state that is wanted. */
  readonly only?: string | undefined;
  /** So many failures end it. */
  readonly enough?: number;
}

/** Every state of a flow, or the one with an id. */
export async function runPowerLoss(flow: Flow, options: PowerLossOptions = {}): Promise<PowerLossResult> {
  const { launcher, only, enough = Number.POSITIVE_INFINITY } = options;
  const states = await statesOf(flow, launcher);
  const failures: { id: string; what: string }[] = [];
  let reruns = 0;
  for (const { id, stage } of states) {
    if (failures.length >= enough) break;
    if (only !== undefined && id !== only) continue;
    const what = await afterPowerLoss(flow, stage, launcher);
    reruns++;
    if (what) failures.push({ id, what });
  }
  return { states: states.length, reruns, failures };
}

async function statesOf(flow: Flow, launcher: Launcher | undefined): Promise<State[]> {
  const bench = benchOf(flow.stage, launcher);
  const { operations } = await bench.run(flow.args, { contents: true });
  const flashes = [...bench.flashes, bench.flash];
  const desk = bench.at("x");
  bench.close();
  const disk = new Disk(flow.stage.files);
  const states = new Map<string, State>();
  const keep = (after: number, frames: number) => {
    const flash = flashes[frames] as Uint8Array;
    for (const [index, files] of disk.outcomes.entries()) {
      const hash = hashOf(files, flash);
      if (!states.has(hash)) states.set(hash, { id: `${flow.name}/${after}.${index}`, stage: { flash, files } });
    }
  };
  let frames = 0;
  keep(0, frames);
  for (const [index, operation] of operations.entries()) {
    if (operation.kind === "frame") frames++;
    else if (!("path" in operation) || isOf(operation.path, desk)) disk.do(operation);
    keep(index + 1, frames);
  }
  return [...states.values()];
}

/** The files of the desk, and the desk itself. */
function isOf(path: string, inDesk: string): boolean {
  return dirname(path) === dirname(inDesk) || join(path) === dirname(inDesk);
}

async function afterPowerLoss(flow: Flow, stage: Stage, launcher: Launcher | undefined): Promise<string | undefined> {
  const bench = new SimulatedBench(stage.flash, stage.files, launcher);
  try {
    const broken = brokenPromise(bench);
    if (broken) return broken;
    const { code, stderr } = await bench.run(flow.args);
    if (code !== 0) return `run again: exit code ${code}: ${stderr.trimEnd().split("\n").at(-1)}`;
    return unfinished(flow, bench);
  } finally {
    bench.close();
  }
}
