// A test file's process and every process that it started: their processor time, and how they are ended.
//
// The process leads a group of its own. On Linux, a process that left the group (a pseudo-terminal's programs do) is
// known by its parent, or by a mark in the environment that it inherited; elsewhere only the group is known.

import { readdirSync, readFileSync } from "node:fs";

/** A tick of /proc's clock, in ms: the same on every Linux that Node runs on. */
const TICK_MS = 10;

interface Process {
  readonly id: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Its own time and that of its children that ended, in ms. */
  readonly processorMs: number;
  /** The time of its start, since its number may be used again. */
  readonly started: string;
}

/** The processes of one leader. */
export class Family {
  /** The highest sum so far: the time of a process that ends without being waited for is lost. */
  processorMs = 0;
  readonly #leader: number;
  readonly #mark: string;
  readonly #known = new Map<number, string>();

  /** `mark` is a text that stands in the leader's environment, and in no other's. */
  constructor(leader: number, mark: string) {
    this.#leader = leader;
    this.#mark = mark;
  }

  /** Finds the family's processes, and adds up their time. */
  look(): void {
    const members = this.#members(processes());
    this.#known.clear();
    for (const { id, started } of members) this.#known.set(id, started);
    const sum = members.reduce((total, { processorMs }) => total + processorMs, 0);
    this.processorMs = Math.max(this.processorMs, sum);
  }

  /** Sends a signal to all of them. */
  kill(signal: NodeJS.Signals): void {
    this.look();
    const marked = processes().filter(({ id }) => environment(id).includes(this.#mark));
    for (const id of new Set([-this.#leader, ...this.#known.keys(), ...marked.map(({ id }) => id)])) {
      try {
        process.kill(id, signal);
      } catch {
        // It has ended.
      }
    }
  }

  #members(all: readonly Process[]): Process[] {
    const members = new Map(all.filter((one) => this.#isMember(one)).map((one) => [one.id, one]));
    for (let before = -1; before !== members.size; ) {
      before = members.size;
      for (const one of all) if (members.has(one.parent)) members.set(one.id, one);
    }
    return [...members.values()];
  }

  #isMember({ id, group, session, started }: Process): boolean {
    return [id, group, session].includes(this.#leader) || this.#known.get(id) === started;
  }
}

/** Every process of this machine; none if it has no /proc. */
function processes(): Process[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? []);
}

/** The environment that a process was started with; empty if it may not be read. */
function environment(id: number): string {
  try {
    return readFileSync(`/proc/${id}/environ`, "latin1");
  } catch {
    return "";
  }
}

function readProcess(id: number): Process | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${id}/stat`, "utf8");
  } catch {
    return undefined; // It has ended.
  }
  // Fields as in proc(5), from the third on: the second, a name in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const field = (number: number) => fields[number - 3] ?? "0";
  const ticks = [14, 15, 16, 17].reduce((sum, number) => sum + Number(field(number)), 0);
  return {
    id,
    parent: Number(field(4)),
    group: Number(field(5)),
    session: Number(field(6)),
    processorMs: ticks * TICK_MS,
    started: field(22),
  };
}
