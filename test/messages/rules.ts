// The rules for messages to users. Each can fail: messages.test.ts shows a text that breaks it.

/** A rule, and whether a text breaks it. */
export interface Rule {
  readonly says: string;
  readonly isBroken: (text: string) => boolean;
}

/** Names that keep their capital letter at the beginning of a message. */
const NAMES = /^(Host|Nextcloud|Windows|Content-Length)\b/;
/** A lower-case word, an option, a value, a file name with a dash, or a name in capitals such as PIN. */
const BEGINNING = /^(?:[a-z0-9(…"]|-|[A-Z][A-Za-z0-9+]*[A-Z])/;

export const RULES: readonly Rule[] = [
  {
    says: "it begins in lower case: the program's name stands before it",
    isBroken: (text) => !BEGINNING.test(text) && !NAMES.test(text),
  },
  { says: "it ends without a period or an exclamation mark", isBroken: (text) => /[.!]\s*$/.test(text) },
  { says: "it is one line", isBroken: (text) => /[\r\n]/.test(text.replace(/\n$/, "")) },
  { says: "it does not say please or sorry", isBroken: (text) => /\b(please|sorry)\b/i.test(text) },
  {
    says: "after `invalid` it says what to do",
    isBroken: (text) => /\binvalid\b/i.test(text) && !/[;:] |expected/.test(text),
  },
  { says: "it has no two blanks in a row, and none at its ends", isBroken: (text) => /^ |\S {2}\S| $/.test(text) },
];
