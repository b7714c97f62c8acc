// `dsc`: the command line of the host tools. What each command does stands in commands/.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError, type Option } from "commander";
import * as challenge from "./commands/challenge.js";
import * as completion from "./commands/completion.js";
import * as flash from "./commands/flash.js";
import * as info from "./commands/info.js";
import * as keys from "./commands/keys.js";
import * as ocra from "./commands/ocra.js";
import * as personalize from "./commands/personalize.js";
import * as ports from "./commands/ports.js";
import * as pskc from "./commands/pskc.js";
import * as test from "./commands/test.js";
import * as unlock from "./commands/unlock.js";
import * as verify from "./commands/verify.js";
import * as wipe from "./commands/wipe.js";
import { UsageError } from "./errors.js";
import { Exit, exitCodeOf } from "./exit.js";
import { FileError } from "./files.js";
import { Interrupted } from "./interruption.js";
import { complain } from "./output.js";
import { hangUp } from "./port.js";

const COMMANDS = [ports, flash, info, personalize, test, wipe, keys, pskc, challenge, verify, unlock, ocra, completion];

/** How long what waits for a card may take to notice that its line is gone (ms). */
const LAST_WORDS = 1000;

const EXIT_CODES = `
Exit codes: 0 done; 1 failed; 2 usage; 3 no such port, or busy, or no answer; 4 authentication failed;
5 the card refused; 6 a file; 130 interrupted.`;

/** Runs the command line `args` (without node and script) and sets the exit code. */
export async function main(args: string[]): Promise<void> {
  process.stdout.on("error", endWithoutOutput);
  // Nobody can be told; the exit code still says what came of it.
  process.stderr.on("error", () => {});
  const interruption = watchForInterruption();
  try {
    const dsc = program();
    refuseUnknownHelp(dsc, args);
    await dsc.parseAsync(args, { from: "user" });
  } catch (error) {
    fail(interruption.came ? new Interrupted() : error);
  } finally {
    interruption.stop();
  }
  if (interruption.came) process.exitCode = Exit.INTERRUPTED;
}

function program(): Command {
  const dsc = new Command("dsc")
    .description("Host tools of the Digital Security Card+: at the bench, and at the site.")
    .version(version(), "--version")
    .addHelpText("after", EXIT_CODES)
    .configureOutput({ outputError: (text) => complain(inOneLine(text)) })
    .exitOverride()
    .hook("preAction", (_, command) => refuseEmptyNames(command));
  for (const command of COMMANDS) command.register(dsc);
  inheritSettings(dsc);
  return dsc;
}

/** A file that has no name: a variable of a script that is not set. */
function refuseEmptyNames(command: Command): void {
  const empty = command.options.find((option) => option.long !== "--port" && isEmptyName(command, option));
  if (empty) throw new FileError(`${empty.long} "": no name given`);
  const at = command.args.indexOf("");
  if (at >= 0) throw new FileError(`${command.registeredArguments[at]?.name() ?? "argument"} "": no name given`);
}

/** Options that take a name say so: <file>. */
function isEmptyName(command: Command, option: Option): boolean {
  return /<(file|dir)>/.test(option.flags) && command.getOptionValue(option.attributeName()) === "";
}

/** `dsc help nope`: commander would print all of the help, and not say why. */
function refuseUnknownHelp(dsc: Command, args: readonly string[]): void {
  let command: Command | undefined = dsc;
  for (const [at, word] of args.entries()) {
    if (word === "help") return refuseUnknown(command, args[at + 1]);
    command = command.commands.find((inner) => inner.name() === word);
    if (!command || command.commands.length === 0) return;
  }
}

function refuseUnknown(command: Command, name: string | undefined): void {
  const known = name === undefined || name.startsWith("-") || name === "help";
  if (known || command.commands.some((inner) => inner.name() === name)) return;
  throw new UsageError(`there is no command ${JSON.stringify(name)} to help with; dsc --help lists them`);
}

/** Commander does this only for commands that it makes itself. */
function inheritSettings(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent);
    inheritSettings(command);
  }
}

function version(): string {
  const manifest = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "package.json");
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}

/** One line and an exit code; what has neither is a bug, and its stack says where. */
function fail(error: unknown): void {
  const code = exitCodeOf(error);
  if (code === undefined || !(error instanceof Error)) {
    console.error(error);
    process.exitCode = Exit.BUG;
    return;
  }
  // Commander has said it already.
  if (!(error instanceof CommanderError)) complain(error.message);
  process.exitCode = code;
}

/** Ctrl-C hangs up, so that what waits for a card ends as it does when a line fails: secrets wiped, ports closed. */
function watchForInterruption(): { came: boolean; stop(): void } {
  const interruption = { came: false, stop: () => void process.off("SIGINT", interrupted) };
  const interrupted = () => {
    if (interruption.came) process.exit(Exit.INTERRUPTED);
    interruption.came = true;
    hangUp();
    setTimeout(endAnyhow, LAST_WORDS).unref();
  };
  process.on("SIGINT", interrupted);
  return interruption;
}

function endAnyhow(): void {
  fail(new Interrupted());
  process.exit();
}

/** What commander complains of. What was given to an option that there is not may be a secret. */
function inOneLine(text: string): string {
  const said = text.replace(/^error: /, "").replace(/(unknown option '[^=']*)=.*'/, "$1'");
  return said.trim().replace(/\s*\n\s*/g, " ");
}

/** The reader of our output went away (`| head`): there is nobody to tell. Else the disk that it goes to is full. */
function endWithoutOutput(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit();
  complain(`cannot write the output (${error.code ?? error.message})`);
  process.exit(Exit.FILE);
}
