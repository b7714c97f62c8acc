// The state pane: what a tester wants to know about the card, and no digit that it shows.

import type { Subject } from "../session/subject.js";
import type { Canvas, Rect, Style } from "./canvas.js";
import { theme } from "./theme.js";

const LABEL_WIDTH = 10;
const LOW_BATTERY = 2400;
/** What the card does not tell. */
const UNKNOWN = "-";

/** Draws the pane; `speed` is how fast the card's time runs. */
export function drawState(canvas: Canvas, area: Rect, card: Subject, speed: number): void {
  canvas.frame(area, "State", theme.frame, false);
  lines(card, speed).forEach(([label, value, style], row) => {
    canvas.put(area.x + 2, area.y + 1 + row, label, theme.faint);
    canvas.put(area.x + 2 + LABEL_WIDTH, area.y + 1 + row, value, style ?? theme.text);
  });
}

/** The card's time in seconds, as the log and the pane show it. */
export function seconds(ms: number, digits: number): string {
  return (ms / 1000).toFixed(digits);
}

function lines(card: Subject, speed: number): (readonly [string, string, Style?])[] {
  return [
    ["Power", card.on ? "on" : "off", card.on ? theme.good : theme.text],
    ["State", card.state, theme.strong],
    ["Tries", card.tries === undefined ? UNKNOWN : `${card.tries} left`],
    ["Battery", ...battery(card.battery)],
    ["Flash", card.flash ? `${card.flash.operations} ops` : UNKNOWN],
    ["Erases", card.flash?.erases.join(" ") ?? UNKNOWN],
    ["Time", `${seconds(card.time, 1)} s`],
    ["Speed", `x${speed}`, speed > 1 ? theme.focusedFrame : theme.text],
  ];
}

function battery(millivolts: number | undefined): [string, Style] {
  if (millivolts === undefined) return [UNKNOWN, theme.text];
  if (millivolts === 0) return ["none", theme.bad];
  return [`${millivolts} mV`, millivolts < LOW_BATTERY ? theme.bad : theme.text];
}
