// The languages of letters: those that a user name may have.

import { PaperError } from "./errors.js";

export const LANGUAGES = ["EN", "RU", "FR", "DE", "JA"] as const;
export type Language = (typeof LANGUAGES)[number];

/** The language that a text names, in capitals or not. Throws a PaperError where it names none. */
export function checkLanguage(text: string): Language {
  const language = LANGUAGES.find((each) => each === text.toUpperCase());
  if (language) return language;
  throw new PaperError(`there are no letters in ${JSON.stringify(text)}; there are ${LANGUAGES.join(", ")}`);
}
