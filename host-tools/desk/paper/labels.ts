// Labels: the serial number of each card as text and as Code 128, the user name, and the batch.
//
// The texts are as wide as the bars. No label contains a secret.

import { checkSerialNumber } from "../../card/serialnumber.js";
import { code128, QUIET_ZONE, type Symbol128 } from "./code128.js";
import { type Pages, pdfOf } from "./document.js";
import { PaperError } from "./errors.js";
import { Fonts } from "./fonts.js";
import { TEXTS } from "./lettertexts.js";
import type { PaperSettings } from "./papersettings.js";
import { type Cell, cellsOf, MM_PER_INCH, type Sheet, sheetOf } from "./sheets.js";

export interface Label {
  readonly serial: string;
  /** The user name. */
  readonly user?: string | undefined;
  /** The number of the batch. */
  readonly batch?: number | undefined;
}

type Settings = Pick<PaperSettings, "sheet" | "language" | "font">;

/** The largest width of a module, in mm: hand-held readers cannot read much wider symbols. */
const WIDEST_MODULE = 0.65;
/** Heights in mm. */
const HIGHEST_BARS = 18;
const LOWEST_BARS = 7;
const MARGIN = 2.5;
const GAP = 1.8;
/** The sizes of the serial number in points, and how they follow from the height of the label. */
const SMALLEST = 7.5;
const LARGEST = 14;
const SIZE_PER_MM = 0.29;
/** The size of user name and batch, relative to the serial number. */
const SMALL = 0.78;
const MM_PER_POINT = MM_PER_INCH / 72;
const LEADING = 1.3;
/** The height of digits and capitals, relative to the font size. */
const CAPITALS = 0.7;
const DESCENDERS = 0.25;
const MOST_LINES = 4;
const GREY = "#555555";

/** A PDF of labels, in the order of the input. Throws a PaperError if one cannot be printed. */
export async function labelsPdf(
  labels: Iterable<Label> | AsyncIterable<Label>,
  settings: Settings,
): Promise<Uint8Array> {
  const sheet = sheetOf(settings.sheet);
  const fonts = await Fonts.open(settings.font);
  const symbolOf = await code128();
  const cells = cellsOf(sheet);
  const texts = TEXTS[settings.language];
  return pdfOf(texts.labels, settings.language, fonts, async (pages) => {
    let count = 0;
    for await (const { serial, user, batch } of labels) {
      const cell = cells[count % cells.length] as Cell;
      if (count++ % cells.length === 0) pages.add(sheet.page.width, sheet.page.height);
      const name = user === undefined ? "" : fonts.checked(user, `${serial}: the user name`);
      const number = batch === undefined ? "" : `${texts.batch} ${batch}`;
      draw(pages, sheet, cell, { serial, name, number, symbol: symbolOf(checkSerialNumber(serial)) });
    }
    if (count === 0) throw new PaperError("there are no labels to print");
  });
}

/** The contents of a label. */
interface Content {
  readonly serial: string;
  readonly name: string;
  readonly number: string;
  readonly symbol: Symbol128;
}

function draw(pages: Pages, sheet: Sheet, cell: Cell, { serial, name, number, symbol }: Content): void {
  const size = Math.min(LARGEST, Math.max(SMALLEST, cell.height * SIZE_PER_MM));
  const [large, small, faint] = [
    { size, weight: "bold" },
    { size: size * SMALL },
    { size: size * SMALL, color: GREY },
  ] as const;
  const dot = MM_PER_INCH / sheet.dotsPerInch;
  const module = moduleOf(cell.width, symbol.width, dot);
  const width = symbol.width * module;
  const left = Math.round((cell.x + (cell.width - width) / 2) / dot) * dot;

  const leading = small.size * LEADING * MM_PER_POINT;
  const digits = size * CAPITALS * MM_PER_POINT;
  const room = cell.height - 2 * MARGIN - GAP - digits;
  const most = Math.min(MOST_LINES, Math.floor((room - GAP - LOWEST_BARS) / leading));
  const lines = pages.cutTo(name, width, Math.max(1, most), small);
  const above = lines.length === 0 ? 0 : lines.length * leading + GAP;
  const bars = Math.min(HIGHEST_BARS, room - above);

  const top = cell.y + (cell.height - (above + bars + GAP + digits)) / 2;
  for (const [index, line] of lines.entries())
    pages.line(line, left, top + (index + 1) * leading - small.size * DESCENDERS * MM_PER_POINT, small);
  for (const bar of symbol.bars) pages.bar(left + bar.at * module, top + above, bar.width * module, bars);
  const bottom = top + above + bars + GAP + digits;
  pages.line(serial, left, bottom, large);
  pages.line(number, left + width - pages.widthOf(number, faint), bottom, faint);
}

/** The width of a module in mm: a whole number of printer dots, as many as label and quiet zones allow. */
function moduleOf(width: number, modules: number, dot: number): number {
  const most = Math.min(WIDEST_MODULE, width / (modules + 2 * QUIET_ZONE));
  return Math.floor(most / dot) * dot;
}
