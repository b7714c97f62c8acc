// The paper of PIN letters, and where it is folded. All lengths are in mm.

import { PaperError } from "./errors.js";
import { MM_PER_INCH } from "./sheets.js";

export interface LetterPaper {
  readonly width: number;
  readonly height: number;
  /** From the top edge. */
  readonly folds: readonly [first: number, second: number];
  /** The first line of the address, from the top edge: in the window of the envelope. */
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

/** The name of a paper, in capitals or not. Throws a PaperError where there is none such. */
export function checkLetterPaper(text: string): string {
  const names = Object.keys(PAPERS);
  const name = names.find((each) => each.toLowerCase() === text.toLowerCase());
  if (name !== undefined) return name;
  throw new PaperError(`there is no paper ${JSON.stringify(text)} for letters; there are ${names.join(", ")}`);
}

/** The paper of a name that was checked. */
export function letterPaperOf(name: string): LetterPaper {
  return PAPERS[checkLetterPaper(name)] as LetterPaper;
}
