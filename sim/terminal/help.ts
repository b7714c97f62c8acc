// The help, over everything else.

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
  Tab       the keys go to the login pane, and back to the card
  b         battery: 3000 mV, 2300 (low), 2000 (too low), none
  f         fast forward          q       quit (Ctrl-C everywhere)
  ?         this help (F1 everywhere)
${suspending("the card's time stands still")}`;
/** A board's time and battery are its own. */
const FRONT_PANEL = `
The front panel of a card on a serial port, in real time
  Tab       the keys go to the login pane, and back to the card
  ?         this help (F1 everywhere)
  q         quit (Ctrl-C everywhere); the card stays as it is
${suspending("the card's time goes on")}  The site of the login pane knows the demo card's key only.
`;
const LOGIN = `
A login
  1  Tab. Sign in as demo with password demo: a challenge.
  2  Tab. Hold PRESS until PIN> shows. The PIN, OK;
     the challenge, OK: the card shows the response.
  3  Tab. Type the response, Enter.

Any key closes this.`;

const WIDTH = 72;

function suspending(meanwhile: string): string {
  return CAN_SUSPEND ? `  Ctrl-Z    suspend, until fg; ${meanwhile}\n` : "";
}

/** Draws the help in the middle; `live`: for a card whose time passes by itself. */
export function drawHelp(canvas: Canvas, live: boolean): void {
  const text = (KEYS + (live ? FRONT_PANEL : SIMULATOR) + LOGIN).split("\n");
  const height = text.length + 2;
  const area: Rect = {
    x: Math.floor((canvas.width - WIDTH) / 2),
    y: Math.floor((canvas.height - height) / 2),
    width: WIDTH,
    height,
  };
  canvas.fill(area, theme.help);
  canvas.frame(area, "Help", theme.helpTitle, true);
  text.forEach((line, row) => {
    const title = line !== "" && !line.startsWith(" ");
    canvas.put(area.x + 3, area.y + 1 + row, line, title ? theme.helpTitle : theme.help);
  });
}
