// The set-up of a checkout, with fakes for its compilers: what it builds normally, when several processes start at
// once, and after an interrupted build.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as assert from "uvu/assert";
import { ROOT } from "../host-tools/files/project.js";
import { scratchFolder } from "./support/scratch.js";
import { suite } from "./support/suite.js";

const test = suite("set-up");

/** A fake compiler: records that it ran, and writes a module with a place for its hash, or kills its parent first. */
const ASC = `
  const fs = require("node:fs");
  fs.appendFileSync("runs", "asc\\n");
  fs.writeFileSync("build/dsc.wasm", "module DSC+hash");
  if (process.env.INTERRUPTED) process.kill(process.ppid, "SIGKILL");
`;
const TSC = 'require("node:fs").appendFileSync("runs", "tsc\\n");';
const BUNDLE = 'import { appendFileSync } from "node:fs"; appendFileSync("runs", "bundle\\n");';
const ONCE = ["asc", "bundle", "tsc"];
/** A time before every build. */
const LONG_AGO = new Date(2000, 0);

/** A checkout with the set-up, sources, and fakes for the programs that it calls. */
function checkout(): string {
  const folder = scratchFolder();
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    utimesSync(join(folder, path), LONG_AGO, LONG_AGO);
  };
  mkdirSync(join(folder, "scripts"));
  cpSync(join(ROOT, "scripts", "setup.mjs"), join(folder, "scripts", "setup.mjs"));
  put("scripts/bundle.mjs", BUNDLE);
  put("node_modules/assemblyscript/bin/asc.js", ASC);
  put("node_modules/typescript/bin/tsc", TSC);
  put("node_modules/.package-lock.json", "{}");
  for (const source of ["firmware/index.ts", "sim/a.ts", "host-tools/a.ts", "package-lock.json"]) put(source, "");
  for (const name of ["firmware", "sim", "host-tools"]) utimesSync(join(folder, name), LONG_AGO, LONG_AGO);
  return folder;
}

const SETUP = ["scripts/setup.mjs", "--tools"];

function setUp(cwd: string, env: NodeJS.ProcessEnv = {}): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, SETUP, { cwd, env: { ...process.env, ...env }, encoding: "utf8" });
}

/** The programs that ran since the last call. */
function runs(folder: string): string[] {
  const file = join(folder, "runs");
  const names = existsSync(file) ? readFileSync(file, "utf8").split("\n").sort() : [];
  writeFileSync(file, "");
  return names.filter((name) => name !== "");
}

function module(folder: string): string {
  return readFileSync(join(folder, "build", "dsc.wasm"), "latin1");
}

test("a built result is built again only when a source is newer", () => {
  const folder = checkout();
  assert.is(setUp(folder).status, 0);
  assert.equal(runs(folder), ONCE);
  assert.is(setUp(folder).status, 0);
  assert.equal(runs(folder), []);
  writeFileSync(join(folder, "sim", "a.ts"), "");
  assert.is(setUp(folder).status, 0);
  assert.equal(runs(folder), ["bundle", "tsc"]);
});

test("a program does not build for a source that it does not load", () => {
  const folder = checkout();
  setUp(folder);
  runs(folder);
  const buildFor = (unused: string) => {
    const code = `import { build } from "./scripts/setup.mjs"; build({ unused: ["${unused}"] });`;
    assert.is(spawnSync(process.execPath, ["--input-type=module", "-e", code], { cwd: folder }).status, 0);
    return runs(folder);
  };
  writeFileSync(join(folder, "sim", "a.ts"), "");
  assert.equal(buildFor("sim"), []);
  assert.equal(buildFor("host-tools"), ["bundle", "tsc"]);
});

test("of several processes that start at once one builds, and the others wait", async () => {
  const folder = checkout();
  const codes = Array.from({ length: 4 }, async () => {
    const [code] = await once(spawn(process.execPath, SETUP, { cwd: folder, stdio: "ignore" }), "exit");
    return code as number;
  });
  assert.equal(await Promise.all(codes), [0, 0, 0, 0]);
  assert.equal(runs(folder), ONCE);
  assert.not.match(module(folder), "DSC+hash");
});

test("an interrupted build is repeated, although it left a module and its lock", () => {
  const folder = checkout();
  assert.is(setUp(folder, { INTERRUPTED: "1" }).status, null);
  assert.match(module(folder), "DSC+hash");
  assert.ok(existsSync(join(folder, "build", "lock")));
  runs(folder);
  assert.is(setUp(folder).status, 0);
  assert.equal(runs(folder), ONCE);
  assert.not.match(module(folder), "DSC+hash");
  assert.not.ok(existsSync(join(folder, "build", "lock")));
});

test("a failed step leaves no lock", () => {
  const folder = checkout();
  writeFileSync(join(folder, "scripts", "bundle.mjs"), "process.exit(3);");
  assert.is(setUp(folder).status, 3);
  assert.not.ok(existsSync(join(folder, "build", "lock")));
});

test.run();
