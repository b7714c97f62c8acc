// Progress bars on a terminal.

import { SingleBar } from "cli-progress";
import { isScreen } from "../files/commandline.js";

const LONGEST_BAR = 40;
/** The shortest useful bar. */
const SHORTEST_BAR = 5;
/** The bar's brackets and the blank after it. */
const AROUND_BAR = 3;

/**
 * Starts a bar on stderr, followed by a text of at most `longest` columns; undefined without a terminal that can show
 * one.
 */
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

/** Text and bar for this many columns; on a narrow terminal the bar is left out. */
export function layout(text: string, longest: number, columns = 80): { format: string; barsize: number } {
  const barsize = Math.min(LONGEST_BAR, columns - longest - AROUND_BAR);
  return barsize < SHORTEST_BAR ? { format: text, barsize: 0 } : { format: `[{bar}] ${text}`, barsize };
}
