// The ports that run only in QEMU, each on its machine: the card starts, answers, plays scenarios as the simulator
// does, keeps time, and wipes its secrets; and faults in a port's code are noticed.

import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import * as assert from "uvu/assert";
import { buildImages, compile, IMAGES, imageFor } from "../../board/builder/images.js";
import { EMULATED, emulatorOf, type PortName } from "../../board/builder/ports.js";
import { addressOf } from "../../board/builder/sizes.js";
import { Machine } from "../../board/emulator/machine.js";
import type { Change } from "../../board/ports/port.js";
import { ROOT } from "../../host-tools/files/project.js";
import { firmwareOf } from "../../host-tools/flashing/firmwarehash.js";
import { FIRMWARE_FILE } from "../../sim/session/firmware.js";
import { beyondLimits, MeasureError, type MeasureOptions, measure, type Part } from "../conformance/boardfigures.js";
import { ChipTarget } from "../conformance/chiptarget.js";
import { describeDifference } from "../conformance/play.js";
import { measureResponse } from "../conformance/response.js";
import { prepare, runAll } from "../conformance/run.js";
import { openQemu } from "../conformance/targets.js";
import { boardTest } from "../support/board.js";
import { cardOf } from "../support/cards.js";
import { Chip } from "../support/chip.js";
import { Op } from "../support/development.js";
import { ONE, OTHER, type Owner } from "../support/owners.js";
import { scenarios } from "../support/scenarios.js";
import { scratchFolder } from "../support/scratch.js";
import { dsc } from "../support/simprocess.js";
import { suite } from "../support/suite.js";

const test = suite("board: ports in QEMU");

const SEED = 7;
/**
A short part of the conformance: a login, a power cut, the serial line. `npm run conformance` plays all scenarios.
*/
const SHORT = prepare(scenarios().filter(({ name }) => /(serial|tries|battery-pulled)\.dsc$/.test(name)));
/** The number of longest commands sent without a pause. */
const FRAMES = 4;

const PORTING = readFileSync(join(ROOT, "docs", "PORTING.md"), "utf8");
/** Of its table of ports; the text before the first bar is column 0. */
const RESPONSE_COLUMN = 5;

type Port = Exclude<PortName, "microbit" | "template">;
const PORTS = EMULATED.filter((port): port is Port => port !== "microbit");

for (const port of PORTS) {
  boardTest(test, [port], `${port}: dsc info answers, and the firmware is the same as on every host`, async () => {
    const machine = await Machine.start({ image: buildImages(port), port, serial: "pty" });
    try {
      const { stdout, code, stderr } = await dsc(["info", "--port", machine.pty as string, "--json"]);
      assert.is(code, 0, stderr);
      assert.is(JSON.parse(stdout).firmware.hash, firmwareOf(readFileSync(FIRMWARE_FILE))?.hash);
    } finally {
      await machine.stop();
    }
  });

  boardTest(test, [port], `${port}: scenarios play as they do in the simulator`, async () => {
    assert.ok(SHORT.length >= 3);
    assert.equal(await differences(port, buildImages(port)), []);
  });

  boardTest(test, [port], `${port}: a chip that starts slowly loses no bytes`, async () => {
    assert.equal(await differences(port, imageWith(port, slowStart(port))), []);
  });

  boardTest(test, [port], `${port}: the figures are within their limits`, async () => {
    assert.equal(await beyond(port, buildImages(port)), []);
  });

  boardTest(
    test,
    [port],
    `${port}: after power-off the RAM of two owners is the same, and contains no secret`,
    async () => {
      const dumps = await Promise.all([ONE, OTHER].map((owner) => dumpAfterOff(port, owner)));
      const [one, other] = dumps as [Dump, Dump];
      const changing = new Set([...one.changing, ...other.changing]);
      assert.ok(changing.size <= MOST_WORDS, `${changing.size} words change by themselves`);
      const differ = [...one.ram.keys()].filter((at) => one.ram[at] !== other.ram[at] && !changing.has(at & ~3));
      assert.equal(differ, []);
      for (const [i, { record }] of [ONE, OTHER].entries()) {
        for (const secret of [record.key, record.unlockKey]) assert.not.ok(holds((dumps[i] as Dump).ram, secret));
      }
    },
  );

  boardTest(test, [port], `${port}: an open key is seen in RAM, and a trap leaves nothing`, async () => {
    const image = buildImages(port);
    const chip = await Chip.start(image, cardOf(ONE.record).flash.bytes, SEED, port);
    try {
      await logIn(chip, ONE);
      assert.ok(holds(await chip.readRam(), ONE.record.key));
      await chip.diesAt(Op.TRAP, addressOf(image, "request_reset"));
      assert.is((await chip.readRam()).filter((byte) => byte !== 0).length, 0);
    } finally {
      await chip.stop();
    }
  });
}

for (const port of EMULATED) {
  boardTest(test, [imageFor(port)], `${port}: a response takes the instructions that PORTING.md states`, async () => {
    const row = PORTING.split("\n").find((line) => line.startsWith(`| \`${port}\` |`));
    const stated = Number(row?.split("|")[RESPONSE_COLUMN]?.replace(/\D/g, ""));
    const { value } = await measureResponse(buildImages(imageFor(port)), port);
    assert.is(Math.round(value / 1000) * 1000, stated);
  });
}

// ---- what stays in RAM ----

/** Words of the clock, and copies of them on the stack. */
const MOST_WORDS = 5;
/** How often the chip sleeps while words that change are looked for. */
const RESTS = 12;
/** This many bytes of a secret in a row are no coincidence. */
const TELLING = 4;

interface Dump {
  readonly ram: Buffer;
  /** Offsets of words that change while nothing happens. */
  readonly changing: ReadonlySet<number>;
}

async function logIn(chip: Chip, { record, challenge }: Owner): Promise<void> {
  await chip.hold("press");
  assert.is(await chip.enter(record.pin), "CHALLNG>");
  assert.match(await chip.enter(challenge), /^\d{8}$/);
}

async function dumpAfterOff(port: Port, owner: Owner): Promise<Dump> {
  const chip = await Chip.start(buildImages(port), cardOf(owner.record, { seed: SEED }).flash.bytes, SEED, port);
  try {
    await logIn(chip, owner);
    await chip.hold("press");
    const ram = await chip.readRam();
    // The time that the main loop last told the card may stay the same for a while, so it is listed by name.
    const changing = new Set([addressOf(buildImages(port), "last_tick") - emulatorOf(port).ram.address]);
    for (let left = RESTS; left > 0; left--) {
      await chip.rest();
      const later = await chip.readRam();
      for (let at = 0; at < ram.length; at++) if (ram[at] !== later[at]) changing.add(at & ~3);
    }
    return { ram, changing };
  } finally {
    await chip.stop();
  }
}

function holds(ram: Buffer, secret: Uint8Array): boolean {
  const starts = Array.from({ length: secret.length - TELLING + 1 }, (_, i) => i);
  return starts.some((start) => ram.includes(Buffer.from(secret.subarray(start, start + TELLING))));
}

// ---- faults ----

/** A change in a file of a folder of the project. */
interface FileChange extends Change {
  readonly folder: string;
  readonly file: string;
}

interface Fault extends FileChange {
  /** The part of the figures that shows the fault, and its message. */
  readonly part: Part;
  readonly says: RegExp;
}

const ERASE_IGNORED: FileChange = {
  folder: "board/standins",
  file: "flash.c",
  from: "memset(standin_flash.bytes + page * PORT_FLASH_PAGE_SIZE, 0xff, PORT_FLASH_PAGE_SIZE)",
  to: "(void)page",
};
const STUCK: Fault = {
  folder: "board/standins",
  file: "random.c",
  from: "(uint8_t)(state >> 24)",
  to: "0x5a",
  part: "challenges",
  // The card itself refuses such random numbers.
  says: /: it does not begin a channel$/m,
};
const SLOW = {
  part: "clock",
  says: /^its clock is off by: \d{5,} ppm; the limit is -20000 to 20000 ppm$/m,
} as const;
const LOST = { part: "frames", says: /: no answer|^of them not answered: [1-9]\d*; the limit is 0$/m } as const;

/** About 30 million instructions before the line is enabled: longer than this process takes to send its first bytes. */
const SLOW_LOOPS = 5_000_000;

function slowStart(port: Port): FileChange {
  return {
    folder: `board/ports/${port}`,
    file: "port.c",
    from: "void port_start(void) {",
    to: `void port_start(void) {\n  for (volatile uint32_t i = 0; i < ${SLOW_LOOPS}u; i++) {\n  }`,
  };
}

/** The port's own faults, and those of the code shared by ports. */
function faultsOf(port: Port): Fault[] {
  const { faults } = emulatorOf(port);
  assert.ok(faults, `board/ports/${port}/port.ts names no \`faults\` that tests could look for`);
  const own = { folder: `board/ports/${port}`, file: "port.c" };
  return [{ ...own, ...faults.slowTimer, ...SLOW }, { ...own, ...faults.lostBytes, ...LOST }, STUCK];
}

for (const port of PORTS) {
  boardTest(
    test,
    [port],
    `${port}: a slow timer, lost bytes, a stuck random source and an ignored erase are noticed`,
    async () => {
      for (const fault of faultsOf(port)) {
        const found = await beyond(port, imageWith(port, fault), { frames: 1, only: fault.part });
        assert.match(found.join("\n"), fault.says, `${fault.to}: ${found.join("; ") || "nothing"}`);
      }
      assert.is((await differences(port, imageWith(port, ERASE_IGNORED))).length > 0, true, "an erase ignored");
    },
  );
}

let builds = 0;

/** An image of the port with a fault in a copy of its source. */
function imageWith(port: Port, { folder, file, from, to }: FileChange): string {
  buildImages(imageFor(port));
  const copy = join(scratchFolder(), "faulty");
  cpSync(join(ROOT, folder), copy, { recursive: true });
  const text = readFileSync(join(copy, file), "utf8");
  assert.is(text.split(from).length, 2, `${from} in ${file}`);
  writeFileSync(join(copy, file), text.replace(from, to));
  const sources = IMAGES[port].sources.map((source) => (source === folder ? relative(ROOT, copy) : source));
  const output = join("test", `faulty-${port}-${++builds}.elf`);
  return compile({ ...IMAGES[port], sources, output }, join(ROOT, "build", "board", "c", "dsc.c"));
}

// ---- the conformance, as `npm run conformance -- --target PORT` ----

async function differences(port: Port, image: string): Promise<string[]> {
  const results = await runAll(() => openQemu(port, image), SHORT);
  return results.flatMap(({ difference }) => (difference ? [describeDifference(difference, port)] : []));
}

/** The figures beyond their limits, or why none could be measured. */
async function beyond(port: Port, image: string, options: MeasureOptions = { frames: FRAMES }): Promise<string[]> {
  const target = await ChipTarget.open(image, port);
  try {
    return beyondLimits(await measure(target, { ...options, clock: "message" }));
  } catch (error) {
    if (error instanceof MeasureError) return [error.message];
    throw error;
  } finally {
    await target.close();
  }
}

test.run();
