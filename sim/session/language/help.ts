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
    "The commands that dsc-sim --headless and dsc-sim run take, one a line; # begins a comment.",
    ...groups,
    "",
    "dsc-sim help COMMAND says more; all of it is in docs/SCRIPTING.md.",
  ];
}

/** The lines about one command; undefined if there is no such command. */
export function helpOn(name: string): string[] | undefined {
  const command = commandNamed(name);
  if (!command) return undefined;
  const { args, says, more, example, simulatorOnly } = command;
  const width = Math.max(...args.map((argument) => argument.name.length));
  const explained = args.map((argument) => {
    const may = argument.optional ? " (may be left out)" : "";
    return `  ${argument.name.padEnd(width)}  ${argument.is}${may}`;
  });
  return [
    titleOf(command),
    `  ${plain(says)}`,
    ...(more ? [`  ${plain(more)}`] : []),
    ...(simulatorOnly ? ["  Not on a board (run --port): only a simulated card can do it."] : []),
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
