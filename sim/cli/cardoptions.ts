// The options that make a simulated card, and how their values are read: the same for every command that has one.

import { type Command, InvalidArgumentError } from "commander";
import { HIGHEST_SEED } from "./simulate.js";

/** Adds them to a command. */
export function withCardOptions(command: Command): Command {
  return command
    .option("--flash <file>", "keep the card's flash in FILE (made blank if missing)", parseName)
    .option("--demo", "personalize a blank card as the demo card (PIN 4071)")
    .option("--seed <n>", "make the random source repeatable", parseSeed)
    .option("--pty <link>", "put the card's serial line on a pseudo-terminal, linked at LINK", parseName)
    .option("--record <file>", "write the session as a command file that `run` replays (it holds the PIN)", parseName);
}

export function parseName(text: string): string {
  if (text === "") throw new InvalidArgumentError("No name given.");
  return text;
}

export function parseSeed(text: string): number {
  const seed = Number(text);
  if (!/^[0-9]+$/.test(text) || seed > HIGHEST_SEED) {
    throw new InvalidArgumentError(`a seed is a whole number from 0 to ${HIGHEST_SEED}.`);
  }
  return seed;
}
