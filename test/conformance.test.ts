// The same scenarios on every host of the firmware, and that a host which differs is found out; and what production
// images leave out.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { Machine } from "../board/qemu/machine.js";
import { Channel } from "../firmware/wire.js";
import { encodeFrame } from "../host-tools/frame.js";
import { openCard } from "../host-tools/port.js";
import { buildImages, type ImageName } from "../scripts/board.js";
import { KEYS } from "../sim/card.js";
import { loadFirmware } from "../sim/firmware.js";
import { openPanel } from "../sim/panelport.js";
import { BoardError, handBack, openForUse } from "./conformance/board.js";
import { encodeCommand, Op, type Plain, Splitter } from "./conformance/development.js";
import { measure } from "./conformance/hardware.js";
import { describeDifference } from "./conformance/play.js";
import { prepare, runAll } from "./conformance/run.js";
import { type Faults, SimTarget } from "./conformance/simtarget.js";
import { openBoard, openTarget, type TargetName } from "./conformance/targets.js";
import { boardTest } from "./support/board.js";
import { scenarios } from "./support/scenarios.js";
import { scratchFolder } from "./support/scratch.js";
import { dsc, SimProcess } from "./support/simprocess.js";
import { suite } from "./support/suite.js";

const MODULE = loadFirmware();
const ALL = prepare(scenarios());
const FOLDER = scratchFolder();

// ---- the same everywhere ----

const same = suite("conformance");

same("every scenario by frames is what it is by keys, in the simulator", async () => {
  assert.equal(await differences("sim"), []);
});

boardTest(same, ["posix"], "every scenario on the posix port", async () => {
  assert.equal(await differences("posix"), []);
});

boardTest(same, ["development"], "every scenario in QEMU", async () => {
  assert.equal(await differences("qemu"), []);
});

async function differences(name: TargetName): Promise<string[]> {
  const results = await runAll(() => openTarget(name), ALL);
  assert.is(results.length, scenarios().length);
  return results.flatMap(({ difference }) => (difference ? [describeDifference(difference, name)] : []));
}

// ---- one that differs ----

const broken = suite("conformance of a broken card");

broken("shows the first screen that is wrong, and where", async () => {
  const text = await firstDifference("tries.dsc", {
    display: (display) => (display === "LEFT 3" ? "LEFT 4" : display),
  });
  assert.match(text, /^test\/scenarios\/tries\.dsc:\d+: ok\n {2}simulator: on, WRONG_PIN, "LEFT 3"/);
  assert.match(text, /\n {2}broken: {4}on, WRONG_PIN, "LEFT 4"/);
});

broken("shows the first byte that is wrong, and where", async () => {
  const hello = encodeFrame(Channel.APDU, Uint8Array.of(1));
  const other = encodeFrame(Channel.APDU, Uint8Array.of(2));
  const wrong = (bytes: Uint8Array) =>
    Buffer.from(Buffer.from(bytes).toString("hex").replace(hello.toString("hex"), other.toString("hex")), "hex");
  const text = await firstDifference("serial.dsc", { send: wrong });
  assert.match(text, /^test\/scenarios\/serial\.dsc:5: serial c000e1f0c0\n/);
  assert.match(text, new RegExp(`simulator: .*\\n +sent ${hello.toString("hex")}`));
  assert.match(text, new RegExp(`broken: .*\\n +sent ${other.toString("hex")}`));
});

broken("says what is missing where a card falls silent", async () => {
  const silent = new SimTarget(MODULE, "broken", { send: () => new Uint8Array() });
  const text = await firstDifference("serial.dsc", {}, silent);
  assert.match(text, /simulator: .*\n +sent c0.*\n +broken: .*\n +sent nothing/);
});

async function firstDifference(file: string, faults: Faults, target?: SimTarget): Promise<string> {
  const one = ALL.filter(({ play }) => play.name.endsWith(file));
  const results = await runAll(async () => target ?? new SimTarget(MODULE, "broken", faults), one);
  const difference = results[0]?.difference;
  return difference ? describeDifference(difference, "broken") : "no difference";
}

broken("the flash figure sees what a record holds, though it ends with a check of it", () => {
  const crcs = [1, 2].map((seed) => {
    const target = new SimTarget(MODULE);
    const answers: (number | undefined)[] = [];
    const splitter = new Splitter(({ answer }) => answers.push(answer.crc));
    target.onBytes = (bytes) => splitter.take(bytes);
    target.send(Buffer.concat([encodeCommand(Op.SEED, seed), encodeFrame(Channel.APDU, Buffer.alloc(0))]));
    target.send(encodeCommand(Op.STATUS));
    return answers.at(-1);
  });
  assert.is(new Set(crcs).size, 2, crcs.join());
});

// ---- a board that is plugged in ----

const plugged = suite("conformance on a port");

boardTest(plugged, ["posix"], "plays with care, measures, and leaves a blank card", async () => {
  await onPosixPty(async (path) => {
    const some = ALL.filter(({ play }) => /serial|tries|battery-pulled/.test(play.name));
    const results = await runAll(() => openForUse(path, { erase: true }), some);
    assert.equal(
      results.map(({ difference }) => difference),
      some.map(() => undefined),
    );
    const target = await openForUse(path, { erase: true });
    const figures = await measure(target, { frames: 20, clock: false });
    await handBack(target);
    await target.close();
    const missed = figures.find(({ name }) => name === "of them not answered");
    assert.is(missed?.value, 0);
    const { life } = await status(path);
    assert.is(life, "blank");
  });
});

boardTest(plugged, ["posix"], "refuses a card that holds something, unless it may be erased", async () => {
  await onPosixPty(async (path) => {
    const demo = ALL.filter(({ play }) => play.name.endsWith("screen-off.dsc"));
    await runAll(() => openBoard(path), demo);
    await rejects(openForUse(path, { erase: false }), BoardError, /personalized; .*--erase/);
    assert.is((await status(path)).life, "personalized");
    await (await openForUse(path, { erase: true })).close();
  });
});

boardTest(plugged, ["posix", "development"], "is the same firmware on all three: dsc info", async () => {
  const sim = await SimProcess.start(join(FOLDER, "port"));
  const hashes = [await info(sim.port)];
  await sim.stop();
  await onPosixPty(async (path) => void hashes.push(await info(path)));
  await onQemuPty("development", async (path) => void hashes.push(await info(path)));
  assert.match(hashes[0] ?? "", /^[0-9a-f]{16}$/);
  assert.is(new Set(hashes).size, 1, hashes.join(", "));
});

// ---- production ----

const production = suite("a production image");

boardTest(production, ["production"], "takes no commands: nobody can take its time", async () => {
  await inProduction(async (machine) => {
    const frames: Plain[] = [];
    const observed: unknown[] = [];
    const splitter = new Splitter(
      (one) => observed.push(one),
      (frame) => frames.push(frame),
    );
    machine.serial?.on("data", (bytes: Buffer) => splitter.take(bytes));
    for (const op of Object.values(Op)) machine.serial?.write(encodeCommand(op, 0x7fffffff, true));
    for (const key of KEYS.keys()) machine.serial?.write(encodeFrame(Channel.PANEL, Uint8Array.of(key, 1)));
    machine.serial?.write(encodeFrame(Channel.PANEL, Buffer.alloc(0)));
    machine.serial?.write(encodeFrame(Channel.APDU, Buffer.alloc(0)));
    for (let left = 100; left > 0 && frames.length === 0; left--) await sleep(100);
    await sleep(200);
    assert.equal(observed, []);
    assert.equal(
      frames.map(({ channel, payload }) => [channel, payload.toString("hex")]),
      [[Channel.APDU, "01"]],
    );
  });
});

boardTest(production, ["production"], "has no front panel, and answers GET DATA", async () => {
  await onQemuPty("production", async (path) => {
    await rejects(openPanel(path), Error, /no front panel/);
    await rejects(openForUse(path, { erase: true }), BoardError, /not a development image/);
    assert.match(await info(path), /^[0-9a-f]{16}$/);
  });
});

// ---- cards on pseudo-terminals ----

const processes = new Set<ChildProcess>();

async function onPosixPty(use: (path: string) => Promise<void>): Promise<void> {
  const child = spawn(buildImages("posix"), [], { stdio: ["ignore", "pipe", "inherit"] });
  processes.add(child);
  const ended = once(child, "exit");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  try {
    await use((JSON.parse(line.toString()) as { pty: string }).pty);
  } finally {
    child.kill("SIGTERM");
    processes.delete(child);
    assert.equal(await ended, [0, null], "a signal ends it cleanly");
  }
}

async function onQemuPty(image: ImageName, use: (path: string) => Promise<void>): Promise<void> {
  const machine = await Machine.start({ image: buildImages(image), serial: "pty" });
  try {
    await use(machine.pty as string);
  } finally {
    await machine.stop();
  }
}

async function inProduction(use: (machine: Machine) => Promise<void>): Promise<void> {
  const machine = await Machine.start({ image: buildImages("production") });
  try {
    await use(machine);
  } finally {
    await machine.stop();
  }
}

async function status(path: string) {
  const card = await openCard(path);
  try {
    return await card.client.readStatus();
  } finally {
    await card.close();
  }
}

/** The hash of the firmware that `dsc info` prints. */
async function info(path: string): Promise<string> {
  const { stdout, code, stderr } = await dsc(["info", "--port", path, "--json"]);
  assert.is(code, 0, stderr);
  return (JSON.parse(stdout) as { firmware: { hash: string } }).firmware.hash;
}

async function rejects(promise: Promise<unknown>, kind: new (...args: never[]) => Error, message: RegExp) {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof kind, `not a ${kind.name}: ${error}`);
  assert.match((error as Error).message, message);
}

process.once("exit", () => {
  for (const child of processes) child.kill("SIGKILL");
});

same.run();
broken.run();
plugged.run();
production.run();
