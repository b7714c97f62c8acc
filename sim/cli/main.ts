// `dsc-sim`: the command line of the simulator, and its exit codes.

import { basename } from "node:path";
import { Argument, Command, CommanderError, Option } from "commander";
import { inOneLine, watchOutput } from "../../host-tools/files/commandline.js";
import { completionScript, SHELLS, type Shell } from "../../host-tools/files/completion.js";
import { version } from "../../host-tools/files/project.js";
import { readFlashFile } from "../session/flashfile.js";
import { describe } from "../session/inspect.js";
import { commandNames, helpLines, helpOn } from "../session/language/help.js";
import { scriptingDocument } from "../session/language/scripting.js";
import { openPanel, PanelError } from "../session/panelport.js";
import { UserError } from "../session/usererror.js";
import { type ApiOptions, api, withApiOptions } from "./api.js";
import { withCardOptions } from "./cardoptions.js";
import { type MonkeyOptions, withMonkeyOptions } from "./monkeyoptions.js";
import { parseName } from "./options.js";
import { addRun } from "./run.js";
import { type CardOptions, complain, headless, inTerminal, say } from "./simulate.js";

/** A command had an error. Other errors that are no bugs have the exit code in their UserError. */
const FAILED = 1;
const USAGE = 2;
const EXIT_CODES = `
Exit codes: 0 done; 1 a command had an error, a script failed, or monkey found a difference; 2 usage, or a file that cannot be used;
3 no such port, or busy, or no answer; 128 + n ended by signal n (141: nobody read the output).`;

interface Options extends CardOptions {
  headless?: boolean;
  port?: string;
}

/** Options that make or change a simulated card; a card at a port is used as it is. */
const SIMULATED = ["flash", "demo", "seed", "pty", "record", "headless"];

/** Runs the command line `args` (without node and script) and sets the exit code. */
export async function main(args: string[]): Promise<void> {
  watchOutput(endWithoutOutput);
  try {
    const program = commands();
    refuseUnknown(program, args);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    fail(error);
  }
}

/** The command line, for help and completion. */
export function commands(): Command {
  const program = withCardOptions(new Command("dsc-sim"))
    .description("The Digital Security Card+ in the terminal, by hand or by script.")
    .version(version(), "--version")
    .option("--ascii", "draw in ASCII, whatever the locale says")
    .option("--headless", "commands on stdin, JSON on stdout")
    .addOption(portOption())
    .addHelpText("after", EXIT_CODES)
    // They are refused by their name, as commands that do not exist.
    .allowExcessArguments(true)
    .configureOutput({ outputError: (text) => say(inOneLine(text)) })
    .exitOverride()
    .enablePositionalOptions()
    .hook("preSubcommand", refuseLost)
    .action(start);
  addRun(program);
  program
    .command("inspect")
    .argument("<file>", "a flash image", parseName)
    .description("show a flash image record by record, secrets masked")
    .action((file: string) => {
      print(describe(readFlashFile(file)));
    });
  addHelp(program);
  program
    .command("completion")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .description("print the completion script for a shell")
    .action((shell: Shell) => {
      process.stdout.write(completionScript(program, shell));
    });
  withApiOptions(program.command("api")).action(async (_: unknown, command: Command) => {
    await api(command.optsWithGlobals<ApiOptions>());
  });
  withMonkeyOptions(program.command("monkey")).action(async (_: unknown, command: Command) => {
    const { monkey } = await import("./monkey.js");
    if (!(await monkey(command.optsWithGlobals<MonkeyOptions>()))) process.exitCode ??= FAILED;
  });
  // Commander gives each command the setting of the program.
  for (const command of program.commands) command.allowExcessArguments(false);
  return program;
}

/** `dsc-sim nope --help`: commander would print the help of all without saying why. */
function refuseUnknown(program: Command, [name = ""]: readonly string[]): void {
  if (name === "" || name.startsWith("-") || program.commands.some((command) => command.name() === name)) return;
  throw unknownCommand(name);
}

function unknownCommand(name: string): UserError {
  return new UserError(`unknown command ${JSON.stringify(name)}; dsc-sim --help lists the commands`);
}

/** Help on the language; for a command of `dsc-sim` itself, its own help. */
function addHelp(program: Command): void {
  const own = () => program.commands.map((command) => command.name());
  const help = program
    .helpCommand(false)
    .command("help")
    .description("explain the commands of --headless and run")
    .option("--markdown", "print docs/SCRIPTING.md, which is generated from the commands");
  const name = new Argument("[command]", "one of them").choices([...commandNames(), ...own()]);
  // Listed for completion; an unknown name gets a shorter message than all their names.
  help.addArgument(name.argParser((text) => text));
  help.action((name: string | undefined, { markdown }: { markdown?: boolean }) => {
    if (markdown) process.stdout.write(scriptingDocument());
    else if (name === undefined) print(helpLines());
    else if (own().includes(name)) program.commands.find((command) => command.name() === name)?.outputHelp();
    else print(helpOnCommand(name));
  });
}

function helpOnCommand(name: string): string[] {
  const lines = helpOn(name);
  if (lines) return lines;
  throw new UserError(`unknown command ${JSON.stringify(name)}; dsc-sim help lists the commands`);
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Refuses a simulator option before a command, where it would be lost. */
function refuseLost(program: Command, command: Command): void {
  const given = program.options.find((option) => program.getOptionValueSource(option.attributeName()) === "cli");
  if (!given?.long) return;
  const name = command.name();
  const known = command.options.some(({ long }) => long === given.long);
  throw new UserError(
    known
      ? `${given.long} must follow ${name}: dsc-sim ${name} ${given.long} …`
      : `${name} has no option ${given.long}; leave it out`,
  );
}

function portOption(): Option {
  const option = new Option("--port <path>", "the front panel of a card on a serial port");
  return option.argParser(parseName).conflicts(SIMULATED);
}

async function start(options: Options, { args: [extra] }: Command): Promise<void> {
  if (extra !== undefined) throw unknownCommand(extra);
  if (options.headless) {
    return headless(options, () => {
      process.exitCode ??= FAILED;
    });
  }
  needTerminal();
  await (options.port === undefined ? inTerminal(options) : frontPanel(options.port, options.ascii));
}

async function frontPanel(path: string, ascii = false): Promise<void> {
  const { panel, close } = await openPanel(path);
  const { ASCII, runTerminal } = await import("../terminal/terminal.js");
  await runTerminal(panel, { around: { line: basename(path) }, until: panel.closed, ...(ascii && { art: ASCII }) });
  const lost = !panel.open;
  await close();
  if (lost) throw new PanelError(`${path}: the card is gone; the line was closed`);
}

function needTerminal(): void {
  const scripts = "use dsc-sim --headless or dsc-sim run FILE for scripts";
  if (!process.stdout.isTTY || !process.stdin.isTTY) throw new UserError(`this is not a terminal; ${scripts}`);
  if (process.env.TERM === "dumb") throw new UserError(`this terminal shows lines only (TERM=dumb); ${scripts}`);
}

/** Prints one line and sets the exit code; any other error is a bug, and its stack is printed. */
function fail(error: unknown): void {
  if (error instanceof UserError) return complain(error);
  if (!(error instanceof CommanderError)) throw error;
  // Commander has printed it already.
  process.exitCode = error.exitCode === 0 ? 0 : USAGE;
}

function endWithoutOutput(message: string): void {
  complain(new UserError(message));
  process.exit();
}
