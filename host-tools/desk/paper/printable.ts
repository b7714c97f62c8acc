// Decides which texts can be printed; names and addresses come from files and people.

import { PaperError } from "./errors.js";

/** Characters that are invisible, or change how others are shown. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
/** The blocks of scripts that are written from right to left (Unicode: default bidirectional class R or AL). */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Names of scripts that a font may lack. */
const SCRIPTS: readonly [name: string, letters: RegExp][] = [
  ["Latin", /\p{Script=Latin}/u],
  ["Cyrillic", /\p{Script=Cyrillic}/u],
  ["Greek", /\p{Script=Greek}/u],
  ["Japanese or Chinese", /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}]/u],
  ["Korean", /\p{Script=Hangul}/u],
  ["Arabic", /\p{Script=Arabic}/u],
  ["Hebrew", /\p{Script=Hebrew}/u],
  ["Thai", /\p{Script=Thai}/u],
  ["Georgian", /\p{Script=Georgian}/u],
  ["Armenian", /\p{Script=Armenian}/u],
  ["Devanagari", /\p{Script=Devanagari}/u],
];

/** Text in which each character is a separate cluster. */
const PLAIN = /^[ -~]*$/;
const CLUSTERS = new Intl.Segmenter("und", { granularity: "grapheme" });

/** Splits a text into what a reader takes for single characters. */
export function clustersOf(text: string): string[] {
  // The segmenter is slow, and a plain text needs none.
  if (PLAIN.test(text)) return [...text];
  return Array.from(CLUSTERS.segment(text), ({ segment }) => segment);
}

/**
 * The text in the form in which it is printed. Letters and their marks are composed, since fonts have more composed
 * glyphs. A character without marks stays as it is, since NFC changes the shape of some kanji in names. Throws a
 * PaperError if no font can print the text; the message begins with `what`: whose name or address it is.
 */
export function printable(text: string, what: string): string {
  const composed = clustersOf(text)
    .map((cluster) => ([...cluster].length > 1 ? cluster.normalize("NFC") : cluster))
    .join("");
  const invisible = INVISIBLE.exec(composed)?.[0];
  if (invisible !== undefined)
    throw new PaperError(`${what} has an invisible character (${codeOf(invisible)}); remove it`);
  const turned = RIGHT_TO_LEFT.exec(composed)?.[0];
  if (turned !== undefined)
    throw new PaperError(
      `${what} has ${named(turned)}: right-to-left text cannot be printed; spell it in another script`,
    );
  return composed;
}

/** A character in words: itself, its code point and its script. */
export function named(character: string): string {
  const script = SCRIPTS.find(([, letters]) => letters.test(character))?.[0];
  return `"${character}" (${[...(script ? [script] : []), codeOf(character)].join(", ")})`;
}

function codeOf(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `U+${code.padStart(4, "0")}`;
}
