// Bars that show on a terminal how far something is.

import { SingleBar } from "cli-progress";
import { isScreen } from "../files/commandline.js";

const LONGEST_BAR = 40;
/** A shorter one shows nothing. */
const SHORTEST_BAR = 5;
/** The bar's brackets and the blank after it. */
const AROUND_BAR = 3;

/** A bar on stderr, begun, and after it a text of at most `longest` columns; nothing without a terminal that can show one. */
export function startBar(text: string, longest: number, total: number, values: object): SingleBar | undefined {
  if (!isScreen(process.stderr)) return undefined;
  const bar = new SingleBar({
    ...layout(text, longest, process.stderr.columns),
    clearOnComplete: true,
    stopOnComplete: false,
  });
  bar.start(total, 0, values);
  return bar;
}

/** Text and bar for so many columns: what a narrow terminal has no room for is the bar. */
export function layout(text: string, longest: number, columns = 80): { format: string; barsize: number } {
  const barsize = Math.min(LONGEST_BAR, columns - longest - AROUND_BAR);
  return barsize < SHORTEST_BAR ? { format: text, barsize: 0 } : { format: `[{bar}] ${text}`, barsize };
}
