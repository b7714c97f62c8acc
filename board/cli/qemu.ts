// `npm run board:qemu`: the board's image in QEMU, for programs at its serial line, people and debuggers.

import { once } from "node:events";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { inOneLine, isScreen, withoutControls } from "../../host-tools/files/commandline.js";
import { Flash } from "../../sim/core/flash.js";
import { personalizeDemo } from "../../sim/session/demo.js";
import { loadFirmware } from "../../sim/session/firmware.js";
import { FlashFileError, openFlashFile } from "../../sim/session/flashfile.js";
import { SIGNALS } from "../../sim/session/signals.js";
import { buildImages } from "../builder/images.js";
import { BuildError } from "../builder/tools.js";
import { EmulatedBoard } from "../emulator/emulatedboard.js";
import { FlashKeeper } from "../emulator/flashkeeper.js";
import { Machine, MachineError, type MachineOptions } from "../emulator/machine.js";
import { Panel } from "../emulator/terminalpanel.js";

const FAILED = 1;
const USAGE = 2;

interface Options {
  production?: boolean;
  flash?: string;
  demo?: boolean;
  panel?: boolean;
  gdb?: number;
}

/** A line for stderr and exit code 2. */
class UsageError extends Error {}

const AFTER = `
The first line on stdout is JSON: "pty" is the card's serial line (dsc info --port /dev/pts/N), "pid" this process,
"image" the ELF file with its symbols, "flash" and "gdb" as given. It runs until Ctrl-C, SIGTERM, SIGHUP or SIGQUIT, and saves
the flash before it ends; SIGUSR1 presses the board's reset button. Production images have no front panel over serial:
--panel moves the pins themselves, and works with both.

In --panel: digits, Enter (OK), p or space (PRESS) press a key for 80 ms; P and O hold PRESS and OK for a second,
r resets, Ctrl-C quits.

Exit codes: 0 ended as asked, 1 failed or tools missing, 2 bad option or file.`;

async function main(args: readonly string[]): Promise<void> {
  const program = new Command("board:qemu")
    .description("Run the board's image in QEMU (BBC micro:bit V1).")
    .option("--production", "the production image instead of the development image")
    .option("--flash <file>", "keep the card's flash in FILE (made blank if missing)")
    .option("--demo", "personalize a blank card as the demo card (PIN 4071)")
    .option("--panel", "show the screen here, and press keys")
    .option("--gdb <port>", "accept a debugger: target remote localhost:PORT", parsePort)
    .addHelpText("after", AFTER)
    .allowExcessArguments(false)
    .configureOutput({ outputError: (text) => void say(inOneLine(text)) })
    .exitOverride()
    .action(run);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = exitCodeFor(error);
  }
}

async function run(options: Options): Promise<void> {
  if (options.panel && !(process.stdin.isTTY && isScreen(process.stdout)))
    throw new UsageError("--panel: no terminal here");
  const image = buildImages(options.production ? "production" : "development");
  const flash = options.flash === undefined ? new Flash() : openFlashFile(options.flash);
  if (options.demo && !personalizeDemo(loadFirmware(), flash, 1)) say("the card is not blank; --demo left it as it is");
  const machineOptions: MachineOptions = {
    image,
    flash: flash.bytes,
    serial: "pty",
    ...(options.gdb !== undefined && { gdb: options.gdb }),
  };
  const asked = signalled();
  const board = options.panel ? await EmulatedBoard.start({ ...machineOptions, runs: true }) : undefined;
  const machine = board?.machine ?? (await Machine.start(machineOptions));
  process.on("SIGUSR1", () => (board ?? machine).reset().catch(() => {}));
  const { pty } = machine;
  const about = { pty, pid: process.pid, image, flash: options.flash ?? null, gdb: options.gdb ?? null };
  process.stdout.write(`${JSON.stringify(about)}\n`);
  await serve(machine, flash, asked, board && new Panel(board, pty ?? ""));
}

/** Lets the card run until somebody ends it. */
async function serve(machine: Machine, flash: Flash, asked: Promise<void>, panel?: Panel): Promise<void> {
  const keeper = new FlashKeeper(machine, flash);
  const lost = machine.ended.then(() => {
    throw new MachineError("QEMU ended by itself");
  });
  lost.catch(() => {});
  try {
    await Promise.race([asked, lost, ...(panel ? [panel.ended] : [])]);
    await keeper.close();
  } finally {
    panel?.close();
    await machine.stop();
  }
}

/** Settled at the first signal that ends programs; those after it change nothing. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of SIGNALS) process.on(signal, () => resolve());
  });
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65535) throw new InvalidArgumentError("a port is from 1 to 65535.");
  return port;
}

function exitCodeFor(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  if (error instanceof UsageError || error instanceof FlashFileError) return say(error.message, USAGE);
  if (error instanceof BuildError || error instanceof MachineError) return say(error.message);
  throw error;
}

function say(text: string, exitCode: number = FAILED): number {
  process.stderr.write(`board:qemu: ${withoutControls(text)}\n`);
  return exitCode;
}

await main(process.argv.slice(2));
// Sockets and signals would keep it alive.
if (process.stdout.writableNeedDrain) await once(process.stdout, "drain");
process.exit();
