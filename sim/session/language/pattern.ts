// A wanted text: the text itself, or a regular expression between slashes.

import { type Argument, greedy, LineError, optional } from "./arguments.js";

/** A wanted text, as it was written and as a test. */
export interface Pattern {
  readonly text: string;
  readonly isExpression: boolean;
  accepts(shown: string): boolean;
}

const BLANK = exactly("");

const pattern: Argument<Pattern> = {
  name: "TEXT",
  is: "the text itself, or /REGEX/",
  read: (text) => (text.startsWith("/") ? expression(text) : exactly(text)),
};

/** A required text. */
export const text: Argument<Pattern> = greedy(pattern);

/** An optional text; without one the screen must be blank. */
export const textOrNothing: Argument<Pattern> = {
  ...optional(text),
  read: (words) => (words === "" ? BLANK : pattern.read(words)),
};

/** The pattern of the text itself. */
export function exactly(text: string): Pattern {
  return { text, isExpression: false, accepts: (shown) => shown === text };
}

/** No display contains a slash, so a text that begins with one was meant as an expression. */
function expression(text: string): Pattern {
  const [, source] = /^\/(.+)\/$/s.exec(text) ?? [];
  if (source === undefined) {
    const first = "no pattern: a pattern is /REGEX/, with a slash at both ends and no flags behind it";
    throw new LineError(`${first}; a text that begins with a slash is written /^\\/…$/`);
  }
  try {
    const compiled = new RegExp(source);
    return { text, isExpression: true, accepts: (shown) => compiled.test(shown) };
  } catch {
    throw new LineError("no regular expression between the slashes");
  }
}
