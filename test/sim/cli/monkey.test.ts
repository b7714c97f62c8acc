// `dsc-sim monkey` as people call it, on the firmware and on mutants: its output, the file that it writes, and how that
// file fails.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { ProgressLine } from "../../../sim/cli/progressline.js";
import { mutantEnvironment } from "../../mutants/mutantsim.js";
import { scratchFolder } from "../../support/scratch.js";
import { dscSim, LAUNCHER } from "../../support/simprocess.js";
import { suite } from "../../support/suite.js";

const test = suite("monkey");

const FOLDER = scratchFolder();
const PROGRESS = "\\d+ runs?, \\d+ steps?, \\d+ steps/s, \\d+ states?, \\d+ transitions?, \\d+ power cuts?";

/** Runs `dsc-sim` in a folder; by default on the unchanged firmware. */
function runIn(folder: string, env: NodeJS.ProcessEnv = process.env) {
  return (...args: string[]) => {
    const options = { cwd: folder, env, encoding: "utf8" } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, [LAUNCHER, ...args], options);
    return { code: status, stdout, stderr };
  };
}

test("the firmware gives no difference, exit code 0 and no file", () => {
  const folder = scratchFolder();
  const { code, stdout, stderr } = dscSim(["monkey", "--seed", "7", "--runs", "3"], "", folder);
  assert.is(code, 0);
  assert.match(stdout, new RegExp(`^${PROGRESS}: no difference\n$`));
  assert.match(stdout, /^3 runs, 750 steps, /);
  assert.is(stderr, "dsc-sim: seed 7\n");
  assert.equal(readdirSync(folder), []);
});

test("the same seed gives the same runs; without --seed the drawn seed is printed", () => {
  const counts = (text: string) => text.replace(/\d+ steps\/s/, "");
  const [one, other] = [1, 2].map(() => dscSim(["monkey", "--seed", "11", "--runs", "2"], "", FOLDER).stdout);
  assert.is(counts(one as string), counts(other as string));
  assert.match(dscSim(["monkey", "--runs", "1"], "", FOLDER).stderr, /^dsc-sim: seed \d+\n$/);
});

/** Each mutant has a seed from which it is found soon. The second one begins with a flash file. */
const MUTANTS = [
  ["I9-NO-KEY-is-followed-by-the-bench-test", "I9", "1"],
  ["I7-an-error-card-takes-a-self-test", "I7", "10"],
] as const;

for (const [name, what, from] of MUTANTS) {
  test(`a mutant (${name}) gives exit code 1, and a file that fails on it and passes on the firmware`, async () => {
    const folder = scratchFolder();
    const run = runIn(folder, await mutantEnvironment(scratchFolder(), name));
    const { code, stdout, stderr } = run("monkey", "--seed", from, "--for", "1h");
    assert.is(code, 1, stderr);
    const [, seed, path] =
      /^seed (\d+): .*\n(?:1 step shows|\d+ steps show) it: dsc-sim run (.*)\n$/.exec(stdout) ?? [];
    assert.ok(path, stdout);
    assert.match(stdout, new RegExp(`: ${what}: `));
    assert.is(path, join(folder, `monkey-${seed}.dsc`));
    const lines = readFileSync(path as string, "utf8")
      .trimEnd()
      .split("\n");
    assert.match(lines[0] ?? "", new RegExp(`^# ${what}: `));

    const failed = run("run", path as string);
    assert.is(failed.code, 1);
    assert.match(failed.stdout, /^not ok 1 /m);
    assert.match(failed.stdout, new RegExp(`monkey-${seed}\\.dsc:${lines.length}"`));
    const passed = dscSim(["run", path as string]);
    assert.is(passed.code, 0, passed.stdout);

    assert.is(run("monkey", "--seed", seed as string, "--runs", "1").code, 1);
    assert.is(readFileSync(path as string, "utf8"), `${lines.join("\n")}\n`, "the file before is left alone");
    assert.is(readFileSync(join(folder, `monkey-${seed}-2.dsc`), "utf8").split("\n").length, lines.length + 1);
  });
}

test("wrong arguments are an error of one line with exit code 2", () => {
  const wrong = [
    ["--for", "10"],
    ["--for", "0s"],
    ["--for", "1d"],
    ["--for", "-1s"],
    ["--runs", "0"],
    ["--runs", "x"],
    ["--runs", "1.5"],
    ["--seed", "-1"],
    ["--seed", "4294967296"],
    ["--runs", "1", "--for", "1s"],
    ["somewhere"],
    ["--fast"],
  ];
  for (const args of wrong) {
    const { code, stdout, stderr } = dscSim(["monkey", ...args], "", FOLDER);
    assert.equal([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, /^dsc-sim: [^\n]+\n$/);
  }
});

// ---- the progress line ----

/** A stream that keeps what is written. */
function stream(isTTY: boolean): { out: NodeJS.WriteStream; written: string[] } {
  const written: string[] = [];
  const out = { isTTY, columns: 20, write: (text: string) => void written.push(text) };
  return { out: out as unknown as NodeJS.WriteStream, written };
}

test("in a terminal the progress line is overwritten, and removed at the end", () => {
  const { out, written } = stream(true);
  let now = 0;
  const line = new ProgressLine(out, { terminal: "xterm", clock: () => now });
  line.show("1 runs");
  line.show("2 runs");
  now = 200;
  line.show("3 runs, and much more than fits");
  line.say("found");
  line.end();
  assert.equal(written, ["\r\x1b[K1 runs", "\r\x1b[K3 runs, and much mo", "\r\x1b[K", "found\n"]);
});

test("elsewhere, and in a simple terminal, plain lines come from time to time", () => {
  for (const [isTTY, terminal] of [
    [false, "xterm"],
    [true, "dumb"],
  ] as const) {
    const { out, written } = stream(isTTY);
    let now = 0;
    const line = new ProgressLine(out, { terminal, clock: () => now });
    for (now = 0; now <= 25_000; now += 1_000) line.show(`${now}`);
    line.end();
    assert.equal(written, ["10000\n", "20000\n"]);
  }
});

test.run();
