// The suites of the tests: uvu's, which also report the registered tests and their results to the runner (run.ts).
//
// They use a separate pipe, so that no output of a test can be taken for a result.

import { readFileSync, writeSync } from "node:fs";
import * as uvu from "uvu";

/** The pipe to the runner; the runner names it in the environment. */
export const REPORT_FD = 3;
export const REPORT_VARIABLE = "DSC_TEST_REPORT";

/** The report of a test file, a line of JSON each: every test that ended, notes, and the end of the file. */
export type Report =
  | { readonly kind: "test"; readonly name: string; readonly outcome: Outcome; readonly reason?: string }
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "end"; readonly registered: number; readonly only: number; readonly processorMs: number };
export type Outcome = "passed" | "failed" | "skipped";

type Context = Record<string, unknown>;
type Body<T> = (context: T & uvu.Context) => void | Promise<void>;

interface Hook<T> {
  (hook: Body<T>): void;
  each(hook: Body<T>): void;
}

/** A suite: called, it registers a test; `run` queues what was registered. */
export interface Test<T = Context> {
  (name: string, body: Body<T>): void;
  /** For work on one test. The runner refuses a file that has it. */
  only(name: string, body: Body<T>): void;
  readonly before: Hook<T>;
  readonly after: Hook<T>;
  run(): void;
}

/** A test ended itself by `skip`. */
class Skipped extends Error {
  override name = "Skipped";
}

const toRunner = process.env[REPORT_VARIABLE] !== undefined;
// A test file that this one starts has another pipe, or none.
delete process.env[REPORT_VARIABLE];

let registered = 0;
let only = 0;

/** Ends the test that calls it. It is counted as skipped, and the reason printed. */
export function skip(reason: string): never {
  throw new Skipped(reason);
}

/** As `skip`, for Debian packages that are missing: on a machine that has `CI` set that is a failure. */
export function skipWithout(packages: string): never {
  if (process.env.CI) throw new Error(`${packages}: with CI set, this test is not skipped`);
  throw new Skipped(packages);
}

/** Adds a line to the end of the run, about what a test did not check here. The test continues. */
export function note(text: string): void {
  report({ kind: "note", text });
}

/** A suite of tests, as uvu's. */
export function suite<T = Context>(title = "", context?: T): Test<T> {
  const inner = uvu.suite<T>(title, context);
  const test = (name: string, body: Body<T>) => {
    registered++;
    inner(name, reported(title, name, body));
  };
  const onlyThis = (name: string, body: Body<T>) => {
    registered++;
    only++;
    inner.only(name, reported(title, name, body));
  };
  return Object.assign(test, { only: onlyThis, before: inner.before, after: inner.after, run: inner.run });
}

/** The body of a test, and the report of its outcome. */
function reported<T>(title: string, test: string, body: Body<T>): Body<T> {
  const name = title ? `${title}: ${test}` : test;
  return async (context) => {
    try {
      await body(context);
    } catch (error) {
      if (!(error instanceof Skipped)) {
        report({ kind: "test", name, outcome: "failed" });
        throw error;
      }
      report({ kind: "test", name, outcome: "skipped", reason: error.message });
      return;
    }
    report({ kind: "test", name, outcome: "passed" });
  };
}

function report(what: Report): void {
  if (toRunner) writeSync(REPORT_FD, `${JSON.stringify(what)}\n`);
  else if (what.kind === "note") console.log(`     ${what.text}`);
  else if (what.kind === "test" && what.outcome === "skipped") console.log(`skipped: ${what.name}: ${what.reason}`);
}

/** Processor time of this process and of its ended children, in ms; on systems other than Linux, of this process only. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  if (process.platform !== "linux") return (user + system) / 1000;
  const stat = readFileSync("/proc/self/stat", "utf8");
  const [children = 0, childrenSystem = 0] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(14, 16).map(Number);
  return (user + system) / 1000 + (children + childrenSystem) * 10;
}

process.on("exit", () => report({ kind: "end", registered, only, processorMs: processorMs() }));
