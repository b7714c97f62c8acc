// The chip in QEMU: one micro:bit that runs an image, with its serial line, its memory and its pins within reach.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectTo } from "./lines.js";
import { Pins } from "./pins.js";
import { Qmp } from "./qmp.js";

/** Where the card's flash and the chip's RAM are, in bytes. */
const FLASH = { address: 0x3f000, size: 4096 };
const RAM = { address: 0x20000000, size: 16384 };
/** Registers by which a chip is closed to debuggers (board/microbit/nrf51.h). */
const NVMC_CONFIG = 0x4001e504;
const UICR_RBPCONF = 0x10001004;
const RBPCONF_PROTECT_ALL = 0xffff00ff;

export interface MachineOptions {
  /** The image, an ELF file. */
  readonly image: string;
  /** The card's flash to begin with (4,096 bytes); blank unless given. */
  readonly flash?: Uint8Array;
  /** Where the serial line is: on a pseudo-terminal, or (the default) on a socket of ours. */
  readonly serial?: "pty" | "socket";
  /** Makes instruction counts repeat: an instruction takes 2^icount ns. */
  readonly icount?: number;
  /**
   * The chip was closed to debuggers before, as production images want it. QEMU's chip forgets that at each reset, so
   * that a production image that closes it itself resets without end.
   */
  readonly closed?: boolean;
  /** Waits for a debugger on this Unix socket, with nothing run yet. */
  readonly gdb?: string;
}

/** QEMU could not be started, or ended by itself; the message is for people. */
export class MachineError extends Error {
  override name = "MachineError";
}

export class Machine {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #qmp: Qmp;
  /** The chip's pins. */
  readonly pins: Pins;
  /** The serial line, where it is on a socket. */
  readonly serial: Socket | undefined;
  /** The pseudo-terminal that it is on, otherwise. */
  readonly pty: string | undefined;
  /** Settled when QEMU has ended. */
  readonly ended: Promise<void>;

  private constructor(parts: { folder: string; child: ChildProcess; qmp: Qmp; pins: Pins; line: Socket | string }) {
    this.#folder = parts.folder;
    this.#child = parts.child;
    this.#qmp = parts.qmp;
    this.pins = parts.pins;
    this.serial = typeof parts.line === "string" ? undefined : parts.line;
    this.pty = typeof parts.line === "string" ? parts.line : undefined;
    this.ended = new Promise((resolve) => this.#child.once("exit", () => resolve()));
  }

  /** Starts QEMU; the image runs when this returns. */
  static async start(options: MachineOptions): Promise<Machine> {
    // Flash images lie in it for a moment: nobody else may read them.
    const folder = mkdtempSync(join(tmpdir(), "dsc-qemu-"));
    const child = spawn("qemu-system-arm", argumentsFor(options, folder), { stdio: ["ignore", "ignore", "pipe"] });
    process.once("exit", () => child.kill("SIGKILL"));
    try {
      const said = whatItSays(child);
      const connecting = connectAll(options, folder);
      const parts = await Promise.race([connecting, said]);
      if (options.closed) await closeChip(parts.pins);
      await parts.qmp.execute("cont");
      return new Machine({ folder, child, ...parts });
    } catch (error) {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** The card's flash now. */
  readFlash(): Promise<Buffer> {
    return this.readMemory(FLASH.address, FLASH.size);
  }

  /** All of the chip's RAM now. */
  readRam(): Promise<Buffer> {
    return this.readMemory(RAM.address, RAM.size);
  }

  async readMemory(address: number, size: number): Promise<Buffer> {
    const file = join(this.#folder, "memory");
    // As the core sees it: the chip's memories are not on the bus that pmemsave looks at.
    await this.#qmp.execute("memsave", { val: address, size, filename: file });
    const bytes = readFileSync(file);
    rmSync(file);
    return bytes;
  }

  /** The chip's reset pin: RAM and flash stay. */
  async reset(): Promise<void> {
    await this.#qmp.execute("system_reset");
  }

  /** Makes QEMU look at the serial line again: it does not when the chip begins to listen, and waits for other events. */
  async nudge(): Promise<void> {
    await this.#qmp.execute("query-status");
  }

  /** Stops the chip between two instructions, or lets it go on. */
  async pause(paused: boolean): Promise<void> {
    await this.#qmp.execute(paused ? "stop" : "cont");
  }

  async stop(): Promise<void> {
    this.pins.close();
    this.serial?.destroy();
    this.#qmp.close();
    this.#child.kill("SIGKILL");
    await this.ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function argumentsFor(options: MachineOptions, folder: string): string[] {
  const socket = (name: string) => `unix:${join(folder, name)},server=on,wait=off`;
  return [
    ..."-machine microbit -accel tcg -display none -nodefaults -S".split(" "),
    ...["-device", `loader,file=${options.image}`],
    ...flashArguments(options.flash, folder),
    ...["-serial", options.serial === "pty" ? "pty" : socket("serial")],
    ...["-qmp", socket("qmp"), "-qtest", socket("qtest"), "-qtest-log", "none"],
    ...(options.icount === undefined ? [] : ["-icount", `shift=${options.icount},sleep=off`]),
    ...(options.gdb === undefined ? [] : ["-gdb", `unix:${options.gdb},server=on,wait=off`]),
  ];
}

/** QEMU's flash begins as zeros. */
function flashArguments(flash: Uint8Array | undefined, folder: string): string[] {
  const file = join(folder, "flash");
  writeFileSync(file, flash ?? new Uint8Array(FLASH.size).fill(0xff), { mode: 0o600 });
  return ["-device", `loader,file=${file},addr=0x${FLASH.address.toString(16)},force-raw=on`];
}

async function closeChip(pins: Pins): Promise<void> {
  await pins.write(NVMC_CONFIG, 1);
  await pins.write(UICR_RBPCONF, RBPCONF_PROTECT_ALL);
  await pins.write(NVMC_CONFIG, 0);
}

async function connectAll(options: MachineOptions, folder: string) {
  const qmp = await Qmp.connect(join(folder, "qmp"));
  const pins = await Pins.connect(join(folder, "qtest"));
  const line = options.serial === "pty" ? await ptyOf(qmp) : await connectTo(join(folder, "serial"));
  return { qmp, pins, line };
}

async function ptyOf(qmp: Qmp): Promise<string> {
  const devices = (await qmp.execute("query-chardev")) as { label: string; filename: string }[];
  const path = devices.find(({ label }) => label === "serial0")?.filename.replace(/^pty:/, "");
  if (!path?.startsWith("/dev/")) throw new MachineError("QEMU has no pseudo-terminal for the serial line");
  return path;
}

/** Fails when QEMU ends before it could be used. */
function whatItSays(child: ChildProcess): Promise<never> {
  let said = "";
  child.stderr?.on("data", (text) => {
    said += text;
  });
  return new Promise((_resolve, reject) => {
    child.once("error", (error) => reject(new MachineError(`QEMU cannot be started: ${error.message}`)));
    child.once("exit", () => reject(new MachineError(`QEMU ended: ${said.trim().split("\n").at(-1) ?? ""}`)));
  });
}
