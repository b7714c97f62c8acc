// The last line: which pane has the focus, what the keys do there, and notes of the calling program.

import type { Canvas, Rect } from "./canvas.js";
import { theme } from "./theme.js";

/** The most important first: hints that do not fit beside the notes are left out. */
const CARD_KEYS = ["? help", "q quit", "Tab login", "P hold PRESS", "Enter OK", "h help desk", "s picture"];
/** For a card whose time and battery this program controls. */
const SIMULATOR_KEYS = ["f fast", "b battery", ": command", "k keep", "l load"];
const LOGIN_KEYS = ["F1 help", "Ctrl-C quit", "Tab card", "Enter next", "Esc start over"];
const DESK_KEYS = ["F1 help", "Ctrl-C quit", "Tab card", "Enter unlock code", "Esc start over"];
const GAP = 2;
/** The first two hints always have room. */
const LEAST = 22;

/** The part that has the focus. */
export type Focus = "card" | "login" | "desk";

/** What decides the effect of the keys. */
export interface Keyboard {
  readonly focus: Focus;
  /** Whether the demo site and its help desk are shown beside the card. */
  readonly site: boolean;
  /** Whether the card's time passes by itself. */
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

function hints({ focus, site, live }: Keyboard): string[] {
  if (focus === "login") return LOGIN_KEYS;
  if (focus === "desk") return DESK_KEYS;
  const keys = live ? CARD_KEYS : [...CARD_KEYS, ...SIMULATOR_KEYS];
  return site ? keys : keys.filter((hint) => !/^(Tab|h) /.test(hint));
}
