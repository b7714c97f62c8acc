// The chip in QEMU: a board that runs an image, with its serial line, its memory and its registers within reach; on the
// micro:bit its pins, too.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { emulatorOf, PORTS, type PortName } from "../builder/ports.js";
import type { Emulator } from "../ports/port.js";
import { Debugger } from "./debugger.js";
import { connectTo } from "./lines.js";
import { type EdgeWatcher, Pins } from "./pins.js";
import { Qmp } from "./qmp.js";
import { Qtest } from "./qtest.js";

/** The size of the card's flash, in bytes. */
const FLASH_SIZE = 4096;
/** The micro:bit's flash controller (board/ports/microbit/nrf51.h). */
const NVMC = { config: 0x4001e504, readOnly: 0, write: 1 };
/** Read-back protection (UICR). QEMU forgets it at a reset. */
const RBPCONF = { address: 0x10001004, protectAll: 0xffff00ff };
/** Where this tool is, QEMU ends when we are killed. */
const SETPRIV = "/usr/bin/setpriv";
const TIED = existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig", "KILL"] : [];
/** How often QEMU is asked whether it still runs (ms). */
const POLL = 10;
export interface MachineOptions {
  /** The image, an ELF file. */
  readonly image: string;
  /** The port whose chip it is for; the micro:bit unless given. */
  readonly port?: PortName;
  /** The card's flash to begin with (4,096 bytes); blank unless given. */
  readonly flash?: Uint8Array;
  /** Where the serial line is: on a pseudo-terminal, or (the default) on a socket of ours. */
  readonly serial?: "pty" | "socket";
  /** Called at every edge of an output pin, from the first instruction on. */
  readonly watch?: EdgeWatcher;
  /**
   * The chip's time goes by its instructions, 2^icount ns each or as many as one takes the chip, and jumps to what is due
   * next while it sleeps. Unless given, it goes by them at the chip's own speed, and by this computer's clock while the chip
   * sleeps, for people and programs. So a busy computer makes the chip slow, and nothing in it late.
   */
  readonly icount?: number | "chip";
  /** Does not run when it has started, but as the debugger says; its time goes by its instructions. */
  readonly stepped?: boolean;
  /** Stops for good, RAM and all, when the chip resets itself. */
  readonly haltsAtReset?: boolean;
  /** Lets a debugger in, on this Unix socket or TCP port. */
  readonly gdb?: string | number;
  /** The chip was closed to debuggers before, as a production image leaves it. */
  readonly closed?: boolean;
}

/** QEMU could not be started, or ended by itself; the message is for people. */
export class MachineError extends Error {
  override name = "MachineError";
}

export class Machine {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #qmp: Qmp;
  #reads = 0;
  /** The chip's pins. */
  readonly pins: Pins;
  /** The serial line, where it is on a socket. */
  readonly serial: Socket | undefined;
  /** The pseudo-terminal that it is on, otherwise. */
  readonly pty: string | undefined;
  /** Settled when QEMU has ended. */
  readonly ended: Promise<void>;
  readonly #debugger: Debugger | undefined;
  /** The port whose chip it is. */
  readonly port: PortName;

  private constructor(parts: Parts) {
    this.port = parts.port;
    this.#folder = parts.folder;
    this.#child = parts.child;
    this.#qmp = parts.qmp;
    this.pins = parts.pins;
    this.#debugger = parts.debug;
    this.serial = typeof parts.line === "string" ? undefined : parts.line;
    this.pty = typeof parts.line === "string" ? parts.line : undefined;
    this.ended = new Promise((resolve) => this.#child.once("exit", () => resolve()));
  }

  /** Starts QEMU; the image runs when this returns, unless it is stepped. */
  static async start(options: MachineOptions): Promise<Machine> {
    // Flash and RAM lie in it for a moment: nobody else may read them.
    const folder = mkdtempSync(join(tmpdir(), "dsc-qemu-"));
    const port = options.port ?? "microbit";
    const [command, ...before] = [...TIED, PORTS[port].core.qemu];
    const child = spawn(command as string, [...before, ...argumentsFor(options, emulatorOf(port), folder)], {
      stdio: ["ignore", "ignore", "pipe"],
      // A group of its own: a Ctrl-C that ends us must leave it the time to be asked for its flash.
      detached: true,
    });
    const end = () => void child.kill("SIGKILL");
    process.once("exit", end);
    child.once("exit", () => process.off("exit", end));
    try {
      const said = whatItSays(child);
      const connecting = connectAll(options, emulatorOf(port), folder);
      const parts = await Promise.race([connecting, said]);
      if (!options.stepped) await parts.qmp.execute("cont");
      return new Machine({ port, folder, child, ...parts });
    } catch (error) {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What lets a stepped chip run. */
  get debugger(): Debugger {
    if (!this.#debugger) throw new MachineError("the chip is not stepped");
    return this.#debugger;
  }

  /** The card's flash now. */
  readFlash(): Promise<Buffer> {
    return this.readMemory(emulatorOf(this.port).flash, FLASH_SIZE);
  }

  /** All RAM that an image wipes, now. */
  readRam(): Promise<Buffer> {
    const { address, size } = emulatorOf(this.port).ram;
    return this.readMemory(address, size);
  }

  /** R0 to R15. */
  async readRegisters(): Promise<number[]> {
    const text = (await this.#monitor("info registers")) as string;
    return [...text.matchAll(/R\d\d=([0-9a-f]{8})/g)].map(([, value]) => Number.parseInt(value as string, 16));
  }

  async readMemory(address: number, size: number): Promise<Buffer> {
    if (this.#debugger && size <= Debugger.MOST) return this.#debugger.read(address, size);
    const file = join(this.#folder, `memory-${++this.#reads}`);
    // As the core sees it: the chip's memories are not on the bus that pmemsave looks at.
    await this.#qmp.execute("memsave", { val: address, size, filename: file });
    const bytes = readFileSync(file);
    rmSync(file);
    return bytes;
  }

  /** The addresses of all instructions that the core executes while `run` does something. */
  async trace(run: () => Promise<unknown>): Promise<number[]> {
    await this.#monitor("singlestep on");
    const text = await this.#log("exec,nochain", run);
    await this.#monitor("singlestep off");
    return [...text.matchAll(/^Trace \d+: \S+ \[[0-9a-f]+\/([0-9a-f]+)\//gm)].map(([, pc]) =>
      Number.parseInt(pc as string, 16),
    );
  }

  /** What is written to registers that QEMU does not have while `run` does something. */
  async traceUnimplemented(run: () => Promise<unknown>): Promise<{ offset: number; value: number }[]> {
    const text = await this.#log("unimp", run);
    return [...text.matchAll(/unimplemented device write .*offset (0x[0-9a-f]+), value (0x[0-9a-f]+)/g)].map(
      ([, offset, value]) => ({ offset: Number(offset), value: Number(value) }),
    );
  }

  /** What QEMU logs of these kinds while `run` does something. */
  async #log(kinds: string, run: () => Promise<unknown>): Promise<string> {
    const file = join(this.#folder, "trace");
    for (const command of [`logfile ${file}`, `log ${kinds}`]) await this.#monitor(command);
    await run();
    await this.#monitor("log none");
    return readFileSync(file, "latin1");
  }

  #monitor(command: string): Promise<unknown> {
    return this.#qmp.execute("human-monitor-command", { "command-line": command });
  }

  /** The chip's reset pin: RAM and flash stay. */
  async reset(): Promise<void> {
    await this.#qmp.execute("system_reset");
  }

  /** Makes QEMU look at the serial line again: it does not when the chip begins to listen, and waits for other events. */
  async nudge(): Promise<void> {
    await this.isRunning();
  }

  /** Waits until the chip, which halts there, has reset itself. */
  async halted(): Promise<void> {
    while (!(await this.hasHalted())) await sleep(POLL);
  }

  /** Whether the chip, which halts there, has reset itself. */
  async hasHalted(): Promise<boolean> {
    const { status } = (await this.#qmp.execute("query-status")) as { status: string };
    return status === "shutdown";
  }

  /** Whether the chip runs: neither `pause` nor a debugger has stopped it. */
  async isRunning(): Promise<boolean> {
    const { running } = (await this.#qmp.execute("query-status")) as { running: boolean };
    return running;
  }

  /** Stops the chip between two instructions, or lets it go on. */
  async pause(paused: boolean): Promise<void> {
    await this.#qmp.execute(paused ? "stop" : "cont");
  }

  async stop(): Promise<void> {
    this.pins.close();
    this.serial?.destroy();
    this.#debugger?.close();
    this.#qmp.close();
    this.#child.kill("SIGKILL");
    await this.ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function argumentsFor(options: MachineOptions, { machine, speed }: Emulator, folder: string): string[] {
  const socket = (name: string) => `unix:${join(folder, name)},server=on,wait=off`;
  const sleep = options.icount === undefined && !options.stepped ? "on" : "off";
  const { icount = "chip" } = options;
  return [
    ...["-machine", machine],
    ..."-accel tcg -display none -nodefaults -S".split(" "),
    ...["-device", `loader,file=${options.image}`],
    ...["-serial", options.serial === "pty" ? "pty" : socket("serial")],
    ...["-qmp", socket("qmp"), "-qtest", socket("qtest"), "-qtest-log", "none"],
    ...["-icount", `shift=${icount === "chip" ? speed : icount},sleep=${sleep}`],
    ...(options.haltsAtReset ? ["-no-reboot", "-no-shutdown"] : []),
    ...(options.gdb === undefined ? [] : ["-gdb", gdbLine(options.gdb)]),
    ...(options.stepped ? ["-gdb", socket("debugger")] : []),
  ];
}

function gdbLine(at: string | number): string {
  return typeof at === "number" ? `tcp:127.0.0.1:${at},server=on,wait=off` : `unix:${at},server=on,wait=off`;
}

/**
 * Fills the card's flash as the chip would: what QEMU itself loads comes back at every reset. (QEMU's flash begins as
 * zeros.)
 */
async function fillFlash(qtest: Qtest, { flash, fill }: Emulator, bytes: Uint8Array): Promise<void> {
  for (const [register, value] of fill.before) await qtest.command(`writel ${register} ${value}`);
  await qtest.command(`write ${flash} ${FLASH_SIZE} 0x${Buffer.from(bytes).toString("hex")}`);
  for (const [register, value] of fill.after) await qtest.command(`writel ${register} ${value}`);
}

async function closeChip(qtest: Qtest): Promise<void> {
  await qtest.command(`writel ${NVMC.config} ${NVMC.write}`);
  await qtest.command(`writel ${RBPCONF.address} ${RBPCONF.protectAll}`);
  await qtest.command(`writel ${NVMC.config} ${NVMC.readOnly}`);
}

interface Lines {
  readonly qmp: Qmp;
  readonly pins: Pins;
  readonly line: Socket | string;
  readonly debug: Debugger | undefined;
}

interface Parts extends Lines {
  readonly port: PortName;
  readonly folder: string;
  readonly child: ChildProcess;
}

async function connectAll(options: MachineOptions, emulator: Emulator, folder: string): Promise<Lines> {
  const qmp = await Qmp.connect(join(folder, "qmp"));
  const qtest = await Qtest.connect(join(folder, "qtest"));
  await fillFlash(qtest, emulator, options.flash ?? new Uint8Array(FLASH_SIZE).fill(0xff));
  if (options.closed) await closeChip(qtest);
  const pins = new Pins(qtest);
  if (options.watch) await pins.watch(options.watch);
  const line = options.serial === "pty" ? await ptyOf(qmp) : await connectTo(join(folder, "serial"));
  const debug = options.stepped
    ? await Debugger.connect(join(folder, "debugger"), PORTS[options.port ?? "microbit"].core)
    : undefined;
  return { qmp, pins, line, debug };
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
