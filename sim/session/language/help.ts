// `dsc-sim help [COMMAND]`: the language for people at a terminal.

import { usageOf } from "./parse.js";
import { COMMANDS, type Command, commandNamed, GROUPS, type Group } from "./table.js";

/** The lines that list all commands. */
export function helpLines(): string[] {
  const width = Math.max(...COMMANDS.map((command) => titleOf(command).length));
  const groups = (Object.keys(GROUPS) as Group[]).flatMap((group) => [
    "",
    `${GROUPS[group]}:`,
    ...COMMANDS.filter((command) => command.group === group).map(
      (command) => `  ${titleOf(command).padEnd(width)}  ${plain(command.says)}`,
    ),
  ]);
  return [
    "Commands for dsc-sim --headless and dsc-sim run, one on each line; # begins a comment.",
    ...groups,
    "",
    "dsc-sim help COMMAND explains a command; docs/SCRIPTING.md explains all of them.",
  ];
}

/** The lines about one command; undefined if there is no such command. */
export function helpOn(name: string): string[] | undefined {
  const command = commandNamed(name);
  if (!command) return undefined;
  const { args, says, more, example, simulatorOnly } = command;
  const width = Math.max(...args.map((argument) => argument.name.length));
  const explained = args.map((argument) => {
    const may = argument.optional ? " (optional)" : "";
    return `  ${argument.name.padEnd(width)}  ${argument.is}${may}`;
  });
  return [
    titleOf(command),
    `  ${plain(says)}`,
    ...(more ? [`  ${plain(more)}`] : []),
    ...(simulatorOnly ? ["  Not on a board (run --port), but only on a simulated card."] : []),
    ...(explained.length > 0 ? ["", ...explained] : []),
    "",
    "Example:",
    ...example.map((line) => `  ${line}`),
  ];
}

/** The title of a command; all keys share one. */
export function titleOf(command: Command): string {
  const { names } = command;
  return names.length === 1 ? usageOf(command) : `${names[0]}, ${names[1]}, ${names[2]} … ${names.at(-1)}`;
}

/** The names of all commands, for completion. */
export function commandNames(): string[] {
  return COMMANDS.flatMap(({ names }) => names);
}

/** Without the marks of Markdown. */
function plain(text: string): string {
  return text.replaceAll("`", "");
}
