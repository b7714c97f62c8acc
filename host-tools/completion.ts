// Completion scripts for shells, made from the commands and options that there are.

import type { Command, Option } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A command with the words that lead to it: "pskc show". */
interface Entry {
  readonly words: string;
  readonly description: string;
  readonly subcommands: readonly Command[];
  readonly options: readonly Option[];
}

/** The script for a shell. */
export function completionScript(program: Command, shell: Shell): string {
  const entries = entriesOf(program, []);
  const scripts = { bash, zsh, fish };
  return scripts[shell](program.name(), entries);
}

function entriesOf(command: Command, words: readonly string[]): Entry[] {
  const help = command.createHelp();
  const entry = {
    words: words.join(" "),
    description: command.description(),
    subcommands: command.commands,
    options: help.visibleOptions(command),
  };
  return [entry, ...command.commands.flatMap((inner) => entriesOf(inner, [...words, inner.name()]))];
}

function wordsOf({ subcommands, options }: Entry): string {
  const flags = options.flatMap(({ long, short }) => long ?? short ?? []);
  return [...subcommands.map((command) => command.name()), ...flags].join(" ");
}

/** Words that an option's value is one of; files where there are none. */
function choicesOf(entries: readonly Entry[]): Map<string, readonly string[]> {
  const options = entries.flatMap((entry) => entry.options);
  return new Map(options.flatMap(({ long, argChoices }) => (long && argChoices ? [[long, argChoices]] : [])));
}

function bash(name: string, entries: readonly Entry[]): string {
  const cases = entries.map((entry) => `    ${quoted(entry.words)}) words=${quoted(wordsOf(entry))} ;;`);
  const parents = entries.filter(({ subcommands }) => subcommands.length > 0).map(({ words }) => quoted(words));
  const values = [...choicesOf(entries)].map(
    ([option, choices]) =>
      `    ${option}) COMPREPLY=($(compgen -W ${quoted(choices.join(" "))} -- "$current")); return ;;`,
  );
  return `# ${name}: completion for bash. Use it: source <(${name} completion bash)
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="" word words=""
  case "$previous" in
    --port) COMPREPLY=($(compgen -f -- "\${current:-/dev/tty}")); return ;;
${values.join("\n")}
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ "$word" == -* ]] && break
    case "$command" in
      ${parents.join("|")}) command="\${command:+$command }$word" ;;
    esac
  done
  case "$command" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 0 || "$previous" == --* ]] && COMPREPLY+=($(compgen -f -- "$current"))
}
complete -o filenames -F _${name} ${name}
`;
}

/** zsh runs what is made for bash. */
function zsh(name: string, entries: readonly Entry[]): string {
  const script = bash(name, entries).split("\n").slice(1).join("\n");
  return `# ${name}: completion for zsh. Use it: source <(${name} completion zsh)
autoload -U +X compinit && compinit
autoload -U +X bashcompinit && bashcompinit
${script}`;
}

function fish(name: string, entries: readonly Entry[]): string {
  const lines = entries.flatMap((entry) => [
    ...entry.subcommands.map((command) => {
      const names = entry.subcommands.map((other) => other.name()).join(" ");
      const parent = entry.words === "" ? "true" : seen(entry.words);
      const first = `${parent}; and not __fish_seen_subcommand_from ${names}`;
      return fishLine(name, first, `-f -a ${command.name()} -d ${quoted(command.description())}`);
    }),
    ...entry.options.flatMap((option) => (option.long ? [fishOption(name, entry, option)] : [])),
  ]);
  return `# ${name}: completion for fish. Use it: ${name} completion fish | source\n${lines.join("\n")}\n`;
}

function fishOption(name: string, entry: Entry, option: Option): string {
  const condition = entry.words === "" ? "__fish_use_subcommand" : seen(entry.words);
  const values = option.argChoices ? ` -x -a ${quoted(option.argChoices.join(" "))}` : " -r";
  const value = option.required || option.optional ? values : "";
  return fishLine(name, condition, `-l ${option.long?.slice(2)}${value} -d ${quoted(option.description)}`);
}

function fishLine(name: string, condition: string, rest: string): string {
  return `complete -c ${name} -n ${quoted(condition)} ${rest}`;
}

function seen(words: string): string {
  return words
    .split(" ")
    .map((word) => `__fish_seen_subcommand_from ${word}`)
    .join("; and ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
