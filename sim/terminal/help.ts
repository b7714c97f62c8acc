// The help: over everything else on request, and below the card if there is room.

import { DEMO } from "../session/demo.js";
import type { Canvas, Rect } from "./canvas.js";
import { CAN_SUSPEND } from "./suspension.js";
import { theme } from "./theme.js";

const KEYS = `
The card's keys
  0-9       that digit            Enter   OK
  p         PRESS                 P       hold PRESS
  O         hold OK               mouse   press or hold a button
  Esc       forget the keys that are still to be pressed
`;
const SIMULATOR = `
The simulator
  Tab  h    to the login pane and back; to the help desk
  f  b      fast forward; battery 3000, 2300 (low), 2000 mV, none
  k  l      keep the whole card in memory; bring it back
  s  :      a picture of the card; a command of the language
  ?  q      this help (F1 everywhere); quit (Ctrl-C everywhere)
${suspending("the card's time stands still")}`;
/** A board has its own time and battery. */
const FRONT_PANEL = `
The front panel of a card on a serial port, in real time
  Tab  h    to the login pane and back; to the help desk
  s         save a picture of the card
  ?  q      this help (F1 everywhere); quit: the card stays as it is
${suspending("the card's time goes on")}  The login pane and the help desk know the demo card's keys only.
`;
const LOGIN = `
A login with the demo card (its PIN is ${DEMO.pin})
  Tab. Sign in as demo with password demo: a challenge. Tab.
  Hold PRESS until PIN> shows. The PIN, OK; the challenge, OK: the
  response. Tab. Type the response, Enter.
  Locked? OK shows the lock code; h, the help desk, has the answer.

Any key closes this.`;

const WIDTH = 72;
const INDENT = 3;

function suspending(meanwhile: string): string {
  return CAN_SUSPEND ? `  Ctrl-Z    suspend, until fg; ${meanwhile}\n` : "";
}

/** Draws the help in the middle. `live`: the card's time passes by itself. */
export function drawHelp(canvas: Canvas, live: boolean): void {
  const text = (keysFor(live) + LOGIN).split("\n");
  const height = text.length + 2;
  const area: Rect = {
    x: Math.floor((canvas.width - WIDTH) / 2),
    y: Math.max(0, Math.floor((canvas.height - height) / 2)),
    width: WIDTH,
    height,
  };
  canvas.fill(area, theme.help);
  canvas.frame(area, "Help", theme.helpTitle, true);
  write(canvas, area, text, theme.help, theme.helpTitle);
}

/** Draws the list of keys in a pane. */
export function drawKeys(canvas: Canvas, area: Rect, live: boolean): void {
  canvas.frame(area, "Keys", theme.frame, false);
  write(canvas, area, keysFor(live).trimEnd().split("\n"), theme.faint, theme.strong);
}

function keysFor(live: boolean): string {
  return KEYS + (live ? FRONT_PANEL : SIMULATOR);
}

function write(canvas: Canvas, area: Rect, text: readonly string[], plain: object, heading: object): void {
  text.slice(0, area.height - 2).forEach((line, row) => {
    const title = line !== "" && !line.startsWith(" ");
    canvas.put(area.x + INDENT, area.y + 1 + row, line.slice(0, area.width - INDENT - 1), title ? heading : plain);
  });
}
