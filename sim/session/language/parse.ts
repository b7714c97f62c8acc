// Parses a line of the language into its command and the values of its arguments.

import { type Argument, LineError } from "./arguments.js";
import { type Carried, type Command, commandNamed, printable } from "./table.js";

/** A parsed line. */
export interface Parsed {
  readonly word: string;
  readonly command: Command;
  readonly carried: Carried;
}

interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Whether a line is blank or a comment. */
export function isComment(line: string): boolean {
  const text = line.trimStart();
  return text === "" || text.startsWith("#");
}

/** Parses a line that is no comment. Throws a LineError if the command is unknown or its arguments are wrong. */
export function parseLine(line: string): Parsed {
  const [first, ...words] = wordsOf(line);
  const word = first?.text ?? "";
  const command = commandNamed(word);
  if (!command) throw new LineError(`unknown command: ${printable(word)}; ${adviceFor(word)}`);
  const texts = assigned(command, word, words, line);
  const values = command.args.map((argument, at) => readValue(word, argument, texts[at]));
  return { word, command, carried: command.carry(word, values) };
}

function adviceFor(unknown: string): string {
  const small = unknown.toLowerCase();
  return commandNamed(small) ? `write ${small}` : "dsc-sim help lists them";
}

/** How a command is written, by its first name or by the name that was used. */
export function usageOf({ names, args }: Command, word = names[0] as string): string {
  const written = args.map(({ name, choices, optional }) => {
    const shown = name === "HOW" && choices ? choices.join("|") : name;
    return optional ? `[${shown}]` : shown;
  });
  return [word, ...written].join(" ");
}

/** The texts of the arguments in order; undefined for one that is left out. */
function assigned(command: Command, word: string, words: readonly Word[], line: string): (string | undefined)[] {
  const { args } = command;
  const greedy = args.findIndex((argument) => argument.greedy);
  const behind = greedy < 0 ? 0 : args.length - greedy - 1;
  const least = args.filter((argument) => !argument.optional).length;
  if (words.length < least) throw new LineError(`${word}: something is missing; write ${usageOf(command, word)}`);
  if (greedy < 0) {
    if (words.length > args.length) throw new LineError(tooMany(command, word));
    return words.map(({ text }) => text);
  }
  const taken = words.slice(greedy, words.length - behind);
  const text = taken.length === 0 ? "" : line.slice((taken[0] as Word).start, (taken.at(-1) as Word).end);
  return [
    ...words.slice(0, greedy).map((one) => one.text),
    text,
    ...words.slice(words.length - behind).map((one) => one.text),
  ];
}

function tooMany(command: Command, word: string): string {
  if (command.args.length === 0) return `${word}: nothing may follow`;
  return `${word}: too many words; write ${usageOf(command, word)}`;
}

function readValue(word: string, argument: Argument<unknown>, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return argument.read(text);
  } catch (error) {
    if (error instanceof LineError) throw new LineError(`${word}: ${error.message}`);
    throw error;
  }
}

function wordsOf(line: string): Word[] {
  const words: Word[] = [];
  for (const { 0: text, index } of line.matchAll(/\S+/g)) words.push({ text, start: index, end: index + text.length });
  return words;
}
