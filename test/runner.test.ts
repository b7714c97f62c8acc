// The runner of the tests: what counts as a pass, and that it ends whatever a test file does.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import * as assert from "uvu/assert";
import { ROOT } from "../host-tools/files/project.js";
import { scratchFolder } from "./support/scratch.js";
import { testUnless } from "./support/skipping.js";
import { suite } from "./support/suite.js";
import { summary } from "./support/summary.js";
import { killAll, type Limits, type Result, runTestFile } from "./support/testfile.js";

const runner = suite("runner");

const FOLDER = scratchFolder();
const COMPILED = join(ROOT, "build", "js", "test");
/** Limits that a file of this test reaches only on purpose. */
const WIDE: Limits = { processorMs: 60_000, wallMs: 600_000, graceMs: 500, lookMs: 100 };
/** More processor time than a start of Node takes. */
const SHORT: Limits = { ...WIDE, processorMs: 3000 };
const NO_PROC = process.platform === "linux" ? undefined : "processor time is measured on Linux only";

/** Starts a program that prints its process id and never ends, and has the file's own pipes. */
const GRANDCHILD = (program: string, detached: boolean) => `
  const child = spawn(process.execPath, ["-e", ${JSON.stringify(program)}], { stdio: "inherit", detached: ${detached} });
  child.unref();
  console.log("grandchild", child.pid);`;
const IDLE = "setInterval(() => {}, 1000)";
const BUSY = "for (;;);";

let files = 0;

/** A test file of this text, which finds \`suite\`, \`skip\` and \`spawn\`. */
function testFile(text: string): string {
  const path = join(FOLDER, `file${++files}.test.mjs`);
  const from = (name: string) => JSON.stringify(pathToFileURL(name).href);
  const lines = [
    `import { note, skip, skipWithout, suite } from ${from(join(COMPILED, "support", "suite.js"))};`,
    `import * as uvu from ${from(join(ROOT, "node_modules", "uvu", "dist", "index.mjs"))};`,
    `import { spawn } from "node:child_process";`,
    `import { writeFileSync } from "node:fs";`,
    `const test = suite("fixture");`,
    text,
  ];
  writeFileSync(path, lines.join("\n"));
  return path;
}

function run(text: string, limits = WIDE): Promise<Result> {
  return runTestFile(testFile(text), limits);
}

/** Asserts that this file fails, for this reason. */
async function fails(text: string, fault: RegExp, limits = WIDE): Promise<Result> {
  const result = await run(text, limits);
  assert.ok(result.failed > 0, "counts a failure");
  assert.match(result.faults.join("\n"), fault);
  return result;
}

/** Waits for the end of the program that the file started: it was killed. */
async function grandchildEnds({ output }: Result): Promise<void> {
  const id = Number(/grandchild (\d+)/.exec(output)?.[1]);
  assert.ok(id > 1, output);
  while (runs(id)) await sleep(20);
}

function runs(id: number): boolean {
  try {
    process.kill(id, 0);
    // An ended process stays a zombie on a machine where no process reaps orphans.
    return process.platform !== "linux" || !/\) Z /.test(readFileSync(`/proc/${id}/stat`, "utf8"));
  } catch {
    return false;
  }
}

runner("counts what passed, failed and was skipped", async () => {
  const { passed, failed, skips, notes, faults, output } = await run(`
    test("one", () => {});
    test("two", async () => {});
    test("three", () => { throw new Error("three is broken"); });
    test("four", () => skip("no such thing here"));
    test.run();
    const other = suite();
    other("five", () => {});
    other.run();
    note("not checked: another thing");`);
  assert.equal(notes, ["not checked: another thing"]);
  assert.equal({ passed, failed, faults }, { passed: 3, failed: 1, faults: [] });
  assert.equal(skips, [{ test: "fixture: four", reason: "no such thing here" }]);
  assert.match(output, /three is broken/);
});

runner("a skip for want of Debian packages fails where CI is set", async () => {
  const text = `test("board", () => skipWithout("apt-get install wabt")); test.run();`;
  const before = process.env.CI;
  try {
    delete process.env.CI;
    assert.equal((await run(text)).skips, [{ test: "fixture: board", reason: "apt-get install wabt" }]);
    process.env.CI = "1";
    const { failed, skips, output } = await run(text);
    assert.equal({ failed, skips }, { failed: 1, skips: [] });
    assert.match(output, /apt-get install wabt/);
  } finally {
    if (before === undefined) delete process.env.CI;
    else process.env.CI = before;
  }
});

runner("a suite that is not run fails, whatever another does", async () => {
  const { passed, failed } = await fails(
    `test("one", () => {}); test.run();
     const other = suite("forgotten"); other("two", () => {}); other("three", () => {});`,
    /2 of its tests were registered and never ran/,
  );
  assert.equal({ passed, failed }, { passed: 1, failed: 2 });
});

runner("a test that is registered after its suite was run fails", async () => {
  await fails(`test("one", () => {}); test.run(); test("two", () => {});`, /1 of its tests/);
});

runner(".only fails", async () => {
  await fails(`test("one", () => {}); test.only("two", () => {}); test.run();`, /\.only/);
});

runner("a file without a test fails", async () => {
  await fails("", /ran no test/);
  await fails(`console.log("\\n  Total:     5\\n  Passed:    5\\n  Skipped:   0");`, /ran no test/);
});

runner("a suite that is uvu's own is not taken for one that reports", async () => {
  await fails(`const own = uvu.suite("own"); own("one", () => {}); own.run();`, /ran no test/);
});

runner("totals that are printed count for nothing", async () => {
  const { passed, failed } = await fails(
    `test("one", () => { throw new Error(); }); test.run();
     process.on("exit", () => { console.log("\\n  Total:     1\\n  Passed:    1"); process.exitCode = 0; });`,
    /exit code 0 though tests failed/,
  );
  assert.equal({ passed, failed }, { passed: 0, failed: 1 });
});

runner("a crash after the last test fails", async () => {
  for (const [crash, fault] of [
    [`setTimeout(() => { throw new Error("late"); }, 500);`, /exit code 1 though no test failed/],
    [`process.on("exit", () => { process.exitCode = 3; });`, /exit code 3 though no test failed/],
    [`process.on("exit", () => process.kill(process.pid, "SIGKILL"));`, /ended by SIGKILL/],
    ["test.after(() => { throw new Error(); });", /exit code 1 though no test failed/],
  ] as const) {
    await fails(`test("one", () => {}); ${crash} test.run();`, fault);
  }
});

runner("a file that ends with exit code 0 without its last report fails, whatever passed before", async () => {
  for (const end of ["process.reallyExit(0)", `process.removeAllListeners("exit"); process.exit(0)`]) {
    const text = `test("one", () => {}); test("two", () => { ${end}; }); test("three", () => {}); test.run();`;
    await fails(text, /without its last report/);
  }
});

runner("an exit in the middle fails", async () => {
  await fails(
    `test("one", () => {}); test("two", () => process.exit(0)); test("three", () => {}); test.run();`,
    /never/,
  );
});

for (const detached of [false, true]) {
  const where = detached ? "in a session of its own" : "in its group";
  testUnless(runner, NO_PROC, `a program left behind ${where} is ended, and the file passes`, async () => {
    const result = await run(`test("one", () => {${GRANDCHILD(IDLE, detached)}}); test.run();`);
    assert.equal([result.passed, result.failed], [1, 0]);
    await grandchildEnds(result);
  });
}

testUnless(runner, NO_PROC, "a file over its processor time is ended, though it handles SIGTERM", async () => {
  const { output } = await fails(
    `process.on("SIGTERM", () => console.log("told to end"));
     const burn = () => { for (const end = Date.now() + 50; Date.now() < end;); setImmediate(burn); };
     test("one", () => new Promise(burn)); test.run();`,
    /more than 3 s of processor time/,
    SHORT,
  );
  assert.match(output, /told to end/);
});

testUnless(runner, NO_PROC, "a file's processor time includes that of the programs that it started", async () => {
  for (const detached of [false, true]) {
    const result = await fails(
      `test("one", () => new Promise(() => {${GRANDCHILD(BUSY, detached)} ${IDLE}})); test.run();`,
      /more than 3 s of processor time/,
      SHORT,
    );
    await grandchildEnds(result);
  }
});

runner("time in which a file waits is not processor time", async () => {
  const { passed, failed, wallMs } = await run(
    `test("one", () => new Promise((resolve) => setTimeout(resolve, ${SHORT.processorMs + 500}))); test.run();`,
    SHORT,
  );
  assert.equal([passed, failed], [1, 0]);
  assert.ok(wallMs > SHORT.processorMs);
});

runner("a file that hangs without computing is ended by the wall clock", async () => {
  await fails(`test("one", () => new Promise(() => ${IDLE})); test.run();`, /took more than 1 s/, {
    ...WIDE,
    wallMs: 1000,
  });
});

runner("a runner that is ended also ends its files", async () => {
  const ready = join(FOLDER, "ready");
  const text = `test("one", () => new Promise(() => {${GRANDCHILD(IDLE, false)}
    writeFileSync(${JSON.stringify(ready)}, ""); ${IDLE} })); test.run();`;
  const result = run(text);
  while (!existsSync(ready)) await sleep(20);
  killAll("SIGTERM");
  assert.match((await result).faults.join(), /ended by SIGTERM/);
  await grandchildEnds(await result);
});

/** `npm test -- NAME…`, behind the build. */
function npmTest(...names: string[]) {
  return spawnSync(process.execPath, [join(COMPILED, "run.js"), ...names], { encoding: "utf8" });
}

runner("runs the files whose names contain a name", () => {
  const { status, stdout } = npmTest("crc16");
  assert.is(status, 0, stdout);
  assert.match(stdout, /^ok {3}firmware\/crypto\/crc16\.test\.ts {2}(\d+)\/\1 /);
  assert.match(stdout, /\n\d+ passed, 0 failed\n$/);
});

runner("takes the path of a file, as a shell completes it", () => {
  const { status, stdout } = npmTest("test/firmware/crypto/crc16.test.ts");
  assert.is(status, 0, stdout);
  assert.match(stdout, /^ok {3}firmware\/crypto\/crc16/);
});

runner("refuses a name that no file has, and runs nothing", () => {
  const { status, stdout, stderr } = npmTest("crc16", "no-such-file");
  assert.is(status, 2);
  assert.is(stdout, "");
  assert.match(stderr, /^no test file's name contains no-such-file;[^\n]*\n$/);
});

runner("prints the ten slowest files, and the reason of every skip, above the counts", () => {
  const result = (at: number) => ({
    name: `file${at}.test.ts`,
    passed: 2,
    failed: at % 2,
    notes: ["not checked: more"],
    skips: at === 3 ? [{ test: "a test", reason: "why" }] : [],
    faults: [],
    output: "",
    wallMs: at * 1000,
    processorMs: at * 100,
  });
  const lines = summary(Array.from({ length: 12 }, (_, at) => result(at))).split("\n");
  const slowest = lines.filter((line) => /^ +\d+\.\d +\d+\.\d {2}file/.test(line));
  assert.is(slowest.length, 10);
  assert.match(slowest[0] ?? "", /^ +11\.0 +1\.1 {2}file11\.test\.ts$/);
  assert.is(slowest.at(-1)?.endsWith("file2.test.ts"), true);
  assert.equal(lines.slice(-3), [
    "not checked: more",
    "skipped: file3.test.ts: a test: why",
    "24 passed, 6 failed, 1 skipped",
  ]);
});

runner.run();
