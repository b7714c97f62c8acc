// `dsc-sim`: the command line of the simulator.

import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { Card } from "./card.js";
import { personalizeDemo } from "./demo.js";
import { loadFirmware } from "./firmware.js";
import { Flash } from "./flash.js";
import { FlashFileError, openFlashFile, readFlashFile } from "./flashfile.js";
import { runHeadless } from "./headless.js";
import { describe } from "./inspect.js";
import { openPanel, PanelError } from "./panelport.js";
import { PtyError, PtyLine } from "./pty.js";
import { RecordError, Recorder } from "./record.js";
import { runScripts, type Script } from "./run.js";
import { Session } from "./session.js";

/** Exit codes: see docs/DESIGN.md. */
const FAILED = 1;
const USAGE = 2;
const PORT = 3;
/** How often a card on a line is told that time passed, in ms. */
const TICK = 10;
const HIGHEST_SEED = 0xffffffff;

interface Options {
  flash?: string;
  demo?: boolean;
  seed?: number;
  record?: string;
  pty?: string;
  headless?: boolean;
  port?: string;
}

/** What makes or moves a simulated card; one on a port is as it is. */
const SIMULATED = ["flash", "demo", "seed", "pty", "record", "headless"];

/** A line for stderr and exit code 2. */
class UsageError extends Error {}

/** Runs the command line `args` (without node and script) and sets the exit code. */
export async function main(args: string[]): Promise<void> {
  process.stdout.on("error", endQuietly);
  try {
    await commands().parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : USAGE;
      return;
    }
    if (!isForPeople(error)) throw error;
    process.stderr.write(`dsc-sim: ${error.message}\n`);
    process.exitCode = error instanceof PanelError ? PORT : USAGE;
  }
}

function commands(): Command {
  const program = new Command("dsc-sim")
    .description("The Digital Security Card+ in the terminal, by hand or by script.")
    .option("--flash <file>", "keep the card's flash in FILE (made blank if missing)")
    .option("--demo", "personalize a blank card as the demo card (PIN 4071)")
    .option("--seed <n>", "make the random source repeatable", parseSeed)
    .option("--pty <link>", "put the card's serial line on a pseudo-terminal, linked at LINK")
    .option("--record <file>", "write the session as a command file that `run` replays (it holds the PIN)")
    .option("--headless", "commands on stdin, JSON on stdout")
    .addOption(new Option("--port <path>", "the front panel of a card on a serial port").conflicts(SIMULATED))
    .allowExcessArguments(false)
    .exitOverride()
    .action(start);
  program
    .command("run <file...>")
    .description("run command files, each on a fresh card; TAP on stdout")
    .action((files: string[]) => run(files));
  program
    .command("inspect <file>")
    .description("show a flash image record by record, secrets masked")
    .action((file: string) => {
      process.stdout.write(`${describe(readFlashFile(file)).join("\n")}\n`);
    });
  return program;
}

function start(options: Options): Promise<void> {
  if (options.port !== undefined) return frontPanel(options.port);
  return options.headless ? headless(options) : terminal(options);
}

async function headless(options: Options): Promise<void> {
  const recorder = options.record === undefined ? undefined : new Recorder(options.record);
  const session = new Session({
    module: loadFirmware(),
    seed: options.seed ?? freshSeed(),
    ...(options.demo && { demo: true }),
    ...(options.flash !== undefined && { flash: openFlashFile(options.flash) }),
    openFlash: openFlashFile,
    onStart: (card, setup) => recorder?.start(card, setup),
    onNotBlank: sayNotBlank,
  });
  const line = options.pty === undefined ? undefined : new PtyLine(session.card, options.pty);
  const clock = line && realTime(session);
  const clean = await runHeadless(session, process.stdin, process.stdout);
  clearInterval(clock);
  line?.close();
  recorder?.close();
  if (!clean) process.exitCode = FAILED;
}

function run(files: string[]): void {
  const module = loadFirmware();
  const scripts = files.map(readScript);
  const open = (script: Script) =>
    new Session({
      module,
      seed: freshSeed(),
      // A replay starts from the flash that a record saved, and leaves it for the next one.
      openFlash: (file) => new Flash(readFlashFile(resolve(dirname(script.name), file))),
    });
  if (!runScripts(scripts, open, process.stdout)) process.exitCode = FAILED;
}

async function terminal(options: Options): Promise<void> {
  needTerminal();
  const recorder = options.record === undefined ? undefined : new Recorder(options.record);
  const seed = options.seed ?? freshSeed();
  const flash = options.flash === undefined ? new Flash() : openFlashFile(options.flash);
  const initial = flash.bytes.slice();
  const module = loadFirmware();
  const demo = options.demo === true && personalizeDemo(module, flash, seed);
  const card = new Card(module, { flash, seed });
  const notes = options.demo && !demo ? [NOT_BLANK] : [];
  recorder?.start(card, { seed, demo, flash: initial });
  const line = options.pty === undefined ? undefined : new PtyLine(card, options.pty);
  const { runTerminal } = await import("./terminal/terminal.js");
  await runTerminal(card, { notes });
  line?.close();
  recorder?.close();
  for (const note of notes) process.stderr.write(`dsc-sim: ${note}\n`);
}

async function frontPanel(path: string): Promise<void> {
  needTerminal();
  const { panel, close } = await openPanel(path);
  const { runTerminal } = await import("./terminal/terminal.js");
  await runTerminal(panel, { notes: [basename(path)], until: panel.closed });
  const lost = !panel.open;
  await close();
  if (lost) throw new PanelError(`${path}: the card is gone; the line was closed`);
}

function needTerminal(): void {
  if (process.stdout.isTTY && process.stdin.isTTY) return;
  throw new UsageError("this is no terminal; for scripts there is dsc-sim --headless and dsc-sim run FILE");
}

/** Somebody may wait at the other end of the line: the card's time goes on by itself. */
function realTime(session: Session): NodeJS.Timeout {
  session.begin();
  let last = performance.now();
  return setInterval(() => {
    const ms = Math.floor(performance.now() - last);
    last += ms;
    session.card.wait(ms);
  }, TICK);
}

const NOT_BLANK = "the card is not blank; --demo left it as it is";

function sayNotBlank(): void {
  process.stderr.write(`dsc-sim: ${NOT_BLANK}\n`);
}

const FOR_PEOPLE = [UsageError, FlashFileError, RecordError, PtyError, PanelError];

function isForPeople(error: unknown): error is Error {
  return FOR_PEOPLE.some((known) => error instanceof known);
}

function readScript(name: string): Script {
  try {
    return { name, lines: readFileSync(name, "utf8").split(/\r?\n/) };
  } catch (error) {
    throw new UsageError(`${name}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!/^[0-9]+$/.test(text) || seed > HIGHEST_SEED) {
    throw new InvalidArgumentError(`a seed is a whole number from 0 to ${HIGHEST_SEED}.`);
  }
  return seed;
}

function freshSeed(): number {
  return randomInt(HIGHEST_SEED);
}

/** The reader of our output went away (`| head`): there is nobody to tell. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
}
