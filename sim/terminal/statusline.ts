// The last line: where the keys go, what they do there, and what the program that started us wants said.

import type { Canvas, Rect } from "./canvas.js";
import { theme } from "./theme.js";

/** The most important first: what has no room beside the notes is left out. */
const CARD_KEYS = ["? help", "q quit", "Tab login", "P hold PRESS", "Enter OK"];
/** For a card whose time and battery are ours. */
const SIMULATOR_KEYS = ["f fast", "b battery"];
const LOGIN_KEYS = ["F1 help", "Ctrl-C quit", "Tab card", "Enter next", "Esc start over"];
const GAP = 2;
/** The first two hints always have room. */
const LEAST = 22;

/** Whether there is a login pane, and whether it has the keys. */
export type LoginFocus = "none" | "beside" | "focused";

/** What the keys can do. */
export interface Keyboard {
  readonly login: LoginFocus;
  /** The card's time passes by itself. */
  readonly live: boolean;
}

/** Draws the line. */
export function drawLine(canvas: Canvas, area: Rect, keyboard: Keyboard, notes: string): void {
  canvas.fill(area, theme.bar);
  const text = notes.slice(0, area.width - LEAST);
  const end = area.x + area.width - 1 - text.length;
  canvas.put(end, area.y, text, theme.bar);
  let x = area.x + 1;
  for (const hint of hints(keyboard)) {
    if (x + hint.length + GAP > end) return;
    canvas.put(x, area.y, hint, theme.bar);
    canvas.put(x, area.y, hint.slice(0, hint.indexOf(" ")), theme.barKey);
    x += hint.length + GAP;
  }
}

function hints({ login, live }: Keyboard): string[] {
  if (login === "focused") return LOGIN_KEYS;
  const keys = live ? CARD_KEYS : [...CARD_KEYS, ...SIMULATOR_KEYS];
  return login === "none" ? keys.filter((hint) => !hint.startsWith("Tab")) : keys;
}
