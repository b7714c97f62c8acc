// Runs one test file, in its own process group and within its limits, and takes its results from its reports (suite.ts).

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { Family } from "./processtree.js";
import { REPORT_FD, REPORT_VARIABLE, type Report } from "./suite.js";

export interface Limits {
  /** Processor time of the file and all that it starts, in ms (on Linux), so that a busy machine fails no file. */
  readonly processorMs: number;
  /** Time by the wall clock in ms, for a file that hangs without computing. */
  readonly wallMs: number;
  /** How long a file over its limit has to end by itself, in ms. */
  readonly graceMs: number;
  /** How often its processor time is checked, in ms. */
  readonly lookMs: number;
}

export interface Skip {
  readonly test: string;
  readonly reason: string;
}

export interface Result {
  readonly passed: number;
  /** Tests that failed; at least 1 if the file has a fault as a whole. */
  readonly failed: number;
  readonly skips: readonly Skip[];
  /** What the file reports as not checked. */
  readonly notes: readonly string[];
  /** Faults of the file as a whole, a sentence each. */
  readonly faults: readonly string[];
  readonly output: string;
  readonly wallMs: number;
  readonly processorMs: number;
}

/** How a file's process ended. */
interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The limit that it exceeded. */
  readonly over?: string;
}

/** In the environment of a test file and of all that it starts. */
const MARK_VARIABLE = "DSC_TEST_MARK";

/** The files that run now. */
const running = new Set<Family>();

/** Ends every file that runs now, and what it started: for a runner that is told to end. */
export function killAll(signal: NodeJS.Signals): void {
  for (const family of running) family.kill(signal);
}

/** Runs a compiled test file to its end. It settles whatever the file does. */
export async function runTestFile(path: string, limits: Limits): Promise<Result> {
  const started = performance.now();
  const mark = randomUUID();
  const child = spawn(process.execPath, ["--enable-source-maps", path], {
    detached: process.platform !== "win32",
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    env: { ...process.env, FORCE_COLOR: "0", [REPORT_VARIABLE]: "1", [MARK_VARIABLE]: mark },
  });
  const output = collect(child.stdout, child.stderr);
  const reports = collect(child.stdio[REPORT_FD] as Readable);
  const family = new Family(child.pid ?? 0, mark);
  running.add(family);
  const end = await ended(child, family, limits);
  running.delete(family);
  const wallMs = performance.now() - started;
  return { ...judge(reports(), end, family.processorMs), output: output(), wallMs };
}

/** Reads streams; the returned function gives what came so far. */
function collect(...streams: (Readable | null)[]): () => string {
  const chunks: Buffer[] = [];
  for (const stream of streams) stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

/** Waits for its end, then kills the processes that it left and closes its pipes. */
function ended(child: ChildProcess, family: Family, limits: Limits): Promise<End> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const timers: NodeJS.Timeout[] = [];
    let over: string | undefined;
    const look = () => {
      family.look();
      if (over) return;
      over = limitExceeded(family.processorMs, performance.now() - started, limits);
      if (!over) return;
      family.kill("SIGTERM");
      timers.push(setTimeout(() => family.kill("SIGKILL"), limits.graceMs));
    };
    const looking = setInterval(look, limits.lookMs);
    child.on("error", reject);
    child.on("exit", () => {
      family.kill("SIGKILL");
      // A process that left the family unnoticed may hold the pipes open.
      timers.push(setTimeout(() => closePipes(child), limits.graceMs));
    });
    child.on("close", (code, signal) => {
      clearInterval(looking);
      for (const timer of timers) clearTimeout(timer);
      resolve({ code, signal, ...(over && { over }) });
    });
  });
}

function limitExceeded(processorMs: number, wallMs: number, limits: Limits): string | undefined {
  if (processorMs > limits.processorMs) {
    return `it used more than ${limits.processorMs / 1000} s of processor time and was ended`;
  }
  if (wallMs > limits.wallMs) return `it took more than ${limits.wallMs / 1000} s and was ended`;
  return undefined;
}

function closePipes(child: ChildProcess): void {
  for (const stream of child.stdio) stream?.destroy();
}

/** Counts the reports of the file, and looks for missing ones. */
function judge(text: string, end: End, seenMs: number): Omit<Result, "output" | "wallMs"> {
  const reports = parse(text);
  const tests = reports.flatMap((report) => (report.kind === "test" ? [report] : []));
  const last = reports.find((report) => report.kind === "end");
  const number = (outcome: string) => tests.filter((test) => test.outcome === outcome).length;
  const skips = tests.flatMap(({ name, outcome, reason = "" }) =>
    outcome === "skipped" ? [{ test: name, reason }] : [],
  );
  const unrun = Math.max(0, (last?.registered ?? 0) - tests.length);
  const failed = number("failed");
  const faults = faultsOf(end, last, tests.length, unrun, failed);
  return {
    passed: number("passed"),
    failed: failed + unrun || Number(faults.length > 0),
    skips,
    notes: reports.flatMap((report) => (report.kind === "note" ? [report.text] : [])),
    faults,
    processorMs: Math.max(seenMs, last?.processorMs ?? 0),
  };
}

function faultsOf(
  { code, signal, over }: End,
  last: Extract<Report, { kind: "end" }> | undefined,
  ran: number,
  unrun: number,
  failed: number,
): string[] {
  const faults: string[] = [];
  if (over) faults.push(over);
  else if (signal) faults.push(`it was ended by ${signal}`);
  else if (code !== 0 && failed === 0) faults.push(`it ended with exit code ${code} though no test failed`);
  else if (code === 0 && failed > 0) faults.push("it ended with exit code 0 though tests failed");
  // Without it, the number of tests is unknown.
  else if (!last) faults.push("it ended without its last report: a test ended the process past its exit handlers?");
  if (last?.only) faults.push("it has a test with .only, which leaves out the others");
  if (unrun > 0) faults.push(`${unrun} of its tests were registered and never ran: a suite without .run()?`);
  if (ran === 0) faults.push("it ran no test: its suites must come from test/support/suite.ts, and be .run()");
  return faults;
}

function parse(text: string): Report[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as Report];
    } catch {
      return []; // The file was killed while it wrote this line.
    }
  });
}
