// Texts from outside, such as file names, for formats that do not allow control characters.

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Escapes control characters and lone surrogates, except those in `kept`. */
export function visible(text: string, kept = ""): string {
  return text.replace(/[\p{Cc}\p{Cs}\u2028\u2029\ufeff\ufffe\uffff]/gu, (char) => {
    if (kept.includes(char)) return char;
    return NAMED[char] ?? escaped(char);
  });
}

/** A character in the escape syntax of JavaScript, JSON and YAML. */
export function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
