// The micro:bit port and its start where something fails: a stack that overflows, peripherals that do not answer, a
// core that hangs, weeks in which nothing happens.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Machine } from "../../board/qemu/machine.js";
import { Rests } from "../../board/qemu/rests.js";
import { Channel, Slip } from "../../firmware/wire.js";
import { encodeFrame } from "../../host-tools/frame.js";
import { buildImages, compile, IMAGES } from "../../scripts/board.js";
import { boardTest, developmentImage, portImage } from "../support/board.js";
import { PATIENCE, until } from "../support/patience.js";
import { ROOT } from "../support/root.js";
import { scratchFolder } from "../support/scratch.js";
import { suite } from "../support/suite.js";

const port = suite("board: port");

const BOTH = ["development", "production"] as const;
/** R4 to R11: what a fault finds in them is the firmware's. */
const KEPT_REGISTERS = [4, 12] as const;
/** Registers of the watchdog as QEMU, which has none, tells of them: offsets to the peripherals' beginning. */
const WATCHDOG = { start: 0x10000, time: 0x10504, reload: 0x10600 };
/** How often the chip rests while its watchdog is looked at. */
const RESTS = 20;
const DAY = 86_400_000;
const DAYS = 50;

boardTest(port, BOTH, "a stack that overflows ends in a reset, with RAM and registers wiped", async () => {
  const machine = await Machine.start({ image: portImage("overflow.c"), haltsAtReset: true });
  try {
    await machine.halted();
    assert.is((await machine.readRam()).filter((byte) => byte !== 0).length, 0);
    const registers = await machine.readRegisters();
    assert.equal(registers.slice(...KEPT_REGISTERS), new Array(8).fill(0));
  } finally {
    await machine.stop();
  }
});

boardTest(
  port,
  BOTH,
  "what cannot be measured is empty, what repeats is not random, what was open is reset",
  async () => {
    const image = portImage("peripherals.c", { of: "production", without: ["port.c"] });
    const machine = await Machine.start({ image, haltsAtReset: true });
    let said = "";
    machine.serial?.on("data", (bytes: Buffer) => {
      said += bytes.toString("latin1");
    });
    try {
      await machine.halted();
      assert.equal(said.split("\n"), ["no supply", "not random", "closed, and on", ""]);
    } finally {
      await machine.stop();
    }
  },
);

boardTest(port, BOTH, "the watchdog is started, and fed while the chip does nothing", async () => {
  const machine = await Machine.start({ image: developmentImage(), stepped: true });
  try {
    const rests = await Rests.begin(machine, developmentImage());
    const writes = await machine.traceUnimplemented(async () => {
      await machine.reset();
      for (let left = RESTS; left > 0; left--) await rests.next();
    });
    const offsets = writes.map(({ offset }) => offset);
    const first = (offset: number) => offsets.indexOf(offset);
    assert.ok(first(WATCHDOG.time) >= 0 && first(WATCHDOG.time) < first(WATCHDOG.start));
    const fed = writes.filter(({ offset }) => offset === WATCHDOG.reload);
    assert.ok(fed.length >= RESTS, `${fed.length} times`);
    assert.ok(fed.every(({ value }) => value === 0x6e524635));
  } finally {
    await machine.stop();
  }
});

boardTest(port, ["template"], "a template that is given a serial line answers hello", async () => {
  const { sources } = IMAGES.template;
  const withLine = [
    ...sources.filter((name) => name !== "template"),
    "template/interrupts.c",
    "../test/board/firstanswer.c",
  ];
  const module = join(ROOT, "build", "board", "c", "dsc.c");
  buildImages("template");
  const image = compile({ ...IMAGES.template, sources: withLine, output: "test/firstanswer.elf" }, module);
  const machine = await Machine.start({ image });
  try {
    let answer: Buffer | undefined;
    machine.serial?.on("data", (bytes: Buffer) => {
      answer ??= bytes;
    });
    machine.serial?.write(encodeFrame(Channel.APDU, new Uint8Array()));
    // Whenever it begins to listen.
    await until(async () => {
      await machine.nudge();
      return answer !== undefined;
    }, "an answer to hello");
    assert.is(answer?.[0], Slip.END);
  } finally {
    await machine.stop();
  }
});

boardTest(port, ["posix"], "time that nobody waits for passes in pieces", () => {
  const program = join(scratchFolder(), "mainloop");
  const board = join(ROOT, "board");
  const sources = [join(ROOT, "test", "board", "mainloop.c"), join(board, "main.c")];
  const flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", `-I${board}`, "-DDEVELOPMENT=0"];
  const built = spawnSync("cc", [...flags, ...sources, "-o", program], { encoding: "utf8" });
  assert.is(built.status, 0, built.stderr);
  const { stdout } = spawnSync(program, { encoding: "utf8", timeout: PATIENCE });
  assert.is(stdout, `3 1 ${DAY} ${DAYS * DAY}\n`);
});

port.run();
