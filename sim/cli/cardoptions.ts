// The options that make a simulated card, the same for every command that uses one.

import type { Command } from "commander";
import { parseName, parseSeed } from "./options.js";

/** Adds them to a command. */
export function withCardOptions(command: Command): Command {
  return command
    .option("--flash <file>", "keep the card's flash in FILE (made blank if missing)", parseName)
    .option("--demo", "personalize a blank card as the demo card (PIN 4071)")
    .option("--seed <n>", "make the random source repeatable", parseSeed)
    .option("--pty <link>", "put the card's serial line on a pseudo-terminal, linked at LINK", parseName)
    .option("--record <file>", "write the session as a command file that `run` replays (it holds the PIN)", parseName);
}
