// A bench for one case: a folder, a simulated card on a pseudo-terminal, and `dsc` as a process that follows Orders.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Slip } from "../../../firmware/wire.js";
import { Card } from "../../../sim/core/card.js";
import { Flash } from "../../../sim/core/flash.js";
import { PtyLine } from "../../../sim/session/pty.js";
import { MODULE } from "../../support/cards.js";
import { DEADLINE, until } from "../../support/deadline.js";
import { DSC } from "../../support/simprocess.js";
import type { Operation, Orders } from "./orders.js";

const PRELOAD = fileURLToPath(new URL("preload.js", import.meta.url));
/** How often a process is polled (ms). */
const POLL = 3;

/** Which `dsc` is run: the real one, or a mutant of it. */
export type Launcher = string;
export const REAL: Launcher = DSC;

/** How a process ended. */
export interface Outcome {
  readonly code: number | null;
  readonly killed: boolean;
  readonly stdout: string;
  readonly stderr: string;
  readonly operations: readonly Operation[];
}

export interface Running {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Outcome>;
}

export type Files = Readonly<Record<string, Uint8Array>>;

/** Folders for other output of the processes. They are searched for secrets. */
const ASIDE = ["tmp", "home", "log"];

export const FIRST_SEED = 7;

export class SimulatedBench {
  readonly folder: string;
  readonly card: Card;
  readonly port: string;
  /** The flash before each frame that arrived, if frames always arrive complete. */
  readonly flashes: Uint8Array[] = [];
  readonly #line: PtyLine;
  readonly #launcher: Launcher;
  #logs = 0;
  #marks = 0;

  /** A card with this flash (bytes), and these files. Another seed makes another card, with another id. */
  constructor(flash: Uint8Array, files: Files, launcher: Launcher = REAL, seed = FIRST_SEED) {
    this.folder = mkdtempSync(join(tmpdir(), "dsc-hostside-"));
    for (const name of ["desk", ...ASIDE]) mkdirSync(join(this.folder, name));
    for (const [name, bytes] of Object.entries(files)) this.put(name, bytes);
    this.card = new Card(MODULE, { flash: new Flash(flash), seed });
    this.card.watchers.push({ serial: (bytes) => this.#keepFlash(bytes) });
    this.port = join(this.folder, "port");
    this.#line = new PtyLine(this.card, this.port);
    this.#launcher = launcher;
  }

  /** Where a file of the case is. */
  at(name: string): string {
    return join(this.folder, "desk", name);
  }

  put(name: string, bytes: Uint8Array | string, mode = 0o600): string {
    writeFileSync(this.at(name), bytes, { mode });
    return this.at(name);
  }

  get flash(): Uint8Array {
    return Uint8Array.from(this.card.flash.bytes);
  }

  /** Starts `dsc`. `PORT` in the arguments stands for the card's port; `@name` for a file, and `%` for the run's number. */
  start(
    args: readonly string[],
    given: Orders = {},
    input: string | Uint8Array = "",
    env: NodeJS.ProcessEnv = {},
  ): Running {
    const orders = given.stopAtPort ? { ...given, stopAtPort: this.port } : given;
    const log = join(this.folder, "log", String(++this.#logs));
    const resolved = args.map((arg) => this.#resolve(arg));
    const child = spawn(process.execPath, ["--import", PRELOAD, this.#launcher, ...resolved], {
      cwd: join(this.folder, "home"),
      timeout: DEADLINE,
      killSignal: "SIGKILL",
      env: {
        PATH: process.env.PATH,
        HOME: join(this.folder, "home"),
        TMPDIR: join(this.folder, "tmp"),
        DSC_EVIDENCE: JSON.stringify({ ...orders, log }),
        ...env,
      },
    });
    child.stdin.on("error", () => {}).end(input);
    return { process: child, ended: outcomeOf(child, log) };
  }

  run(
    args: readonly string[],
    orders: Orders = {},
    input: string | Uint8Array = "",
    env: NodeJS.ProcessEnv = {},
  ): Promise<Outcome> {
    return this.start(args, orders, input, env).ended;
  }

  #resolve(arg: string): string {
    if (arg === "PORT") return this.port;
    return arg.startsWith("@") ? this.at(arg.slice(1).replace("%", String(this.#logs))) : arg;
  }

  /** Keeps the flash at the start of each frame, which is between two marks. */
  #keepFlash(bytes: Uint8Array): void {
    if (this.#marks % 2 === 0) this.flashes.push(this.flash);
    this.#marks += bytes.filter((byte) => byte === Slip.END).length;
  }

  close(): void {
    this.#line.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function outcomeOf(child: ChildProcessWithoutNullStreams, log: string): Promise<Outcome> {
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code, killed: signal === "SIGKILL", stdout, stderr, operations: operationsIn(log) });
    });
  });
}

/** A process that was killed may have left half a line. */
function operationsIn(log: string): Operation[] {
  const lines = textOf(log).split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Operation);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Continues a stopped process. */
export function goOn({ process: { pid } }: Running): void {
  process.kill(pid as number, "SIGCONT");
}

/** Waits until the process is stopped. Returns false if it has ended. */
export async function untilStopped({ process: { pid } }: Running): Promise<boolean> {
  const state = () => stateOf(pid as number);
  await until(() => ["T", "Z", ""].includes(state()), "the process stops or ends", POLL);
  return state() === "T";
}

/** One letter (proc(5), stat); empty if the process is gone. */
function stateOf(pid: number): string {
  const stat = textOf(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).slice(0, 1);
}
