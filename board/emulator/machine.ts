// The chip in QEMU: one board that runs an image, with access to its serial line, memory and registers; on the micro:bit
// to its pins, too.

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
/** Read-back protection (UICR). QEMU loses it at a reset. */
const RBPCONF = { address: 0x10001004, protectAll: 0xffff00ff };
/** If this tool is installed, QEMU ends when this process is killed. */
const SETPRIV = "/usr/bin/setpriv";
const TIED = existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig", "KILL"] : [];
/** Milliseconds between checks whether the chip still runs. */
const POLL = 10;

export interface MachineOptions {
  /** The image, an ELF file. */
  readonly image: string;
  /** The port whose chip it is; the micro:bit by default. */
  readonly port?: PortName;
  /** The card's flash at the start (4,096 bytes); blank by default. */
  readonly flash?: Uint8Array;
  /** The serial line: a pseudo-terminal, or by default a socket of this process. */
  readonly serial?: "pty" | "socket";
  /** Called at every edge of an output pin, from the first instruction on. */
  readonly watch?: EdgeWatcher;
  /**
   * The chip's time advances by its instructions, 2^icount ns each or at the chip's own speed ("chip"), and jumps to the
   * next event while it sleeps. By default it advances by instructions at the chip's own speed, and by this computer's
   * clock while the chip sleeps, for people and programs. So on a busy computer the chip is slow, but no event in it is
   * late.
   */
  readonly icount?: number | "chip";
  /**
   * The chip waits after the start and runs only by commands of the debugger. Its time advances by its instructions.
   */
  readonly stepped?: boolean;
  /** Stops for good, and keeps its RAM, when the chip resets itself. */
  readonly haltsAtReset?: boolean;
  /** Accepts a debugger on this Unix socket or TCP port. */
  readonly gdb?: string | number;
  /** The chip is protected from debuggers, as a production image leaves it. */
  readonly closed?: boolean;
}

/** QEMU could not be started, or ended unexpectedly. The message is for people. */
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
  /** The serial line, if it is a socket. */
  readonly serial: Socket | undefined;
  /** Otherwise its pseudo-terminal. */
  readonly pty: string | undefined;
  /** Resolves when QEMU has ended. */
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

  /** Starts QEMU; when this returns, the image runs and its serial line listens, unless it is stepped. */
  static async start(options: MachineOptions): Promise<Machine> {
    // Flash and RAM are in it for a moment, so nobody else may read it.
    const folder = mkdtempSync(join(tmpdir(), "dsc-qemu-"));
    const port = options.port ?? "microbit";
    const [command, ...before] = [...TIED, PORTS[port].core.qemu];
    const child = spawn(command as string, [...before, ...argumentsFor(options, emulatorOf(port), folder)], {
      stdio: ["ignore", "ignore", "pipe"],
      // In its own process group: a Ctrl-C that ends this process must leave QEMU alive until its flash is read.
      detached: true,
    });
    const end = () => void child.kill("SIGKILL");
    process.once("exit", end);
    child.once("exit", () => process.off("exit", end));
    try {
      const said = whatItSays(child);
      const starting = connectAll(options, emulatorOf(port), folder).then((parts) => run(options, parts));
      const parts = await Promise.race([starting, said]);
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

  /** The debugger of a stepped chip. */
  get debugger(): Debugger {
    if (!this.#debugger) throw new MachineError("the chip is not stepped");
    return this.#debugger;
  }

  /** The card's current flash. */
  readFlash(): Promise<Buffer> {
    return this.readMemory(emulatorOf(this.port).flash, FLASH_SIZE);
  }

  /** All of the chip's current RAM that an image wipes. */
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
    // Read as the core sees it: the chip's memories are not on the bus that pmemsave reads.
    await this.#qmp.execute("memsave", { val: address, size, filename: file });
    const bytes = readFileSync(file);
    rmSync(file);
    return bytes;
  }

  /** The addresses of all instructions that the core executes during `run`. */
  async trace(run: () => Promise<unknown>): Promise<number[]> {
    await this.#monitor("singlestep on");
    const text = await this.#log("exec,nochain", run);
    await this.#monitor("singlestep off");
    return [...text.matchAll(/^Trace \d+: \S+ \[[0-9a-f]+\/([0-9a-f]+)\//gm)].map(([, pc]) =>
      Number.parseInt(pc as string, 16),
    );
  }

  /** The writes during `run` to registers that QEMU does not have. */
  async traceUnimplemented(run: () => Promise<unknown>): Promise<{ offset: number; value: number }[]> {
    const text = await this.#log("unimp", run);
    return [...text.matchAll(/unimplemented device write .*offset (0x[0-9a-f]+), value (0x[0-9a-f]+)/g)].map(
      ([, offset, value]) => ({ offset: Number(offset), value: Number(value) }),
    );
  }

  /** QEMU's log lines of these kinds during `run`. */
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

  /** Pulls the chip's reset pin. RAM and flash keep their contents. */
  async reset(): Promise<void> {
    await this.#qmp.execute("system_reset");
  }

  /**
   * Makes QEMU read the serial line again. By itself QEMU does not when the chip starts to listen; it waits for another
   * event.
   */
  async nudge(): Promise<void> {
    await this.isRunning();
  }

  /** Waits until the chip has reset itself; it halts then. */
  async halted(): Promise<void> {
    while (!(await this.hasHalted())) await sleep(POLL);
  }

  /** Whether the chip has reset itself; it halts then. */
  async hasHalted(): Promise<boolean> {
    const { status } = (await this.#qmp.execute("query-status")) as { status: string };
    return status === "shutdown";
  }

  /** Whether the chip runs: neither `pause` nor a debugger has stopped it. */
  async isRunning(): Promise<boolean> {
    const { running } = (await this.#qmp.execute("query-status")) as { running: boolean };
    return running;
  }

  /** Stops the chip between two instructions, or resumes it. */
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
 * Fills the card's flash as the chip would, since QEMU loads its own files again at every reset. (QEMU's flash starts
 * as zeros.)
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

/** Lets the chip run until its serial line listens. A stepped chip stays where it is. */
async function run({ stepped, port = "microbit" }: MachineOptions, lines: Lines): Promise<Lines> {
  if (stepped) return lines;
  await lines.qmp.execute("cont");
  const { listens } = emulatorOf(port);
  while (listens && ((await lines.pins.read(listens.register)) & listens.bits) !== listens.bits) await sleep(POLL);
  return lines;
}

async function ptyOf(qmp: Qmp): Promise<string> {
  const devices = (await qmp.execute("query-chardev")) as { label: string; filename: string }[];
  const path = devices.find(({ label }) => label === "serial0")?.filename.replace(/^pty:/, "");
  if (!path?.startsWith("/dev/")) throw new MachineError("QEMU has no pseudo-terminal for the serial line");
  return path;
}

/** Rejects if QEMU ends before it could be used. */
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
