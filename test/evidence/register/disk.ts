// What a process does with the files of a folder, recorded by a preloaded library (disk.c), and what a disk may hold of it
// after a loss of power.
//
// A disk keeps what was synced. Each sector of 512 bytes that was written since may be there or not, and so may each name
// that was made or removed since its folder was synced. Killing a process loses none of it.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { ROOT } from "../../../host-tools/files/project.js";
import { scratchFolder } from "../../support/scratch.js";
import type { Files } from "../hostside/simulatedbench.js";

const SOURCE = join(ROOT, "test", "evidence", "register", "disk.c");
const SECTOR = 512;
const HEAD_BYTES = 15;

/** One operation, in the order in which they were done. */
export interface DiskEvent {
  readonly kind: DiskEventKind;
  /** The path of the file or of the folder. */
  readonly path: string;
  /** Of a write, its offset; of a truncation, the new length. In bytes. */
  readonly offset: number;
  readonly data: Buffer;
}

const KINDS = {
  C: "create",
  W: "write",
  /** A write to memory that processes share: not counted as an operation, but it needs room on the disk. */
  M: "memory",
  T: "truncate",
  S: "sync",
  U: "remove",
  F: "frame",
  P: "print",
} as const;
export type DiskEventKind = (typeof KINDS)[keyof typeof KINDS];

/** What to do to a process besides recording it. */
export interface DiskOrders {
  /** Kill it before this operation, numbered from 1. */
  readonly kill?: number;
  /** Its disk is full from this write on, numbered from 1. */
  readonly full?: number;
}

let library: string | undefined;

/** Why the library cannot be used here; undefined if it can. */
export const NO_DISK =
  process.platform !== "linux"
    ? "it needs Linux: /proc, and pseudo-terminals"
    : spawnSync("cc", ["--version"]).status === 0
      ? undefined
      : "apt-get install gcc";

/** The environment that makes a process record in `log` what it does with the files of `folder`. */
export function watchDisk(folder: string, log: string, { kill, full }: DiskOrders = {}): NodeJS.ProcessEnv {
  return {
    LD_PRELOAD: compiled(),
    DSC_DISK_FOLDER: folder,
    DSC_DISK_LOG: log,
    ...(kill !== undefined && { DSC_DISK_KILL: String(kill) }),
    ...(full !== undefined && { DSC_DISK_FULL: String(full) }),
  };
}

function compiled(): string {
  if (library !== undefined) return library;
  const path = join(scratchFolder(), "disk.so");
  const made = spawnSync("cc", [
    "-shared",
    "-fPIC",
    "-O1",
    "-Wall",
    "-Werror",
    "-o",
    path,
    SOURCE,
    "-ldl",
    "-lpthread",
  ]);
  if (made.status !== 0) throw new Error(`cc: ${made.stderr}`);
  library = path;
  return path;
}

/** The events that count as numbered operations. */
export function operationsOf(events: readonly DiskEvent[]): DiskEvent[] {
  return events.filter(({ kind }) => kind !== "memory");
}

/** The writes that a disk that is full may refuse, in their order. */
export function writesOf(events: readonly DiskEvent[]): DiskEvent[] {
  return events.filter(({ kind }) => kind === "write" || kind === "memory");
}

/** The recorded events. A killed process may have left half a record at the end. */
export function eventsIn(log: string): DiskEvent[] {
  if (!existsSync(log)) return [];
  const bytes = readFileSync(log);
  const events: DiskEvent[] = [];
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const kind = KINDS[String.fromCharCode(bytes[at] as number) as keyof typeof KINDS];
    const pathAt = at + HEAD_BYTES;
    const dataAt = pathAt + bytes.readUInt16LE(at + 1);
    const end = dataAt + bytes.readUInt32LE(at + 11);
    if (end > bytes.length) break;
    const path = bytes.toString("utf8", pathAt, dataAt);
    events.push({ kind, path, offset: Number(bytes.readBigInt64LE(at + 3)), data: bytes.subarray(dataAt, end) });
    at = end;
  }
  return events;
}

/** A number from 0 to below 1. */
export type Random = () => number;

/** The same numbers for the same seed (Mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Write {
  readonly offset: number;
  readonly data: Buffer;
}
type Change = Write | { readonly size: number };

/** A file: what is certainly on the disk, changes that may be, and both together. Buffers are never changed, so images share them. */
interface Inode {
  durable: Buffer;
  pending: Change[];
  whole: Buffer;
}

type Names = Map<string, Inode>;

export class Disk {
  /** As a process sees it. */
  readonly #names: Names;
  /** What is certainly on the disk. */
  #durable: Names;
  #pendingNames: ((names: Names) => void)[] = [];

  constructor(files: Files) {
    const inodes = Object.entries(files).map(([name, bytes]): [string, Inode] => [
      name,
      { durable: Buffer.from(bytes), pending: [], whole: Buffer.from(bytes) },
    ]);
    this.#names = new Map(inodes);
    this.#durable = new Map(inodes);
  }

  do({ kind, path, offset, data }: DiskEvent): void {
    const name = basename(path);
    if (kind === "create") this.#create(name);
    else if (kind === "remove") this.#rename((names) => names.delete(name));
    else if (kind === "write") change(this.#inode(name), { offset, data });
    else if (kind === "truncate") change(this.#inode(name), { size: offset });
    else if (kind === "sync") this.#sync(name);
  }

  /** The files after a process was killed: everything is there. */
  get killed(): Files {
    return filesOf(this.#names, ({ whole }) => whole);
  }

  /** The files after a loss of power that kept only what was synced. */
  get synced(): Files {
    return filesOf(this.#durable, ({ durable }) => durable);
  }

  /** The files after a loss of power that kept each unsynced change with probability one half. */
  lost(random: Random): Files {
    const names = new Map(this.#durable);
    for (const change of this.#pendingNames) if (random() < 0.5) change(names);
    return filesOf(names, (inode) => lostOf(inode, random));
  }

  #inode(name: string): Inode {
    const inode = this.#names.get(name);
    if (!inode) throw new Error(`${name} was never made`);
    return inode;
  }

  #create(name: string): void {
    const inode: Inode = { durable: Buffer.alloc(0), pending: [], whole: Buffer.alloc(0) };
    this.#rename((names) => names.set(name, inode));
  }

  #rename(change: (names: Names) => void): void {
    change(this.#names);
    this.#pendingNames.push(change);
  }

  /** Syncs a file, or the folder if no file has that name. */
  #sync(name: string): void {
    const inode = this.#names.get(name);
    if (!inode) {
      this.#durable = new Map(this.#names);
      this.#pendingNames = [];
      return;
    }
    inode.durable = inode.whole;
    inode.pending = [];
  }
}

function filesOf(names: Names, contents: (inode: Inode) => Buffer): Files {
  return Object.fromEntries([...names].map(([name, inode]) => [name, contents(inode)]));
}

function change(inode: Inode, change: Change): void {
  inode.pending.push(change);
  inode.whole = "size" in change ? resized(inode.whole, change.size) : written(inode.whole, [change]);
}

/** The file's synced bytes with each pending sector applied for which `random` gives less than one half. */
function lostOf({ durable, pending }: Inode, random: Random): Buffer {
  let bytes = durable;
  for (const change of pending) {
    if ("size" in change) {
      if (random() < 0.5) bytes = resized(bytes, change.size);
    } else
      bytes = written(
        bytes,
        [...sectorsOf(change)].filter(() => random() < 0.5),
      );
  }
  return bytes;
}

function* sectorsOf({ offset, data }: Write): Iterable<Write> {
  for (let at = 0; at < data.length; ) {
    const end = Math.min(data.length, at + SECTOR - ((offset + at) % SECTOR));
    yield { offset: offset + at, data: data.subarray(at, end) };
    at = end;
  }
}

function resized(bytes: Buffer, size: number): Buffer {
  return bytes.length >= size ? bytes.subarray(0, size) : Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);
}

/** A copy with `writes` applied. */
function written(bytes: Buffer, writes: readonly Write[]): Buffer {
  if (writes.length === 0) return bytes;
  const ends = writes.map(({ offset, data }) => offset + data.length);
  const copy = Buffer.alloc(Math.max(bytes.length, ...ends));
  copy.set(bytes);
  for (const { offset, data } of writes) copy.set(data, offset);
  return copy;
}
