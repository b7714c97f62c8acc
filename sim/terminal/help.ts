// The help, over everything else.

import type { Canvas, Rect } from "./canvas.js";
import { theme } from "./theme.js";

const TEXT = `
The card's keys
  0-9       that digit              Enter   OK
  p         PRESS                   P       hold PRESS
  O         hold OK                 mouse   press or hold a button

The simulator
  Tab       keys go to the card or to the login pane
  f         fast forward            b       battery 3000, 2300, 2000, none
  ? or F1   this help               q       quit (Ctrl-C: from anywhere)

A login
  1  Tab. Sign in as demo, password demo: a challenge appears.
  2  Tab. Hold PRESS until PIN> shows; the PIN, OK;
     the challenge, OK: the card shows the response.
  3  Tab. Type the response, Enter.

Any key closes this.`.split("\n");

const WIDTH = 70;

/** Draws the help in the middle. */
export function drawHelp(canvas: Canvas): void {
  const height = TEXT.length + 2;
  const area: Rect = {
    x: Math.floor((canvas.width - WIDTH) / 2),
    y: Math.floor((canvas.height - height) / 2),
    width: WIDTH,
    height,
  };
  canvas.fill(area, theme.help);
  canvas.frame(area, "Help", theme.helpTitle, true);
  TEXT.forEach((line, row) => {
    const title = line !== "" && !line.startsWith(" ");
    canvas.put(area.x + 3, area.y + 1 + row, line, title ? theme.helpTitle : theme.help);
  });
}
