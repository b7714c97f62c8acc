// Draws the card: its screen in large segments and its twelve buttons.

import type { KeyName } from "../core/card.js";
import type { Subject } from "../core/subject.js";
import { type Canvas, inside, type Rect, type Style } from "./canvas.js";
import { type GlyphSize, glyphWidth, segments } from "./segments.js";
import { theme } from "./theme.js";

const COLUMNS = 8;
/** The positions of the screen and the buttons on the card. */
const MARGIN = 2;
const SCREEN_TOP = 1;
const BUTTON_GAP = 2;
/** The lines above and below the screen's characters. */
const EDGES = 2;

const ROWS: readonly (readonly KeyName[])[] = [
  ["1", "2", "3"],
  ["4", "5", "6"],
  ["7", "8", "9"],
  ["press", "0", "ok"],
];
const LABELS: Partial<Record<KeyName, string>> = { press: "PRESS", ok: "OK" };

/** The size of the drawing. */
export interface CardSize {
  readonly glyph: GlyphSize;
  /** Three rows for each button instead of one. */
  readonly tall: boolean;
}

/** The look of the card besides its screen. */
export interface CardLook extends CardSize {
  /** Whether it has the focus. */
  readonly focused: boolean;
  /** The key whose contact is closed. */
  readonly down: KeyName | undefined;
}

/** Columns and rows of a card. */
export function cardExtent({ glyph, tall }: CardSize): { width: number; height: number } {
  return { width: screenWidth(glyph) + 2 * MARGIN, height: buttonsTop(glyph) + ROWS.length * buttonPitch(tall) };
}

/** Draws the card. */
export function drawCard(canvas: Canvas, area: Rect, card: Subject, look: CardLook): void {
  canvas.fill(area, theme.body);
  canvas.frame(area, "Digital Security Card+", look.focused ? theme.focusedCardFrame : theme.cardFrame, look.focused);
  drawScreen(canvas, area.x + MARGIN, area.y + SCREEN_TOP, card, look.glyph);
  for (const key of ROWS.flat()) drawButton(canvas, button(area, look, key), key, key === look.down);
}

/** The key at a cell of the terminal. */
export function keyAt(area: Rect, size: CardSize, x: number, y: number): KeyName | undefined {
  return ROWS.flat().find((key) => inside(button(area, size, key), x, y));
}

/** The segments, and the same text in the lower edge, where it can be copied. */
function drawScreen(canvas: Canvas, x: number, y: number, card: Subject, size: GlyphSize): void {
  const style = card.on ? theme.screenOn : theme.screenOff;
  const width = screenWidth(size);
  const height = glyphWidth(size) + EDGES;
  const edge = canvas.art.frame.across.repeat(width);
  canvas.fill({ x, y, width, height }, style);
  canvas.put(x, y, edge, style);
  canvas.put(x, y + height - 1, edge, style);
  const lines = segments(card.display.padEnd(COLUMNS), size, canvas.art.glyph);
  lines.forEach((line, row) => {
    canvas.put(x + 1, y + 1 + row, line, style);
  });
  const text = card.display ? `[ ${card.display} ]` : "";
  canvas.put(x + width - 2 - text.length, y + height - 1, text, style);
}

/** The characters with a blank between them, and one at each end. */
function screenWidth(size: GlyphSize): number {
  return COLUMNS * (glyphWidth(size) + 1) + 1;
}

function buttonsTop(size: GlyphSize): number {
  return SCREEN_TOP + glyphWidth(size) + EDGES + 1;
}

function buttonPitch(tall: boolean): number {
  return tall ? 4 : 2;
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

function button(area: Rect, { glyph, tall }: CardSize, key: KeyName): Rect {
  const row = ROWS.findIndex((keys) => keys.includes(key));
  const keys = ROWS[row] as readonly KeyName[];
  const width = Math.floor((screenWidth(glyph) - (keys.length - 1) * BUTTON_GAP) / keys.length);
  return {
    x: area.x + MARGIN + keys.indexOf(key) * (width + BUTTON_GAP),
    y: area.y + buttonsTop(glyph) + row * buttonPitch(tall),
    width,
    height: tall ? 3 : 1,
  };
}
