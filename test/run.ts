// Runs every test file in a process of its own and counts: `npm test`. Arguments pick files by name.
//
// A file that runs no test fails: in uvu a forgotten `.run()` would pass in silence.

import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { ROOT } from "./support/root.js";

interface Result {
  passed: number;
  failed: number;
  skipped: number;
}

const HERE = dirname(fileURLToPath(import.meta.url));
const MINUTES = 6;

function testFiles(wanted: string[]): string[] {
  const names = readdirSync(HERE, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => name.endsWith(".test.js") && hasSource(name)).sort();
  return files.filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
}

/** The build folder keeps what was compiled from tests that are gone. */
function hasSource(name: string): boolean {
  return existsSync(join(ROOT, "test", name.replace(/\.js$/, ".ts")));
}

function runFile(name: string): Promise<Result> {
  return new Promise((resolve) => {
    const started = Date.now();
    const child = spawn(process.execPath, ["--enable-source-maps", join(HERE, name)], {
      timeout: MINUTES * 60_000,
      env: { ...process.env, FORCE_COLOR: "0" },
    });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    child.on("close", (code) => {
      const result = count(output, code);
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      const total = result.passed + result.failed;
      console.log(`${result.failed ? "FAIL" : "ok  "} ${relative(".", name)}  ${result.passed}/${total}  ${seconds} s`);
      const told = output.split("\n").filter((line) => line.startsWith("skipped: "));
      if (result.failed) console.log(output);
      else for (const line of told) console.log(`     ${line}`);
      resolve(result);
    });
  });
}

/** Adds up uvu's totals; a file without one, or that ended badly, is a failure. */
function count(output: string, code: number | null): Result {
  const sum = (label: string) =>
    [...output.matchAll(new RegExp(`^\\s*${label}:\\s+(\\d+)`, "gm"))].reduce((total, m) => total + Number(m[1]), 0);
  const total = sum("Total");
  const passed = sum("Passed");
  const skipped = sum("Skipped");
  const failed = total - passed;
  const broken = code !== 0 || total + skipped === 0;
  return { passed, skipped, failed: broken ? Math.max(1, failed) : failed };
}

async function runAll(files: string[]): Promise<Result> {
  const all: Result = { passed: 0, failed: 0, skipped: 0 };
  const queue = [...files];
  const worker = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const result = await runFile(name);
      all.passed += result.passed;
      all.failed += result.failed;
      all.skipped += result.skipped;
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker));
  return all;
}

const result = await runAll(testFiles(process.argv.slice(2)));
if (result.passed + result.failed === 0) result.failed = 1;
const skipped = result.skipped ? `, ${result.skipped} skipped` : "";
console.log(`${result.passed} passed, ${result.failed} failed${skipped}`);
process.exitCode = result.failed ? 1 : 0;
