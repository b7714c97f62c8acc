// Draws the card: its screen in large segments and its twelve buttons.

import type { KeyName } from "../core/card.js";
import type { Subject } from "../session/subject.js";
import { type Canvas, inside, type Rect, type Style } from "./canvas.js";
import { GLYPH_HEIGHT, segments } from "./segments.js";
import { theme } from "./theme.js";

const COLUMNS = 8;
const SCREEN_WIDTH = 49;
const EDGE = "-".repeat(SCREEN_WIDTH);
/** Where the screen and the buttons are on the card. */
const MARGIN = 2;
const SCREEN_TOP = 1;
const BUTTONS_TOP = SCREEN_TOP + GLYPH_HEIGHT + 3;
const BUTTON_WIDTH = 15;
const BUTTON_GAP = 2;

const ROWS: readonly (readonly KeyName[])[] = [
  ["1", "2", "3"],
  ["4", "5", "6"],
  ["7", "8", "9"],
  ["press", "0", "ok"],
];
const LABELS: Partial<Record<KeyName, string>> = { press: "PRESS", ok: "OK" };

/** What the card looks like beyond what it shows. */
export interface CardLook {
  /** It gets the keys. */
  readonly focused: boolean;
  /** There is room for large buttons. */
  readonly tall: boolean;
  /** The key whose contact is closed. */
  readonly down: KeyName | undefined;
}

/** Draws the card. */
export function drawCard(canvas: Canvas, area: Rect, card: Subject, look: CardLook): void {
  canvas.fill(area, theme.body);
  canvas.frame(area, "Digital Security Card+", look.focused ? theme.focusedCardFrame : theme.cardFrame, look.focused);
  drawScreen(canvas, area.x + MARGIN, area.y + SCREEN_TOP, card);
  for (const key of ROWS.flat()) drawButton(canvas, button(area, look.tall, key), key, key === look.down);
}

/** The key at a cell of the terminal. */
export function keyAt(area: Rect, tall: boolean, x: number, y: number): KeyName | undefined {
  return ROWS.flat().find((key) => inside(button(area, tall, key), x, y));
}

/** The segments, and the same text in the lower edge, where it can be copied. */
function drawScreen(canvas: Canvas, x: number, y: number, card: Subject): void {
  const style = card.on ? theme.screenOn : theme.screenOff;
  const height = GLYPH_HEIGHT + 2;
  canvas.fill({ x, y, width: SCREEN_WIDTH, height }, style);
  canvas.put(x, y, EDGE, style);
  canvas.put(x, y + height - 1, EDGE, style);
  const lines = segments(card.display.padEnd(COLUMNS));
  lines.forEach((line, row) => {
    canvas.put(x + 1, y + 1 + row, line, style);
  });
  const text = card.display ? `[ ${card.display} ]` : "";
  canvas.put(x + SCREEN_WIDTH - 2 - text.length, y + height - 1, text, style);
}

function drawButton(canvas: Canvas, area: Rect, key: KeyName, lit: boolean): void {
  const style = lit ? theme.litKey : styleOf(key);
  const label = LABELS[key] ?? key;
  const text = lit ? `> ${label} <` : label;
  canvas.fill(area, style);
  if (area.height > 1) canvas.frame(area, "", style, false);
  const middle = area.y + Math.floor(area.height / 2);
  canvas.put(area.x, middle, "[", style);
  canvas.put(area.x + area.width - 1, middle, "]", style);
  canvas.put(area.x + Math.floor((area.width - text.length) / 2), middle, text, style);
}

function styleOf(key: KeyName): Style {
  if (key === "press") return theme.pressKey;
  return key === "ok" ? theme.okKey : theme.key;
}

function button(area: Rect, tall: boolean, key: KeyName): Rect {
  const row = ROWS.findIndex((keys) => keys.includes(key));
  const column = (ROWS[row] as readonly KeyName[]).indexOf(key);
  return {
    x: area.x + MARGIN + column * (BUTTON_WIDTH + BUTTON_GAP),
    y: area.y + BUTTONS_TOP + row * (tall ? 4 : 2),
    width: BUTTON_WIDTH,
    height: tall ? 3 : 1,
  };
}
