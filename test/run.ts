// `npm test`: runs every test file, or those whose names contain an argument, and counts.
//
// The last line is "N passed, N failed", with ", N skipped" if tests were skipped; above it are the slowest files and the
// reasons for skipped tests.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { ROOT } from "../host-tools/files/project.js";
import { type FileResult, seconds, summary } from "./support/summary.js";
import { killAll, type Limits, runTestFile } from "./support/testfile.js";

/** The wall-clock limit is about ten times what the slowest file takes on an idle machine. */
const LIMITS: Limits = { processorMs: 10 * 60_000, wallMs: 40 * 60_000, graceMs: 10_000, lookMs: 2000 };
/** Exit codes by signal: 128 and its number. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const TESTS = join(ROOT, "test");
/** The duration of each file in its last run. */
const TIMES = join(ROOT, "build", "testtimes.json");
const COMPILED = dirname(fileURLToPath(import.meta.url));

/** The test files, found by their sources, because the build folder keeps compiled tests of removed sources. */
function testFiles(wanted: readonly string[]): string[] {
  const names = readdirSync(TESTS, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => name.endsWith(".test.ts")).sort();
  const unknown = wanted.filter((part) => !files.some((name) => name.includes(part)));
  if (unknown.length > 0) {
    console.error(`no test file's name contains ${unknown.join(", nor ")}; they are in test/**/*.test.ts`);
    process.exit(2);
  }
  return files.filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
}

/**
 * Builds the programs, so that no test starts a build: a program that waits for one says so on stderr, and one that is
 * being loaded may miss a file of its bundle. Installs the Debian packages, and builds the board's images, if
 * one of these files needs them.
 */
function prepare(files: readonly string[]): void {
  run(join(ROOT, "scripts", "setup.mjs"), "--tools");
  const sources = files.map((name) => readFileSync(join(TESTS, name), "utf8"));
  if (!sources.some((source) => /\b(boardTest|packageTest|webSuite|onEachEngine)\b/.test(source))) return;
  run(join(ROOT, "scripts", "debian.mjs"));
  if (sources.some((source) => /\bboardTest\b/.test(source)))
    run(join(COMPILED, "..", "board", "cli", "board.js"), "--all");
}

function run(...command: string[]): void {
  const { status } = spawnSync(process.execPath, command, { stdio: ["ignore", 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

async function runFile(name: string): Promise<FileResult> {
  const result = await runTestFile(join(COMPILED, name.replace(/\.ts$/, ".js")), LIMITS);
  const total = result.passed + result.failed;
  console.log(`${result.failed ? "FAIL" : "ok  "} ${name}  ${result.passed}/${total}  ${seconds(result.wallMs)} s`);
  if (result.failed) console.log(result.output);
  for (const fault of result.faults) console.log(`${name}: ${fault}`);
  return { name, ...result };
}

async function runAll(files: readonly string[]): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const queue = longestFirst(files);
  const worker = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) results.push(await runFile(name));
  };
  // Three workers more than processors, because a file that waits for its processes leaves a processor idle.
  await Promise.all(Array.from({ length: Math.min(6, availableParallelism() + 3) }, worker));
  return results;
}

/**
 * Sorts files by the length of their last run, longest first, so that no long file starts near the end. New files come
 * first.
 */
function longestFirst(files: readonly string[]): string[] {
  const took = timesOfLastRun();
  const timeOf = (name: string) => took[name] ?? Number.POSITIVE_INFINITY;
  return [...files].sort((a, b) => (timeOf(a) === timeOf(b) ? 0 : timeOf(b) - timeOf(a)));
}

/** Processor time in ms, by file. */
function timesOfLastRun(): Record<string, number> {
  try {
    return JSON.parse(readFileSync(TIMES, "utf8")) as Record<string, number>;
  } catch {
    return {};
  }
}

function keepTimes(results: readonly FileResult[]): void {
  const took = results.map(({ name, processorMs }) => [name, Math.round(processorMs)]);
  writeFileSync(TIMES, `${JSON.stringify({ ...timesOfLastRun(), ...Object.fromEntries(took) })}\n`);
}

/** A runner that is ended also ends its test files, which lead their own process groups. */
for (const [signal, code] of Object.entries(SIGNALS)) {
  process.once(signal, () => {
    killAll("SIGTERM");
    setTimeout(() => {
      killAll("SIGKILL");
      process.exit(code);
    }, 1000);
  });
}

/** A shell completes paths from the top folder. */
const files = testFiles(process.argv.slice(2).map((name) => name.replace(/^(\.\/)?test\//, "")));
prepare(files);
const results = await runAll(files);
keepTimes(results);
console.log(summary(results));
process.exitCode = results.some(({ failed }) => failed > 0) ? 1 : 0;
