// The simulator and `dsc` as processes, with a pseudo-terminal between them.

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "../../host-tools/files/project.js";
import type { Report } from "../../sim/session/cardsession.js";
import { DEADLINE, until } from "./deadline.js";

/** The launcher that people and scripts call. */
export const LAUNCHER = join(ROOT, "sim", "dsc-sim.mjs");
/** The launcher of the host tools. */
export const DSC = join(ROOT, "host-tools", "dsc.mjs");

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The lines of stdout. */
  readonly lines: string[];
}

/** Runs `dsc-sim` with `input` on stdin, from the folder `cwd`. */
export function dscSim(args: readonly string[], input = "", cwd: string = ROOT): Ended {
  const result = spawnSync(process.execPath, [LAUNCHER, ...args], { input, cwd, encoding: "utf8", timeout: DEADLINE });
  const { status, stdout, stderr } = result;
  return { code: status, stdout, stderr, lines: stdout.split("\n").slice(0, -1) };
}

/** A simulated card on a port of its own. */
export class SimProcess {
  /** Where its serial line is. */
  readonly port: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string) => void)[] = [];
  readonly #ended: Promise<void>;

  static readonly #running = new Set<SimProcess>();

  static {
    process.on("exit", () => {
      for (const sim of SimProcess.#running) sim.#process.kill("SIGKILL");
    });
  }

  private constructor(port: string, args: readonly string[]) {
    this.port = port;
    this.#process = spawn(process.execPath, [LAUNCHER, "--headless", "--pty", port, ...args], { cwd: ROOT });
    this.#process.stderr.pipe(process.stderr);
    SimProcess.#running.add(this);
    this.#ended = new Promise((resolve) => this.#process.on("close", () => resolve()));
    createInterface({ input: this.#process.stdout }).on("line", (line) => this.#waiting.shift()?.(line));
  }

  /** Starts a card whose line is at `port`, and waits until it is there. */
  static async start(port: string, ...args: string[]): Promise<SimProcess> {
    const sim = new SimProcess(port, args);
    await until(() => existsSync(port), "the simulator starts");
    return sim;
  }

  /** Ends simulators that a failed test has left. */
  static async killAll(): Promise<void> {
    for (const sim of SimProcess.#running) await sim.kill();
  }

  /** Sends the simulator a command. Returns its report. */
  async run(command: string): Promise<Report> {
    const line = new Promise<string>((resolve) => this.#waiting.push(resolve));
    this.#process.stdin.write(`${command}\n`);
    return JSON.parse(await line) as Report;
  }

  /** Turns the card on, logs in and turns it off. Returns what the card shows for the challenge. */
  async login(pin: string, challenge: string): Promise<string> {
    if ((await this.run("show")).on) await this.run("hold press");
    for (const command of ["hold press", `type ${pin}`, "ok", `type ${challenge}`]) await this.run(command);
    const { display } = await this.run("ok");
    await this.run("hold press");
    return display;
  }

  async stop(): Promise<void> {
    this.#process.stdin.end();
    await this.#ended;
  }

  /** Stops the simulator's process: it is still there, but answers nothing. */
  pause(): void {
    this.#process.kill("SIGSTOP");
  }

  /** Kills the simulator, as by a crash. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}

export interface DscOptions {
  readonly cwd?: string;
  /** Standard input; null: it stays open and empty. */
  readonly input?: string | null;
  /** Called with the process once it runs. */
  readonly during?: (running: ChildProcessWithoutNullStreams) => void;
  readonly uid?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs `dsc`; without a terminal. */
export function dsc(
  args: readonly string[],
  { cwd = ROOT, input = "", during, uid, env = process.env }: DscOptions = {},
): Promise<Ended> {
  const options = { cwd, env, timeout: DEADLINE, ...(uid && { uid, gid: uid }) };
  const running = spawn(process.execPath, [DSC, ...args], options);
  let stdout = "";
  let stderr = "";
  running.stdout.on("data", (chunk) => (stdout += chunk));
  running.stderr.on("data", (chunk) => (stderr += chunk));
  running.stdin.on("error", () => {});
  if (input !== null) running.stdin.end(input);
  during?.(running);
  return new Promise((resolve, reject) => {
    running.on("error", reject);
    running.on("close", (code) => resolve({ code, stdout, stderr, lines: stdout.split("\n").slice(0, -1) }));
  });
}
