// Prepares a fresh clone: installs the packages of package-lock.json and builds what is missing or older than its
// sources. Plain JavaScript, since it runs before anything is installed.

import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Loads modules that only a build needs. Each start of `dsc` loads this file, which must load little. */
const require = createRequire(import.meta.url);
const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const BUILD = join(ROOT, "build");
/** Holds the number of the process that builds. */
const LOCK = join(BUILD, "lock");
/** The interval at which a waiting process checks the lock (ms). */
const POLL = 100;

/** The build steps for `dsc-sim` and `dsc`: the sources, the file that is written last, and the commands. */
const TOOLS = [
  {
    name: "firmware",
    sources: ["firmware", "asconfig.json", "package-lock.json"],
    output: "build/firmware.stamp",
    commands: [asc("firmware/index.ts", "release")],
    finish: stampFirmware,
  },
  {
    name: "tools",
    sources: [
      "firmware/wire.ts",
      "firmware/tsconfig.json",
      "sim",
      "host-tools",
      "tsconfig.base.json",
      "package-lock.json",
      "scripts/bundle.mjs",
    ],
    output: "build/tools.stamp",
    commands: [tsc("host-tools/cli", "sim/cli", "sim/webbuilder", "sim/web"), ["scripts/bundle.mjs"]],
    finish: stamp,
  },
];

/** Further build steps for tests and campaigns. */
const TESTS = [
  {
    name: "crypto test module",
    sources: ["firmware/crypto", "test/firmware", "asconfig.json", "package-lock.json"],
    output: "build/crypto-test.wasm",
    commands: [asc("test/firmware/module/crypto.ts", "test")],
  },
  {
    name: "tests",
    sources: [
      ...[
        "firmware/wire.ts",
        "sim",
        "host-tools",
        "board/builder",
        "board/cli",
        "board/emulator",
        "board/ports",
        "packaging",
        "test",
      ],
      ...["tsconfig.json", "tsconfig.base.json", "package-lock.json"],
    ],
    output: "build/tests.stamp",
    commands: [tsc(".")],
    finish: stamp,
  },
];

/** The build step for packing and releasing. */
const PACKAGING = [
  {
    name: "packaging",
    sources: [
      ...["firmware/wire.ts", "sim", "host-tools", "board/builder", "packaging"],
      ...["tsconfig.base.json", "package-lock.json"],
    ],
    output: "build/packaging.stamp",
    commands: [tsc("packaging")],
    finish: stamp,
  },
];

/** Installs the packages unless the installed versions match the lock file. */
export function install() {
  if (isInstalled()) return;
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  alone(() => {
    if (isInstalled()) return;
    say("installing packages");
    // Otherwise npm would print JSON when it runs inside `npm pack --json`.
    run(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error", "--json=false"], process.platform === "win32");
  });
}

function isInstalled() {
  return time(join(ROOT, "node_modules/.package-lock.json")) >= time(join(ROOT, "package-lock.json"));
}

/**
 * Builds the tools as far as they are missing or out of date. `tests`: also the steps for tests; `packaging`: the step
 * for packing; `all`: also steps that are up to date; `unused`: sources that the caller does not load, so that it need
 * not look at their times.
 */
export function build({ tests = false, packaging = false, all = false, unused = [] } = {}) {
  const steps = [...TOOLS, ...(packaging ? PACKAGING : []), ...(tests ? TESTS : [])];
  const isDue = (step) => all || !isDone(step, unused);
  if (!steps.some(isDue)) return;
  alone(() => {
    for (const step of steps) if (isDue(step)) carryOut(step);
  });
}

function isDone({ sources, output }, unused) {
  const used = sources.filter((source) => !unused.includes(source));
  return time(join(ROOT, output)) >= Math.max(...used.map((source) => time(join(ROOT, source))));
}

function carryOut({ name, commands, output, finish }) {
  say(`building the ${name}`);
  for (const command of commands) run(process.execPath, command);
  finish?.(join(ROOT, output));
}

/** Runs `work` while holding the lock, so that one process builds at a time. */
function alone(work) {
  mkdirSync(BUILD, { recursive: true });
  for (let said = false; !takeLock(); said = true) {
    if (!said) say(`waiting for the process that builds (${LOCK})`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL);
  }
  // A failed step ends the process.
  process.on("exit", freeLock);
  work();
  process.off("exit", freeLock);
  freeLock();
}

/** Tries to take the lock. Returns whether this process has it now. Removes the lock of a process that has ended. */
function takeLock() {
  const own = `${LOCK}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    // A link creates the lock together with its contents, so it always contains a process number.
    linkSync(own, LOCK);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  } finally {
    rmSync(own);
  }
  if (isAbandoned(LOCK)) takeAway(own);
  return false;
}

/** Removes a stale lock by renaming it. Another process may have replaced it meanwhile, so a live lock is put back. */
function takeAway(to) {
  try {
    renameSync(LOCK, to);
    if (!isAbandoned(to)) linkSync(to, LOCK);
    rmSync(to);
  } catch (error) {
    if (!["ENOENT", "EEXIST"].includes(error.code)) throw error;
  }
}

/** Whether the process that holds the lock has ended. */
function isAbandoned(file) {
  try {
    process.kill(Number(readFileSync(file, "utf8")), 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

function freeLock() {
  rmSync(LOCK, { force: true });
}

function asc(entry, target) {
  return ["node_modules/assemblyscript/bin/asc.js", entry, "--config", "asconfig.json", "--target", target];
}

/** The command that compiles these rooms and their project references. */
function tsc(...rooms) {
  return ["node_modules/typescript/bin/tsc", "--build", ...rooms];
}

/** Writes a stamp as the last action of a build, so that an interrupted build is repeated. */
function stamp(file) {
  writeFileSync(file, "");
}

function stampFirmware(file) {
  putHash(join(BUILD, "dsc.wasm"));
  stamp(file);
}

/** Writes the first 8 bytes of the module's SHA-256 into the module (firmware/version.ts). */
function putHash(file) {
  const { createHash } = require("node:crypto");
  const module = readFileSync(file);
  const at = module.indexOf("DSC+hash");
  if (at < 0 || module.indexOf("DSC+hash", at + 1) >= 0) throw new Error("the module has no place for its hash");
  createHash("sha256").update(module).digest().copy(module, at, 0, 8);
  writeFileSync(file, module);
}

/** The time of the last change of a file, or of any file in a folder; 0 if there is none. */
function time(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0;
  return timeWithin(path, stat.mtimeMs);
}

/** The latest of `newest` and the times of all files in a folder. */
function timeWithin(folder, newest) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    newest = Math.max(newest, statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    if (entry.isDirectory()) newest = timeWithin(path, newest);
  }
  return newest;
}

function run(command, args, shell = false) {
  const { spawnSync } = require("node:child_process");
  const result = spawnSync(command, args, { cwd: ROOT, stdio: ["ignore", 2, 2], shell });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function say(text) {
  process.stderr.write(`${text}…\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const has = (flag) => process.argv.includes(flag);
  install();
  build({ tests: !has("--tools") && !has("--package"), packaging: has("--package"), all: has("--all") });
}
