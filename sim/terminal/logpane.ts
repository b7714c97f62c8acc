// The log pane: as many of the last entries as fit.

import { type EventLog, seconds } from "../common/eventlog.js";
import type { Canvas, Rect } from "./canvas.js";
import { theme } from "./theme.js";

const TIME_WIDTH = 9;

/** Draws the pane. */
export function drawLog(canvas: Canvas, area: Rect, log: EventLog): void {
  canvas.frame(area, "Log", theme.frame, false);
  const width = area.width - 4;
  log.last(area.height - 2).forEach((entry, row) => {
    const text = entry.count > 1 ? `${entry.text} x${entry.count}` : entry.text;
    const y = area.y + 1 + row;
    canvas.put(area.x + 2, y, seconds(entry.time, 3).padStart(TIME_WIDTH), theme.faint);
    canvas.put(area.x + 2 + TIME_WIDTH + 2, y, text.slice(0, width - TIME_WIDTH - 2), theme.text);
  });
}
