// `dsc-sim monkey --port`: keys on the front panel of a card in another process, whose time passes by itself; and
// models of the states that such a card may have.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Key, State } from "../../../firmware/wire.js";
import { BUILD } from "../../../host-tools/files/project.js";
import { Model, NEW_CARD } from "../../../sim/core/model/model.js";
import { DEMO_KEPT } from "../../../sim/session/monkey/beginnings.js";
import { ORACLE } from "../../../sim/session/monkey/host.js";
import { KeySteps } from "../../../sim/session/monkey/keysteps.js";
import { digitsOf } from "../../../sim/session/monkey/play.js";
import { within } from "../../../sim/session/monkey/span.js";
import { mutantEnvironment } from "../../mutants/mutantsim.js";
import { until } from "../../support/deadline.js";
import { endingWith } from "../../support/leftovers.js";
import { scratchFolder } from "../../support/scratch.js";
import { LAUNCHER } from "../../support/simprocess.js";
import { ON_WINDOWS, suiteUnless } from "../../support/skipping.js";

const test = suiteUnless(ON_WINDOWS, "monkey on a front panel");
const ending = endingWith(test);

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program to run; default: the simulator. */
interface Program {
  readonly env?: NodeJS.ProcessEnv;
  readonly launcher?: string;
}

/** A card in another process, at a line in `folder`. */
async function start(
  folder: string,
  args: readonly string[],
  { env = process.env, launcher = LAUNCHER }: Program = {},
) {
  const command = [launcher, "--headless", "--pty", "line", ...args];
  const child = ending(spawn(process.execPath, command, { cwd: folder, env }));
  child.stderr.pipe(process.stderr);
  await until(() => existsSync(join(folder, "line")), "the card is there");
  return child;
}

/** Starts a card likewise. Returns a function that ends it. */
async function card(folder: string, args: readonly string[], program: Program = {}): Promise<() => Promise<void>> {
  const child = await start(folder, args, program);
  return async () => {
    const ended = once(child, "exit");
    child.stdin.end();
    await ended;
  };
}

/** Whether a card is on, because it was turned on. */
async function isOn({ stdin, stdout }: Awaited<ReturnType<typeof start>>): Promise<boolean> {
  const said = once(stdout, "data");
  stdin.write("show\n");
  return String(await said).includes('"on":true');
}

async function monkey(folder: string, ...args: string[]): Promise<Ended> {
  const child = ending(spawn(process.execPath, [LAUNCHER, "monkey", "--port", "line", ...args], { cwd: folder }));
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

test("the demo card gives no difference, and loses nothing", async () => {
  const folder = scratchFolder();
  const end = await card(folder, ["--demo", "--seed", "1"]);
  const { code, stdout, stderr } = await monkey(folder, "--seed", "3", "--runs", "1");
  assert.is(code, 0, stdout + stderr);
  assert.match(stdout, /^1 run, \d+ steps, .*: no difference\n$/);
  await end();
});

test("a faulty card gives exit code 1, and a file that replays the fault", async () => {
  const folder = scratchFolder();
  const env = await mutantEnvironment(scratchFolder(), "I9-NO-KEY-is-followed-by-the-bench-test");
  const end = await card(folder, ["--seed", "1"], { env });
  const { code, stdout, stderr } = await monkey(folder, "--seed", "1", "--for", "1h");
  assert.is(code, 1, stdout + stderr);
  const [, seed, steps] =
    /^seed (\d+): .*\n(\d+) steps? shows? it: dsc-sim run --port line .*\.dsc\n$/.exec(stdout) ?? [];
  assert.ok(Number(steps) <= 4, stdout);
  const lines = readFileSync(join(folder, `monkey-${seed}.dsc`), "utf8")
    .trimEnd()
    .split("\n");
  assert.match(lines[0] ?? "", /^# (state|display|power): /);
  assert.match(lines.at(-1) ?? "", /^expect/);
  for (const line of lines) assert.match(line, /^(#.*|(down|up) \w+|wait \d+|expect.*)$/);
  await end();
});

test("a card other than the demo card is not touched", async () => {
  const folder = scratchFolder();
  const launcher = simWithSerial(scratchFolder(), "IB3000002");
  const end = await card(folder, ["--demo", "--seed", "1"], { launcher });
  const { code, stdout, stderr } = await monkey(folder, "--seed", "1", "--runs", "1");
  assert.equal([code, stdout], [3, ""]);
  assert.match(stderr, /^dsc-sim: seed 1\ndsc-sim: line: the card is IB3000002, not the demo card: [^\n]*\n$/);
  assert.equal(
    readdirSync(folder).filter((name) => name.startsWith("monkey")),
    [],
  );
  await end();
});

/** Writes a `dsc-sim` whose demo card has another serial number into `folder`. */
function simWithSerial(folder: string, serial: string): string {
  const [demo, main] = ["session/demo.js", "cli/main.js"].map((file) => JSON.stringify(join(BUILD, "js", "sim", file)));
  const path = join(folder, "dsc-sim.mjs");
  writeFileSync(
    path,
    `import { DEMO } from ${demo};
    import { main } from ${main};
    DEMO.serial = ${JSON.stringify(serial)};
    await main(process.argv.slice(2));`,
  );
  return path;
}

test("a card that goes away is an error of one line with exit code 3", async () => {
  const folder = scratchFolder();
  const child = await start(folder, ["--seed", "1"]);
  const playing = monkey(folder, "--seed", "1", "--for", "1h");
  await until(() => isOn(child), "the monkey plays");
  child.kill("SIGKILL");
  const { code, stdout, stderr } = await playing;
  assert.equal([code, stdout], [3, ""], stderr);
  const lost = "dsc-sim: line: the card is gone; the line was closed";
  assert.match(stderr, new RegExp(`^dsc-sim: seed 1\n(\\d+ runs.*\n)*${lost}\n$`));
});

// ---- possible states of the card ----

function demoModel(): Model {
  return new Model(DEMO_KEPT, ORACLE);
}

test("a key counts as both short and long only if its time is uncertain", () => {
  const states = (down: number, latest: number) => {
    const pressed = within([demoModel()], { from: 0, to: 10 }, (model) => model.contact(Key.PRESS, true));
    const released = within(pressed, { from: down, to: latest }, (model) => model.contact(Key.PRESS, false));
    const settled = within(released, { from: latest + 50, to: latest + 60 });
    return [...new Set(settled.map(({ state }) => State[state]))].sort();
  };
  assert.equal(states(500, 700), ["OFF"]);
  assert.equal(states(900, 1_000), ["PIN"]);
  assert.equal(states(700, 900), ["OFF", "PIN"]);
});

test("a time-out counts as both passed and not passed only if the span contains it", () => {
  const model = new Model(NEW_CARD, ORACLE);
  model.turnOn();
  const states = (from: number, to: number) => {
    return [...new Set(within([model], { from, to }).map(({ state }) => State[state]))].sort();
  };
  assert.equal(states(2_900, 2_999), ["NO_KEY"]);
  assert.equal(states(2_990, 3_010), ["NO_KEY", "OFF"]);
  assert.equal(states(3_000, 3_010), ["OFF"]);
});

test("however long the monkey plays, few models remain", () => {
  let models: readonly Model[] = [demoModel()];
  let now = 0;
  for (let i = 0; i < 200; i++) {
    const key = i % 3 === 0 ? Key.PRESS : i % 10;
    for (const closed of [true, false]) {
      models = within(models, { from: now, to: now + 15 }, (model) => model.contact(key, closed));
      now += closed ? 90 : 60;
    }
    assert.ok(models.length <= 64, `${models.length} models`);
  }
});

// ---- steps ----

test("steps are keys and short waits, and never block a card", () => {
  const model = demoModel();
  const steps = new KeySteps(1);
  let least = model.kept.codes;
  for (let i = 0; i < 20_000; i++) {
    const step = steps.next(model);
    assert.ok(["contact", "press", "type", "wait"].includes(step.do), step.do);
    if (step.do === "wait") assert.ok(step.ms <= 4_100);
    playOnModel(model, step);
    least = Math.min(least, model.kept.codes);
  }
  assert.ok(least >= 2, `${least} codes were left`);
  assert.ok(least < DEMO_KEPT.codes, "wrong codes are tried");
});

/** Plays a step as on the card, but without waiting. */
function playOnModel(model: Model, step: ReturnType<KeySteps["next"]>): void {
  const press = (key: number, ms: number) => {
    model.contact(key, true);
    model.wait(ms);
    model.contact(key, false);
    model.wait(40);
  };
  if (step.do === "contact") model.contact(step.key, step.closed);
  if (step.do === "press") press(step.key, step.ms);
  if (step.do === "wait") model.wait(step.ms);
  if (step.do === "type") for (const digit of digitsOf(step.typed, model)) press(Number(digit), 80);
  model.wait(30);
  if (model.state === State.LOCK_CODE) model.kept = { ...model.kept, lockCode: model.kept.lockCode ?? "12345679" };
}

test.run();
