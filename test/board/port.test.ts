// The micro:bit port and its start when something fails: a stack overflow, peripherals that do not answer, a core that
// hangs; and weeks without an event.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { buildImages, compile, IMAGES, STRICT } from "../../board/builder/images.js";
import { Machine } from "../../board/emulator/machine.js";
import { Rests } from "../../board/emulator/rests.js";
import { Channel, Slip } from "../../firmware/wire.js";
import { encodeFrame } from "../../host-tools/card/frame.js";
import { ROOT } from "../../host-tools/files/project.js";
import { boardTest, developmentImage, portImage } from "../support/board.js";
import { DEADLINE, until } from "../support/deadline.js";
import { scratchFolder } from "../support/scratch.js";
import { suite } from "../support/suite.js";

const port = suite("board: port");

const BOTH = ["development", "production"] as const;
/** R4 to R11, which hold firmware data at a fault. */
const KEPT_REGISTERS = [4, 12] as const;
/**
The watchdog's registers, as offsets from the first peripheral. QEMU has no watchdog, but reports accesses to them.
*/
const WATCHDOG = { start: 0x10000, time: 0x10504, reload: 0x10600 };
/** The number of sleeps during which the watchdog is observed. */
const RESTS = 20;
/** An instruction takes 2^6 ns, as on a chip at 16 MHz. */
const ICOUNT = 6;
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

boardTest(port, BOTH, "a reset during interrupts wipes RAM, and no interrupt leaves data in it", async () => {
  // Count instructions, so that interrupts fall into the wiping in every run.
  const machine = await Machine.start({ image: portImage("interrupted.c"), haltsAtReset: true, icount: ICOUNT });
  try {
    await machine.halted();
    assert.is((await machine.readRam()).filter((byte) => byte !== 0).length, 0);
  } finally {
    await machine.stop();
  }
});

boardTest(
  port,
  BOTH,
  "a failed measurement means no supply, repeating bytes are not random, an open chip is closed by a reset",
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

boardTest(
  port,
  BOTH,
  "the port uses supply, flash, random source, clock and UART as the chip's manual says",
  async () => {
    const machine = await Machine.start({ image: portImage("registers.c", { without: ["port.c", "oled.c"] }) });
    try {
      const lines = (await saidUntil(machine, "end\n")).split("\n");
      const hex = (value: number) => value.toString(16).padStart(8, "0");
      assert.equal(lines, [
        // At 32,768 Hz, less one.
        `watchdog ${hex(4 * 32_768 - 1)}`,
        // 1023 is 3.6 V.
        ...[0, 852, 1023].map((sample) => `supply ${hex(Math.floor((sample * 3600) / 1023))}`),
        `ADC afterwards ${hex(0)}`,
        `programmed ${hex(0x12345678)}`,
        `in mode ${hex(1)}`,
        `afterwards ${hex(0)}`,
        `erased ${hex(0x3f000 + 2 * 1024)}`,
        `in mode ${hex(2)}`,
        `afterwards ${hex(0)}`,
        `random ${hex(1)}`,
        // The random source here counts from 0: the port checks the first six bytes, and returns the next four.
        "bytes 06070809",
        `biased ${hex(0)}`,
        `stopped ${hex(1)}`,
        // Read after 1.5 ms and after 3 ms: halves of milliseconds add up.
        `clock ${hex(1)}`,
        `clock ${hex(3)}`,
        // 64 of 70 bytes fit; the UART's interrupt is off until one of them is taken.
        `taken ${hex(64)}`,
        `silenced ${hex(1 << 2)}`,
        `first ${hex(1)}`,
        `listening ${hex(1 << 2)}`,
        `its place ${hex(0)}`,
        `taken ${hex(65)}`,
        `received ${hex(70)}`,
        `left ${hex(0)}`,
        "end",
        "",
      ]);
    } finally {
      await machine.stop();
    }
  },
);

function saidUntil({ serial, ended }: Machine, end: string): Promise<string> {
  let said = "";
  return new Promise((resolve, reject) => {
    serial?.on("data", (bytes: Buffer) => {
      said += bytes.toString("latin1");
      if (said.endsWith(end)) resolve(said);
    });
    ended.then(() => reject(new Error(`QEMU ended: ${said}`)), reject);
  });
}

boardTest(port, BOTH, "the watchdog runs, and is fed while the chip is idle", async () => {
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

boardTest(port, ["template"], "a template with a serial line answers hello", async () => {
  const { sources } = IMAGES.template;
  const withLine = [
    ...sources.filter((name) => name !== "board/ports/template"),
    "board/ports/template/interrupts.c",
    "test/board/firstanswer.c",
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
    // Sends hello until the port listens.
    await until(async () => {
      await machine.nudge();
      return answer !== undefined;
    }, "an answer to hello");
    assert.is(answer?.[0], Slip.END);
  } finally {
    await machine.stop();
  }
});

boardTest(port, ["posix"], "a long wait is split into pieces", () => {
  const program = join(scratchFolder(), "mainloop");
  const board = join(ROOT, "board");
  const sources = [join(ROOT, "test", "board", "mainloop.c"), join(board, "main.c")];
  const flags = [...STRICT, `-I${board}`, "-DDEVELOPMENT=0"];
  const built = spawnSync("cc", [...flags, ...sources, "-o", program], { encoding: "utf8" });
  assert.is(built.status, 0, built.stderr);
  const { stdout } = spawnSync(program, { encoding: "utf8", timeout: DEADLINE });
  assert.is(stdout, `3 1 ${DAY} ${DAYS * DAY}\n`);
});

port.run();
