// Parses values of options.

import { InvalidArgumentError } from "commander";

/** The highest seed; the lowest is 0. */
export const HIGHEST_SEED = 0xffffffff;

/** The name of a file. */
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
