// The common sheets and rolls of labels, and where each label lies on them. All lengths are in mm.
//
// The sizes are the makers'. The labels of all these sheets are centred on the page.

import { PaperError } from "./errors.js";

interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Cell extends Size {
  /** From the left edge and the top edge of the page. */
  readonly x: number;
  readonly y: number;
}

export interface Sheet {
  readonly page: Size;
  readonly label: Size;
  readonly columns: number;
  readonly rows: number;
  /** The gap between two columns; rows touch each other. */
  readonly gap: number;
  /** The resolution of the printer: bars are sharpest if their width is a whole number of dots. */
  readonly dotsPerInch: number;
}

export const MM_PER_INCH = 25.4;

const A4 = { width: 210, height: 297 };
const US_LETTER = { width: 8.5 * MM_PER_INCH, height: 11 * MM_PER_INCH };
const OFFICE_PRINTER = 300;
const LABEL_PRINTER = 203;

export const SHEETS: Readonly<Record<string, Sheet>> = {
  L7160: sheet(A4, 3, 7, { width: 63.5, height: 38.1 }, 2.5),
  L7163: sheet(A4, 2, 7, { width: 99.1, height: 38.1 }, 2.5),
  L7651: sheet(A4, 5, 13, { width: 38.1, height: 21.2 }, 2.5),
  "5160": sheet(US_LETTER, 3, 10, { width: 2.625 * MM_PER_INCH, height: MM_PER_INCH }, 0.125 * MM_PER_INCH),
  "5163": sheet(US_LETTER, 2, 5, { width: 4 * MM_PER_INCH, height: 2 * MM_PER_INCH }, 0.1875 * MM_PER_INCH),
  "62x29": roll({ width: 62, height: 29 }, OFFICE_PRINTER),
  "89x36": roll({ width: 89, height: 36 }, OFFICE_PRINTER),
  "4x6": roll({ width: 4 * MM_PER_INCH, height: 6 * MM_PER_INCH }, LABEL_PRINTER),
};

function sheet(page: Size, columns: number, rows: number, label: Size, gap: number): Sheet {
  return { page, label, columns, rows, gap, dotsPerInch: OFFICE_PRINTER };
}

/** A roll: each label is a page. */
function roll(label: Size, dotsPerInch: number): Sheet {
  return { page: label, label, columns: 1, rows: 1, gap: 0, dotsPerInch };
}

/** The name of a sheet, in upper or lower case. Throws a PaperError if there is no such sheet. */
export function checkSheet(text: string): string {
  const names = Object.keys(SHEETS);
  const name = names.find((each) => each.toLowerCase() === text.toLowerCase());
  if (name !== undefined) return name;
  throw new PaperError(`unknown sheet of labels ${JSON.stringify(text)}; choose one of ${names.join(", ")}`);
}

/** The sheet with a name that was checked. */
export function sheetOf(name: string): Sheet {
  return SHEETS[checkSheet(name)] as Sheet;
}

/** The positions of the labels on a page: row by row, each from left to right. */
export function cellsOf({ page, label, columns, rows, gap }: Sheet): Cell[] {
  const left = (page.width - columns * label.width - (columns - 1) * gap) / 2;
  const top = (page.height - rows * label.height) / 2;
  return Array.from({ length: rows * columns }, (_, at) => ({
    x: left + (at % columns) * (label.width + gap),
    y: top + Math.floor(at / columns) * label.height,
    ...label,
  }));
}
