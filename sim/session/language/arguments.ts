// The arguments of commands: each describes itself and parses its text.

import { Limit, State } from "../../../firmware/wire.js";
import { fromHex } from "../../../host-tools/files/hex.js";
import { KEYS, type KeyName } from "../../core/card.js";

/** A line is wrong, or cannot be carried out now. The card was not touched. */
export class LineError extends Error {
  override name = "LineError";
}

/** An argument of a command. `read` throws a LineError if the text does not fit. */
export interface Argument<T> {
  /** Its name in the help. */
  readonly name: string;
  /** A description of valid values. */
  readonly is: string;
  /** The possible values, if limited. */
  readonly choices?: readonly string[];
  readonly optional?: true;
  /** Takes all words that the other arguments leave. */
  readonly greedy?: true;
  read(text: string): T;
}

/** The values of a list of arguments. */
export type Values<A extends readonly Argument<unknown>[]> = {
  [I in keyof A]: A[I] extends Argument<infer T> ? T : never;
};

const HIGHEST_NUMBER = 1_000_000_000;
const HEX = /^([0-9a-fA-F]{2})+$/;

/** One word that a test accepts, returned unchanged. */
function word(name: string, is: string, accepts: (text: string) => boolean): Argument<string> {
  return {
    name,
    is,
    read: (text) => {
      if (!accepts(text)) throw new LineError(is);
      return text;
    },
  };
}

function oneOf<T extends string>(name: string, choices: readonly T[], is = choices.join(" or ")): Argument<T> {
  const isChoice = (text: string): text is T => (choices as readonly string[]).includes(text);
  return {
    name,
    is,
    choices,
    read: (text) => {
      if (!isChoice(text)) throw new LineError(`${name} is ${is}`);
      return text;
    },
  };
}

function wholeNumber(name: string, least: number, most: number): Argument<number> {
  const is = `a whole number from ${least} to ${most}`;
  return {
    name,
    is,
    read: (text) => {
      const value = Number(text);
      if (!/^[0-9]+$/.test(text) || value < least || value > most) throw new LineError(`${name} is ${is}`);
      return value;
    },
  };
}

function bytes(name: string, is: string, least: number, most: number): Argument<Uint8Array> {
  return {
    name,
    is,
    read: (text) => {
      const hex = text.replace(/\s+/g, "");
      const size = hex.length / 2;
      if (!HEX.test(hex) || size < least || size > most) throw new LineError(`${name} is ${is}`);
      return fromHex(hex);
    },
  };
}

/** An argument that may be left out. */
export function optional<T>(argument: Argument<T>): Argument<T | undefined> {
  return { ...argument, optional: true };
}

/** An argument of any number of words. */
export function greedy<T>(argument: Argument<T>): Argument<T> {
  return { ...argument, greedy: true };
}

export const key: Argument<KeyName> = oneOf("KEY", KEYS, "press, ok or a digit");
export const milliseconds = wholeNumber("MS", 0, HIGHEST_NUMBER);
export const count = wholeNumber("N", 1, HIGHEST_NUMBER);
export const millivolts = wholeNumber("MV", 0, 5000);
export const seed = wholeNumber("N", 0, 0xffffffff);
export const digits = word("DIGITS", "digits, with nothing between them", (text) => /^[0-9]+$/.test(text));
export const challenge = word("CHALLENGE", "six digits", (text) => /^[0-9]{6}$/.test(text));
export const name = word("NAME", "one name", () => true);
export const file = greedy(word("FILE", "the name of a flash file", () => true));
export const cutMode = oneOf("HOW", ["clean", "torn"] as const);
export const randomness = oneOf("HOW", ["fails", "works"] as const);
const STATES = Object.values(State).filter((value): value is string => typeof value === "string");
export const stateName = oneOf("NAME", STATES, `one of the states ${STATES.join(", ")}`);
export const serialBytes = greedy(bytes("HEX", "bytes in hex, two digits each", 1, Number.POSITIVE_INFINITY));
export const tokenKey = bytes(
  "HEX",
  `${Limit.SHORTEST_KEY} to ${Limit.LONGEST_KEY} bytes in hex`,
  Limit.SHORTEST_KEY,
  Limit.LONGEST_KEY,
);
export const unlockKey = bytes("UNLOCKHEX", `${Limit.UNLOCK_KEY} bytes in hex`, Limit.UNLOCK_KEY, Limit.UNLOCK_KEY);
