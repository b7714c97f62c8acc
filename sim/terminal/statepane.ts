// The state pane: the card's state for testers, without any digit of its screen.

import type { Subject } from "../core/subject.js";
import type { Canvas, Rect, Style } from "./canvas.js";
import { theme } from "./theme.js";

const LABEL_WIDTH = 10;
const MARGIN = 2;
const LOW_BATTERY = 2400;
/** Shown for what the card does not report. */
const UNKNOWN = "-";

/** The files and lines that this program opened for the card. */
export interface Surroundings {
  /** The file that records the session. */
  readonly record?: string | undefined;
  /** The link to the pseudo-terminal with the card's serial line, or the card's port. */
  readonly line?: string | undefined;
  /** The file that keeps the card's flash. */
  readonly flash?: string | undefined;
}

/** Draws the pane; `speed` is the speed of the card's time. */
export function drawState(canvas: Canvas, area: Rect, card: Subject, around: Surroundings, speed: number): void {
  canvas.frame(area, "State", theme.frame, false);
  const width = area.width - 2 * MARGIN - LABEL_WIDTH;
  // The most important first, since the pane may be short.
  const rows: Line[] = [...lines(card, speed), ...files(around, width), ["Erases", erases(card)]];
  rows.slice(0, area.height - 2).forEach(([label, value, style], row) => {
    canvas.put(area.x + MARGIN, area.y + 1 + row, label, theme.faint);
    canvas.put(area.x + MARGIN + LABEL_WIDTH, area.y + 1 + row, value, style ?? theme.text);
  });
}

type Line = readonly [label: string, value: string, style?: Style];

function lines(card: Subject, speed: number): Line[] {
  const time = `${Math.floor(card.time / 1000)} s`;
  return [
    ["Power", card.on ? "on" : "off", card.on ? theme.good : theme.text],
    ["State", card.state, theme.strong],
    ["Tries", card.tries === undefined ? UNKNOWN : `${card.tries} left`],
    ["Battery", ...battery(card.battery)],
    ["Flash", flash(card)],
    ["Time", speed > 1 ? `${time}, x${speed}` : time, speed > 1 ? theme.focusedFrame : theme.text],
  ];
}

function flash({ flash }: Subject): string {
  return flash ? `${flash.operations} ops` : UNKNOWN;
}

function erases({ flash }: Subject): string {
  return flash?.erases.join(" ") ?? UNKNOWN;
}

function files({ record, line, flash }: Surroundings, width: number): Line[] {
  const named: [string, string | undefined][] = [
    ["Record", record],
    ["Line", line],
    ["File", flash],
  ];
  return named.flatMap(([label, name]) => (name === undefined ? [] : [[label, end(name, width)] as const]));
}

/** The end of a name, which says more than its beginning. */
function end(name: string, width: number): string {
  const plain = name.replace(/[^ -~]/g, "?");
  return plain.length <= width ? plain : `..${plain.slice(plain.length - width + 2)}`;
}

function battery(millivolts: number | undefined): [string, Style] {
  if (millivolts === undefined) return [UNKNOWN, theme.text];
  if (millivolts === 0) return ["none", theme.bad];
  return [`${millivolts} mV`, millivolts < LOW_BATTERY ? theme.bad : theme.text];
}
