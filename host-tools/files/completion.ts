// Completion scripts for shells, generated from the commands and options.

import type { Command, Option } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A command with its full name, such as "pskc show". */
interface Entry {
  readonly words: string;
  readonly description: string;
  readonly subcommands: readonly Command[];
  readonly options: readonly Option[];
  /** The possible values of its argument; empty if any is allowed. */
  readonly choices: readonly string[];
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
    choices: command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
  };
  return [entry, ...command.commands.flatMap((inner) => entriesOf(inner, [...words, inner.name()]))];
}

/** The words that may come next: subcommands, options, or values of the argument. */
function wordsOf({ subcommands, options, choices }: Entry): string {
  const flags = options.flatMap(({ long, short }) => long ?? short ?? []);
  return [...subcommands.map((command) => command.name()), ...choices, ...flags].join(" ");
}

/** Options with a value, each once. */
function valuesOf(entries: readonly Entry[]): Option[] {
  const options = entries.flatMap((entry) => entry.options).filter(({ required, long }) => required && long);
  return [...new Map(options.map((option) => [option.long, option])).values()];
}

function bash(name: string, entries: readonly Entry[]): string {
  const reply = (command: string) => `_${name}_reply < <(${command})`;
  const cases = entries.map((entry) => `    ${quoted(entry.words)}) words=${quoted(wordsOf(entry))} ;;`);
  const parents = entries.filter(({ subcommands }) => subcommands.length > 0).map(({ words }) => quoted(words));
  const values = valuesOf(entries);
  const chosen = values.flatMap(({ long, argChoices }) =>
    argChoices ? [`    ${long}) ${reply(`compgen -W ${quoted(argChoices.join(" "))} -- "$current"`)}; return ;;`] : [],
  );
  const others = values.flatMap(({ long, argChoices }) => (argChoices || long === "--port" ? [] : [long]));
  return `# ${name}: completion for bash. Use it: source <(${name} completion bash)
_${name}_reply() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do COMPREPLY+=("$line"); done
}
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="" word words=""
  case "$previous" in
    --port) ${reply(`compgen -f -- "\${current:-/dev/ttyA}"`)}; return ;;
${chosen.join("\n")}
    ${others.join("|")}) ${reply('compgen -f -- "$current"')}; return ;;
  esac
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD-1))}"; do
    [[ "$word" == -* ]] && break
    case "$command" in
      ${parents.join("|")}) command="\${command:+$command }$word" ;;
    esac
  done
  case "$command" in
${cases.join("\n")}
  esac
  ${reply('compgen -W "$words" -- "$current"')}
  [[ \${#COMPREPLY[@]} -eq 0 ]] && ${reply('compgen -f -- "$current"')}
}
complete -o filenames -F _${name} ${name}
`;
}

/** zsh runs the script for bash. */
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
      const first = `${seen(entry.words)}; and not __fish_seen_subcommand_from ${names}`;
      const here = entry.words === "" ? "__fish_use_subcommand" : first;
      return fishLine(name, here, `-f -a ${command.name()} -d ${quoted(command.description())}`);
    }),
    ...entry.choices.map((choice) => fishLine(name, seen(entry.words), `-f -a ${quoted(choice)}`)),
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
