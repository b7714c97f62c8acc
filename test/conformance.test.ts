// The same scenarios on every host of the firmware; a host that differs is noticed; and production images leave out the
// development commands.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as assert from "uvu/assert";
import { buildImages, compile, generate, IMAGES, type ImageName } from "../board/builder/images.js";
import { Machine } from "../board/emulator/machine.js";
import { Rests } from "../board/emulator/rests.js";
import { Channel, Level, Slip } from "../firmware/wire.js";
import { encodeFrame } from "../host-tools/card/frame.js";
import { openCard } from "../host-tools/card/port.js";
import { testKeys } from "../host-tools/card/transportkeys.js";
import { ROOT } from "../host-tools/files/project.js";
import { firmwareOf } from "../host-tools/flashing/firmwarehash.js";
import { Card, KEYS } from "../sim/core/card.js";
import { FLASH_SIZE } from "../sim/core/flash.js";
import { FIRMWARE_FILE, loadFirmware } from "../sim/session/firmware.js";
import { openPanel } from "../sim/session/panelport.js";
import { PtyLine } from "../sim/session/pty.js";
import { BoardError, handBack, openForUse } from "./conformance/board.js";
import { beyondLimits, type Figure, measure } from "./conformance/boardfigures.js";
import { ChipTarget } from "./conformance/chiptarget.js";
import { describeDifference } from "./conformance/play.js";
import { prepare, runAll } from "./conformance/run.js";
import { type Faults, SimTarget } from "./conformance/simtarget.js";
import { openBoard, openTarget, type TargetName } from "./conformance/targets.js";
import { boardTest } from "./support/board.js";
import { encodeCommand, Op, type Plain, Splitter } from "./support/development.js";
import { scenarios } from "./support/scenarios.js";
import { scratchFolder } from "./support/scratch.js";
import { dsc, SimProcess } from "./support/simprocess.js";
import { suite } from "./support/suite.js";

const MODULE = loadFirmware();
const ALL = prepare(scenarios());
assert.is(ALL.length, scenarios().length);
const FOLDER = scratchFolder();

// ---- the same everywhere ----

const same = suite("conformance");

same("every scenario gives the same result by frames and by keys, in the simulator", async () => {
  assert.equal(await differences("sim"), []);
});

boardTest(same, ["posix"], "every scenario on the posix port", async () => {
  assert.equal(await differences("posix"), []);
});

/** Every sixth scenario, since an emulated chip is slow. `npm run conformance` plays all of them. */
const FEW = ALL.filter((_, index) => index % 6 === 0);

boardTest(same, ["development"], "every sixth scenario in QEMU", async () => {
  assert.equal(await differences("qemu", FEW), []);
});

async function differences(name: TargetName, plays = ALL): Promise<string[]> {
  const results = await runAll(() => openTarget(name), plays);
  assert.is(results.length, plays.length);
  return results.flatMap(({ difference }) => (difference ? [describeDifference(difference, name)] : []));
}

// ---- one that differs ----

const broken = suite("conformance of a broken card");

broken("the report shows the first wrong screen, and where it is", async () => {
  const text = await firstDifference("tries.dsc", {
    display: (display) => (display === "LEFT 3" ? "LEFT 4" : display),
  });
  assert.match(text, /^test\/scenarios\/tries\.dsc:\d+: ok\n {2}simulator: on, WRONG_PIN, "LEFT 3"/);
  assert.match(text, /\n {2}broken: {4}on, WRONG_PIN, "LEFT 4"/);
});

broken("the report shows the first wrong byte, and where it is", async () => {
  const hello = Buffer.from(encodeFrame(Channel.APDU, Uint8Array.of(1)));
  const other = Buffer.from(encodeFrame(Channel.APDU, Uint8Array.of(2)));
  const wrong = (bytes: Uint8Array) =>
    Buffer.from(Buffer.from(bytes).toString("hex").replace(hello.toString("hex"), other.toString("hex")), "hex");
  const text = await firstDifference("serial.dsc", { send: wrong });
  assert.match(text, /^test\/scenarios\/serial\.dsc:5: serial c000e1f0c0\n/);
  assert.match(text, new RegExp(`simulator: .*\\n +sent ${hello.toString("hex")}`));
  assert.match(text, new RegExp(`broken: .*\\n +sent ${other.toString("hex")}`));
});

broken("the report says what is missing when a card falls silent", async () => {
  const silent = new SimTarget(MODULE, "broken", { send: () => new Uint8Array() });
  const text = await firstDifference("serial.dsc", {}, silent);
  assert.match(text, /simulator: .*\n +sent c0.*\n +broken: .*\n +sent nothing/);
});

/** A card that misses the first command because it starts late. */
class Late extends SimTarget {
  #isThere = false;

  override send(bytes: Uint8Array): void {
    const first = this.#isThere ? 0 : bytes.indexOf(Slip.END, 1) + 1;
    this.#isThere = true;
    super.send(bytes.subarray(first));
  }
}

broken("the report says that a command was lost if the card answers the next one", async () => {
  const text = await firstDifference("tries.dsc", {}, new Late(MODULE, "broken"));
  assert.match(text, /simulator: .*\n +sent .*\n +broken: +answers [A-Z]+ instead of [A-Z]+: a command was lost\n/);
});

async function firstDifference(file: string, faults: Faults, target?: SimTarget): Promise<string> {
  const one = ALL.filter(({ play }) => play.name.endsWith(file));
  const results = await runAll(async () => target ?? new SimTarget(MODULE, "broken", faults), one);
  const difference = results[0]?.difference;
  return difference ? describeDifference(difference, "broken") : "no difference";
}

broken("the flash figure includes the contents of a record, although it ends with a check", () => {
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

// ---- what is measured ----

const measured = suite("conformance: what is measured");

/** The number of longest commands sent without a pause. */
const FRAMES = 20;

boardTest(measured, ["development"], "the chip in QEMU is within the limits, by its own clock", async () => {
  const figures = await measureChip(buildImages("development"));
  assert.is(figures.filter(({ limits }) => limits).length, 4);
  assert.equal(beyondLimits(figures), []);
});

boardTest(
  measured,
  ["development"],
  "a clock at half its speed is beyond the limits, with its value and the limit",
  async () => {
    const port = ["interrupts.c", "oled.c", "uart.c"].map((name) => `board/ports/microbit/${name}`);
    const others = IMAGES.development.sources.filter((name) => name !== "board/ports/microbit");
    const sources = [...others, ...port, "test/conformance/halfspeed.c"];
    buildImages("development");
    const module = join(ROOT, "build", "board", "c", "dsc.c");
    const image = compile({ ...IMAGES.development, sources, output: "test/halfspeed.elf" }, module);
    const [hold, clock, ...more] = beyondLimits(await measureChip(image, 1));
    assert.match(hold ?? "", /^PRESS held until the screen shows: 1[56]\d\d ms; the limit is 750 to 850 ms$/);
    assert.match(clock ?? "", /^its clock is off by: (999|100\d)\d{3} ppm; the limit is -20000 to 20000 ppm$/);
    assert.equal(more, []);
  },
);

measured("a figure beyond its limit is reported, and one at the limit is not", () => {
  const figure = (value: number, limits: [number, number]): Figure => ({ name: "a", value, unit: "ms", limits });
  const values = [749, 750, 850, 851];
  assert.equal(
    values.map((value) => beyondLimits([figure(value, [750, 850])]).length),
    [1, 0, 0, 1],
  );
  assert.equal(beyondLimits([{ ...figure(1, [0, 0]), unit: "" }]), ["a: 1; the limit is 0"]);
  assert.equal(beyondLimits([{ name: "a", value: 1e9, unit: "ms" }]), []);
});

async function measureChip(image: string, frames = FRAMES): Promise<Figure[]> {
  const target = await ChipTarget.open(image);
  try {
    return await measure(target, { frames, clock: "message" });
  } finally {
    await target.close();
  }
}

// ---- a board that is plugged in ----

const plugged = suite("conformance on a port");

boardTest(plugged, ["posix"], "plays without damage, measures, and leaves a blank card", async () => {
  await onPosixPty(async (path) => {
    const some = ALL.filter(({ play }) => /serial|tries|battery-pulled/.test(play.name));
    const results = await runAll(() => openForUse(path, { erase: true }), some);
    assert.equal(
      results.map(({ difference }) => difference),
      some.map(() => undefined),
    );
    const target = await openForUse(path, { erase: true });
    const figures = await measure(target, { frames: 20 });
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

/** `npm run conformance` on a port: its exit code, and what it says on stderr. */
async function conformance(port: string, ...more: string[]): Promise<{ code: number; stderr: string }> {
  const main = join(ROOT, "build", "js", "test", "conformance", "main.js");
  const child = spawn(process.execPath, [main, "--only", "serial.dsc", "--port", port, ...more]);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  child.stdout.resume();
  const [code] = await once(child, "close");
  return { code, stderr };
}

/** Asserts one line on stderr and the exit code of ports. */
async function refuses(port: string, says: RegExp, ...more: string[]): Promise<void> {
  const { code, stderr } = await conformance(port, ...more);
  assert.match(stderr, /^conformance: [^\n]+\n$/);
  assert.match(stderr, says);
  assert.is(code, 3);
}

boardTest(plugged, ["posix"], "a card whose flash is damaged is refused in a line that names --erase", async () => {
  const flash = join(FOLDER, "damaged.flash");
  for (const byte of [0x00, 0x5a]) {
    writeFileSync(flash, Buffer.alloc(FLASH_SIZE, byte));
    await onPosixPty(
      async (path) => {
        await refuses(path, /all on it would be erased: say --erase if it may be$/m);
        await (await openForUse(path, { erase: true })).close();
      },
      ["--flash", flash],
    );
  }
});

boardTest(plugged, ["posix"], "a channel that was left open does no harm", async () => {
  await onPosixPty(async (path) => {
    const card = await openCard(path);
    await card.client.openChannel(Level.FULL, testKeys());
    await card.close();
    await (await openForUse(path, { erase: false })).close();
  });
});

boardTest(plugged, ["posix"], "a card with other firmware than was built here", async () => {
  const module = readFileSync(FIRMWARE_FILE);
  const hash = firmwareOf(module)?.hash ?? "";
  module.fill(0x77, module.indexOf(hash, "hex"), module.indexOf(hash, "hex") + hash.length / 2);
  const folder = join("test", "otherfirmware");
  const source = join(ROOT, "build", "board", folder, "dsc.c");
  const file = join(FOLDER, "other.wasm");
  writeFileSync(file, module);
  mkdirSync(dirname(source), { recursive: true });
  generate(file, source);
  const flags = ["-O1", "-DDEVELOPMENT=1"];
  const program = compile({ ...IMAGES.posix, flags, output: join(folder, "dsc") }, source);
  const says = new RegExp(`its firmware is ${"77".repeat(8)}, the one built here ${hash}: flash it first$`, "m");
  await onPosixPty((path) => refuses(path, says), [], program);
});

plugged("a missing port and a card without power are reported", async () => {
  await refuses(join(FOLDER, "none"), /no such port/);
  if (process.platform === "win32") return;
  const link = join(FOLDER, "unpowered");
  const line = new PtyLine(new Card(MODULE, { battery: 0 }), link);
  await refuses(link, /no card answers/);
  line.close();
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

/** More sleeps than the chip needs to answer everything that it is sent. */
const RESTS = 300;

boardTest(production, ["production"], "takes no commands, so nobody can stop its clock", async () => {
  await inProduction(async (machine, rests) => {
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
    for (let left = RESTS; left > 0; left--) await rests.next();
    assert.equal(observed, []);
    assert.equal(
      frames.map(({ channel, payload }) => [channel, payload.toString("hex")]),
      [[Channel.APDU, "01"]],
    );
  });
});

boardTest(production, ["production"], "has no front panel, and answers GET DATA", async () => {
  await onQemuPty("production", async (path) => {
    await rejects(
      whileSilent(() => openPanel(path)),
      Error,
      /no front panel/,
    );
    await rejects(
      whileSilent(() => openForUse(path, { erase: true })),
      BoardError,
      /not a development image/,
    );
    assert.match(await info(path), /^[0-9a-f]{16}$/);
  });
});

/** Tries again if the chip did not answer in time, because it is slow on a busy computer. */
async function whileSilent(open: () => Promise<unknown>): Promise<unknown> {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!/no card answers/.test((error as Error).message)) throw error;
    }
  }
}

// ---- cards on pseudo-terminals ----

const processes = new Set<ChildProcess>();

async function onPosixPty(
  use: (path: string) => Promise<void>,
  args: string[] = [],
  program = buildImages("posix"),
): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
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

async function inProduction(use: (machine: Machine, rests: Rests) => Promise<void>): Promise<void> {
  const image = buildImages("production");
  const machine = await Machine.start({ image, stepped: true });
  try {
    await use(machine, await Rests.begin(machine, image));
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
measured.run();
plugged.run();
production.run();
