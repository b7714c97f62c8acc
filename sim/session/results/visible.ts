// Texts from outside, such as the names of files, in formats that have no place for control characters.

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Control characters and halves of characters as escapes, all but those in `kept`. */
export function visible(text: string, kept = ""): string {
  return text.replace(/[\p{Cc}\p{Cs}\u2028\u2029\ufeff\ufffe\uffff]/gu, (char) => {
    if (kept.includes(char)) return char;
    return NAMED[char] ?? escaped(char);
  });
}

/** A character as JavaScript, JSON and YAML escape it. */
export function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
