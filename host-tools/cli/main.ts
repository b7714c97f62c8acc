// `dsc`: the command line of the host tools. commands/ has the commands.

import { Command, CommanderError, type Option } from "commander";
import { watchOutput } from "../files/commandline.js";
import { FileError, UsageError } from "../files/errors.js";
import { endLater, Interrupted, interrupt, interruption } from "../files/interruption.js";
import { version } from "../files/project.js";
import { endCommand } from "./commandend.js";
import { Exit, furtherLinesOf, reportOf } from "./exit.js";
import { answerInJson, answersInJson, begin, complain, conclude, tell } from "./output.js";

/**
 * The commands in the order of the help. Each loads only the code that it needs, since a bench starts `dsc` hundreds of
 * times a day.
 */
const COMMANDS: Record<string, () => Promise<{ register(program: Command): void }>> = {
  ports: () => import("./commands/ports.js"),
  flash: () => import("./commands/flash.js"),
  info: () => import("./commands/info.js"),
  personalize: () => import("./commands/personalize.js"),
  check: () => import("./commands/check.js"),
  test: () => import("./commands/test.js"),
  wipe: () => import("./commands/wipe.js"),
  keys: () => import("./commands/keys.js"),
  register: () => import("./commands/register.js"),
  settings: () => import("./commands/settings.js"),
  pskc: () => import("./commands/pskc.js"),
  card: () => import("./commands/card.js"),
  order: () => import("./commands/order.js"),
  batch: () => import("./commands/batch.js"),
  operator: () => import("./commands/operator.js"),
  approve: () => import("./commands/approve.js"),
  journal: () => import("./commands/journal.js"),
  challenge: () => import("./commands/challenge.js"),
  verify: () => import("./commands/verify.js"),
  unlock: () => import("./commands/unlock.js"),
  ocra: () => import("./commands/ocra.js"),
  completion: () => import("./commands/completion.js"),
};

const EXIT_CODES = `
Exit codes: 0 done; 1 failed; 2 usage; 3 no such port, or busy, or no answer; 4 authentication failed;
5 the card refused; 6 a file or a register; 70 a mistake in dsc itself; 130 interrupted; 141 nobody read the output.`;

/** The process `dsc`: runs the command line `args` (without node and script) and sets the exit code. */
export async function main(args: string[]): Promise<void> {
  // Deprecation warnings of packages help neither bench users nor scripts that read stderr.
  process.noDeprecation = true;
  watchOutput(endWithoutOutput);
  process.on("uncaughtException", endWithBug);
  const stop = watchForInterruption();
  await runCommand(args);
  stop();
}

/** Runs one command line to its end and sets the exit code. The caller handles signals and lost output. */
export async function runCommand(args: string[]): Promise<void> {
  begin(asksForJson(args));
  try {
    await run(jsonLast(args));
  } catch (error) {
    fail(interruption.aborted ? new Interrupted() : error);
  }
  if (interruption.aborted) fail(new Interrupted());
  endCommand();
  conclude();
}

async function run(args: string[]): Promise<void> {
  const help: string[] = [];
  const dsc = await program((text) => help.push(text), args);
  try {
    refuseUnknownHelp(dsc, args);
    await dsc.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
    // Only help or the version was requested.
    tell(error.code === "commander.version" ? "version" : "help", help.join(""));
  }
}

/** Whether --json is given. Read before parsing, which may fail. */
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? args.length : end).includes("--json");
}

/** Moves --json from before the command to behind it, since it is an option of the command. */
function jsonLast(args: string[]): string[] {
  const command = args.findIndex((word) => word !== "--json");
  if (command < 0) return [];
  if (command === 0) return args;
  const rest = args.slice(command);
  const end = rest.indexOf("--");
  return end < 0 ? [...rest, "--json"] : rest.toSpliced(end, 0, "--json");
}

/**
 * Builds the command line. `print` receives the text of --help and --version. With `args` it contains only the command
 * at their beginning, or all commands if there is none; for --version it contains none.
 */
export async function program(print: (text: string) => void, args: readonly string[] = []): Promise<Command> {
  const dsc = new Command("dsc")
    .description("Host tools of the Digital Security Card+: at the bench, and at the site.")
    .version(version(), "--version")
    .addHelpText("after", EXIT_CODES)
    // Commander's error text is printed once, at the end.
    .configureOutput({ writeOut: print, writeErr: writeHelp, outputError: () => {} })
    .exitOverride()
    .hook("preAction", (_, command) => {
      answerInJson(command.getOptionValue("json") === true);
      refuseEmptyNames(command);
    });
  for (const load of loadersFor(args[0])) (await load()).register(dsc);
  inheritSettings(dsc);
  return dsc;
}

/** `completion` needs all commands, and --version none. */
function loadersFor(name = "") {
  if (name === "--version") return [];
  const one = Object.hasOwn(COMMANDS, name) && name !== "completion" ? COMMANDS[name] : undefined;
  return one ? [one] : Object.values(COMMANDS);
}

/** The help for a user who gives no command. */
function writeHelp(text: string): void {
  if (!answersInJson()) process.stderr.write(text);
}

/** Refuses an empty file name, which usually comes from an unset variable in a script. */
function refuseEmptyNames(command: Command): void {
  const empty = command.options.find((option) => option.long !== "--port" && isEmptyName(command, option));
  if (empty) throw new FileError(`${empty.long} "": the name is empty; give one`);
  const at = command.args.indexOf("");
  if (at >= 0)
    throw new FileError(`${command.registeredArguments[at]?.name() ?? "argument"} "": the name is empty; give one`);
}

/** Options with a name are declared with <file>. */
function isEmptyName(command: Command, option: Option): boolean {
  return /<(file|dir)>/.test(option.flags) && command.getOptionValue(option.attributeName()) === "";
}

/** `dsc help nope` and `dsc nope --help`: commander would print the whole help without saying why. */
function refuseUnknownHelp(dsc: Command, args: readonly string[]): void {
  let command: Command = dsc;
  for (const [at, word] of args.entries()) {
    if (word === "help") return refuseUnknown(command, args[at + 1]);
    const inner = command.commands.find((one) => one.name() === word);
    if (!inner && args.some((one) => one === "--help" || one === "-h")) refuseUnknown(command, word);
    if (!inner || inner.commands.length === 0) return;
    command = inner;
  }
}

function refuseUnknown(command: Command, name: string | undefined): void {
  const known = name === undefined || name.startsWith("-") || name === "help";
  if (known || command.commands.some((inner) => inner.name() === name)) return;
  throw new UsageError(`unknown command ${JSON.stringify(name)}; dsc --help lists the commands`);
}

/** Commander does this only for commands that it creates itself. */
function inheritSettings(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent);
    inheritSettings(command);
  }
}

/** Prints one line and sets the exit code; for a bug, also prints the stack. */
function fail(error: unknown): void {
  const report = reportOf(error);
  if (report.code === Exit.BUG) console.error(error);
  process.exitCode = report.code;
  conclude(report, furtherLinesOf(error));
}

/** Handles an error that no code awaited. */
function endWithBug(error: unknown): void {
  fail(error);
  process.exit();
}

/**
 * Ctrl-C ends all waits, so that a command that waits for a card ends as if the line had failed: secrets wiped, ports
 * closed.
 */
function watchForInterruption(): () => void {
  const interrupted = () => {
    if (interruption.aborted) endAnyhow();
    interrupt();
    endLater(endAnyhow);
  };
  process.on("SIGINT", interrupted);
  return () => void process.off("SIGINT", interrupted);
}

function endAnyhow(): void {
  fail(new Interrupted());
  process.exit();
}

function endWithoutOutput(message: string): void {
  complain(message);
  process.exit(Exit.FILE);
}
