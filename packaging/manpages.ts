// The man pages, made from the tools' own commands, options and exit codes, and from the table of the simulator's
// command language. So a page always agrees with `--help`.

import type { Command, Help, Option } from "commander";
import { program } from "../host-tools/cli/main.js";
import { version } from "../host-tools/files/project.js";
import { commands as simulatorCommands } from "../sim/cli/main.js";
import { titleOf } from "../sim/session/language/help.js";
import { COMMANDS, GROUPS, type Group } from "../sim/session/language/table.js";
import { bold, head, type Item, list, paragraph, section, subsection, verbatim } from "./roff.js";

const EXIT_CODES = "Exit codes: ";
const EXIT_CODE = /^(128 \+ n|\d+) (.+)$/s;
const DOCUMENTS = "The documents of the project are in the folder docs of the package.";

/** The pages by their file names. */
export async function manPages(): Promise<ReadonlyMap<string, string>> {
  const dsc = await program(() => {});
  return new Map([
    ["dsc.1", page(dsc, "dsc\\-sim", "")],
    ["dsc-sim.1", page(simulatorCommands(), "dsc", language())],
  ]);
}

/** `other`: the related tool; `more`: additional sections. */
function page(top: Command, other: string, more: string): string {
  const help = top.createHelp();
  const { notes, exitCodes } = atEnd(top);
  return [
    head(top.name(), version()),
    section("NAME", paragraph(`${top.name()} - ${withoutStop(top.description())}`)),
    section("SYNOPSIS", bold(help.commandUsage(top))),
    section("DESCRIPTION", paragraph(top.description()), verbatim(notes)),
    section("OPTIONS", options(top, help)),
    section("COMMANDS", ...below(top).map((command) => entry(command, help))),
    more,
    section("EXIT STATUS", list(exitCodes)),
    section("ENVIRONMENT", list(environment(top))),
    section("SEE ALSO", `.PP\n\\fB${other}\\fR(1)\n`, paragraph(DOCUMENTS)),
  ].join("");
}

/** A command of the tool with its arguments and options. */
function entry(command: Command, help: Help): string {
  const inner = help.visibleArguments(command).map((argument) => ({
    term: argument.name(),
    text: help.argumentDescription(argument),
  }));
  return subsection(
    help.commandUsage(command),
    paragraph(command.description()),
    list(inner),
    options(command, help),
    verbatim(afterHelp(command)),
  );
}

function options(command: Command, help: Help): string {
  const visible = help.visibleOptions(command);
  return list(visible.map((option) => ({ term: help.optionTerm(option), text: help.optionDescription(option) })));
}

/** All commands below this one, each before its own. */
function below(command: Command): Command[] {
  return command.commands.flatMap((inner) => [inner, ...below(inner)]);
}

/** The part of the help after the list of commands, such as the exit codes. */
function atEnd(top: Command): { notes: string; exitCodes: Item[] } {
  const [notes = "", codes] = afterHelp(top).split(EXIT_CODES);
  if (codes === undefined) throw new Error(`the help of ${top.name()} has no exit codes`);
  return { notes: notes.trim(), exitCodes: codes.replace(/\.$/, "").split(/;\s+/).map(exitCode) };
}

function exitCode(text: string): Item {
  const [, term, meaning] = EXIT_CODE.exec(text.replace(/\s+/g, " ")) ?? [];
  if (term === undefined || meaning === undefined) throw new Error(`${JSON.stringify(text)} is no exit code`);
  return { term, text: meaning };
}

/** The texts that the command adds after commander's own help. */
function afterHelp(command: Command): string {
  let said = "";
  const { writeOut } = command.configureOutput();
  command.configureOutput({ writeOut: (text) => (said += text) });
  command.outputHelp();
  if (writeOut) command.configureOutput({ writeOut });
  return said.slice(command.helpInformation().length).trim();
}

/** The environment variables of the options, each once. */
function environment(top: Command): Item[] {
  const all = [top, ...below(top)].flatMap((command) => command.options).filter(({ envVar }) => envVar !== undefined);
  const first = new Map<string, Option>();
  for (const option of all) if (!first.has(option.envVar as string)) first.set(option.envVar as string, option);
  const items = [...first].map(([term, { long, description }]) => ({ term, text: `${long}: ${description}` }));
  return items.toSorted((a, b) => (a.term < b.term ? -1 : 1));
}

/** The commands of --headless and run. */
function language(): string {
  const groups = (Object.keys(GROUPS) as Group[]).map((group) => {
    const commands = COMMANDS.filter((command) => command.group === group);
    return subsection(GROUPS[group], ...commands.map(languageEntry));
  });
  const intro = paragraph("Commands for --headless and run, one on each line; # begins a comment.");
  return section("COMMAND LANGUAGE", intro, ...groups);
}

function languageEntry(command: (typeof COMMANDS)[number]): string {
  const { says, more, args, simulatorOnly, example } = command;
  const explained = args.filter(({ is }) => is !== "").map(({ name, is }) => `${name}: ${is}.`);
  const board = simulatorOnly ? ["Not on a board."] : [];
  const text = [`${says}.`, ...(more ? [more] : []), ...explained, ...board].join(" ").replaceAll("`", "");
  const shown = example.map((line) => `    ${line}`).join("\n");
  return `${list([{ term: titleOf(command), text }])}${verbatim(shown)}`;
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, "");
}
