// The computer loses power at an operation of a command that makes a file. Data that was not synced may be lost: none, half
// or all of it is on the disk, for each file; for the names in a folder, any of the changes since its last sync.
//
// One run is recorded, with the data that it wrote. The possible disks after each operation are made from the record.
// Each must keep the promise, and the same command must finish from each; after the command's end nothing may be lost.
// The register's own file is not cut here, because these commands commit its changes before they make a file. A
// case is named FLOW/N.M: the Mth disk after operation N.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { REGISTER } from "./deskregister.js";
import { BLANK, benchOf, type Flow, type Verdict } from "./flows.js";
import { runAgain } from "./kills.js";
import type { Operation } from "./orders.js";
import type { Files, Launcher } from "./simulatedbench.js";

/** How much of the unsynced data reached the disk. */
const SHARES = [0, 0.5, 1];

interface Inode {
  contents: Buffer;
  synced: boolean;
}

type Names = ReadonlyMap<string, Inode>;
type Change = (names: Map<string, Inode>) => void;

/** A disk that loses data without a sync. */
class Disk {
  /** The files as the process sees them. */
  #names: Map<string, Inode>;
  /** The files that are certainly on the disk. */
  #durable: Names;
  /** The changes that may be on the disk or not. */
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

  /** All possible disks, without duplicates. Temporary files that nothing reads are left out. */
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
    const inode = this.#find(path);
    Object.assign(inode, { contents: Buffer.concat([inode.contents, contents]), synced: false });
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

  /** The names with every selection of the pending changes, in their order. */
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

function hashOf(files: Files): string {
  const hash = createHash("sha256");
  for (const [name, bytes] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`\0${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

export interface PowerLossResult {
  /** The number of different disks. */
  readonly states: number;
  readonly reruns: number;
  readonly failures: readonly { readonly id: string; readonly what: string }[];
}

interface State {
  readonly id: string;
  readonly files: Files;
  /** Whether the command had ended when power was lost. */
  isEnd: boolean;
}

export interface PowerLossOptions {
  readonly launcher?: Launcher;
  /** The id of the only state that is tried. */
  readonly only?: string | undefined;
  /** The campaign ends after this many failures. */
  readonly enough?: number;
}

/** Every state of a flow, or the one with an id. */
export async function runPowerLoss(flow: Flow, options: PowerLossOptions = {}): Promise<PowerLossResult> {
  const { launcher, only, enough = Number.POSITIVE_INFINITY } = options;
  const states = await statesOf(flow, launcher);
  const failures: { id: string; what: string }[] = [];
  let reruns = 0;
  for (const state of states) {
    const { id } = state;
    if (failures.length >= enough) break;
    if (only !== undefined && id !== only) continue;
    const what = await afterPowerLoss(flow, state, launcher);
    reruns++;
    if (what) failures.push({ id, what });
  }
  return { states: states.length, reruns, failures };
}

async function statesOf(flow: Flow, launcher: Launcher | undefined): Promise<State[]> {
  const bench = benchOf(flow.stage, launcher);
  const { operations } = await bench.run(flow.args, { contents: true });
  const desk = bench.at("x");
  const register = readFileSync(bench.at(REGISTER));
  bench.close();
  const disk = new Disk({ ...flow.stage.files, [REGISTER]: register });
  const states = new Map<string, State>();
  const keep = (after: number) => {
    for (const [index, files] of disk.outcomes.entries()) {
      const hash = hashOf(files);
      const state = states.get(hash) ?? { id: `${flow.name}/${after}.${index}`, files, isEnd: false };
      state.isEnd ||= after === operations.length;
      states.set(hash, state);
    }
  };
  keep(0);
  for (const [index, operation] of operations.entries()) {
    if ("path" in operation && isOf(operation.path, desk)) disk.do(operation);
    keep(index + 1);
  }
  return [...states.values()];
}

/** Whether it is the desk or a file in it. */
function isOf(path: string, inDesk: string): boolean {
  return dirname(path) === dirname(inDesk) || join(path) === dirname(inDesk);
}

async function afterPowerLoss(flow: Flow, { files, isEnd }: State, launcher: Launcher | undefined): Promise<Verdict> {
  const bench = benchOf({ flash: BLANK, files }, launcher);
  try {
    const lost = isEnd ? await flow.unfinished(bench) : await flow.broken(bench);
    return lost ?? (await runAgain(flow, bench));
  } finally {
    bench.close();
  }
}
