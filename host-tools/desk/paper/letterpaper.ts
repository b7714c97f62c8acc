// The paper of PIN letters, and where it is folded. All lengths are in mm.

import { PaperError } from "./errors.js";
import { MM_PER_INCH } from "./sheets.js";

export interface LetterPaper {
  readonly width: number;
  readonly height: number;
  /** Distances from the top edge. */
  readonly folds: readonly [first: number, second: number];
  /** The first line of the address, from the top edge; it shows in the window of the envelope. */
  readonly address: number;
}

/** A4 as in DIN 5008, form B, for envelopes DL and C5/6; US Letter in three equal parts, for envelopes No. 10. */
export const PAPERS: Readonly<Record<string, LetterPaper>> = {
  A4: { width: 210, height: 297, folds: [105, 210], address: 66.5 },
  Letter: {
    width: 8.5 * MM_PER_INCH,
    height: 11 * MM_PER_INCH,
    folds: [(11 / 3) * MM_PER_INCH, (22 / 3) * MM_PER_INCH],
    address: 56,
  },
};

/** The name of a paper, in upper or lower case. Throws a PaperError if there is no such paper. */
export function checkLetterPaper(text: string): string {
  const names = Object.keys(PAPERS);
  const name = names.find((each) => each.toLowerCase() === text.toLowerCase());
  if (name !== undefined) return name;
  throw new PaperError(`unknown paper ${JSON.stringify(text)} for letters; choose one of ${names.join(", ")}`);
}

/** The paper with a name that was checked. */
export function letterPaperOf(name: string): LetterPaper {
  return PAPERS[checkLetterPaper(name)] as LetterPaper;
}
