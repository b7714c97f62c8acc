// The last line: where the keys go, what they do there, and what the program that started us wants said.

import type { Canvas, Rect } from "./canvas.js";
import { theme } from "./theme.js";

const CARD_KEYS = ["? help", "Tab login", "f fast", "b battery", "q quit"];
const LOGIN_KEYS = ["F1 help", "Tab card", "Esc start over", "Ctrl-C quit"];

/** Whether there is a login pane, and whether it has the keys. */
export type LoginFocus = "none" | "beside" | "focused";

/** Draws the line. */
export function drawLine(canvas: Canvas, area: Rect, login: LoginFocus, notes: string): void {
  canvas.fill(area, theme.bar);
  let x = area.x + 1;
  for (const hint of hints(login)) {
    canvas.put(x, area.y, hint, theme.bar);
    canvas.put(x, area.y, hint.slice(0, hint.indexOf(" ")), theme.barKey);
    x += hint.length + 2;
  }
  const text = notes.slice(0, Math.max(0, area.width - x - 1));
  canvas.put(area.x + area.width - 1 - text.length, area.y, text, theme.bar);
}

function hints(login: LoginFocus): string[] {
  if (login === "focused") return LOGIN_KEYS;
  return login === "none" ? CARD_KEYS.filter((hint) => !hint.startsWith("Tab")) : CARD_KEYS;
}
