// The languages of letters, from which a user name's language is chosen.

import { PaperError } from "./errors.js";

export const LANGUAGES = ["EN", "RU", "FR", "DE", "JA"] as const;
export type Language = (typeof LANGUAGES)[number];

/** The language with this code, in upper or lower case. Throws a PaperError if there is none. */
export function checkLanguage(text: string): Language {
  const language = LANGUAGES.find((each) => each === text.toUpperCase());
  if (language) return language;
  throw new PaperError(`unknown language of letters ${JSON.stringify(text)}; choose one of ${LANGUAGES.join(", ")}`);
}
