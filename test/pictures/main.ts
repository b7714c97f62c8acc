// `npm run picture`: draws the pictures in docs/. Logs in on the simulator in a pseudo-terminal and draws its screen
// (terminal.svg), logs in on the board in QEMU and draws its screen (board.svg), draws how it is wired (wiring.svg), and logs in
// on the page in Chromium (web.png).

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { missingFor } from "../../board/builder/images.js";
import { ROOT } from "../../host-tools/files/project.js";
import { DEMO } from "../../sim/session/demo.js";
import { NO_CHROMIUM } from "../support/browser.js";
import { type Cell, TerminalProgram } from "../support/terminal.js";
import { drawScreens, loginOnBoard } from "./board.js";
import { photographPage } from "./web.js";
import { drawWiring } from "./wiring.js";

const FONT_SIZE = 14;
const CELL_WIDTH = 8.4;
const CELL_HEIGHT = 18;
const BASELINE = 13.5;
const PADDING = 14;
const BACKGROUND = "#121212";
const FOREGROUND = "#c6c6c6";
const FONTS = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";
/** The 16 named colours, which differ between terminals, and the six levels of the colour cube. */
const NAMED =
  "#000000 #cd3131 #0dbc79 #e5e510 #2472c8 #bc3fbc #11a8cd #e5e5e5 #666666 #f14c4c #23d18b #f5f543 #3b8eea #d670d6 #29b8db #ffffff";
const LEVELS = [0, 95, 135, 175, 215, 255];

/** Cells of a row that look alike. */
interface Run {
  readonly x: number;
  readonly y: number;
  text: string;
  readonly cell: Cell;
}

/** Logs in and returns the screen as the card shows its response and the site says Welcome. */
async function capture(): Promise<Cell[][]> {
  const program = TerminalProgram.simulator(["--demo", "--seed", "1"]);
  try {
    await program.until(/State +OFF/);
    program.send("\tdemo\rdemo\r");
    const [, challenge] = await program.until(/Challenge +(\d{6})/);
    program.send("\tP");
    await program.until(/\[ PIN> \]/);
    program.send(`${DEMO.pin}\r`);
    await program.until(/\[ CHALLNG> \]/);
    program.send(`${challenge}\r`);
    const [, response] = await program.until(/\[ (\d{8}) \]/);
    program.send(`\t${response}\r`);
    await program.until(/Welcome/);
    program.send("\t");
    await program.until(/q quit/);
    return program.cells();
  } finally {
    await program.close();
  }
}

function draw(rows: Cell[][]): string {
  const width = Math.ceil((rows[0]?.length ?? 0) * CELL_WIDTH + 2 * PADDING);
  const height = rows.length * CELL_HEIGHT + 2 * PADDING;
  const runs = rows.flatMap(runsOf);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    "<title>dsc-sim: a login with the card</title>",
    `<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>`,
    `<g font-family="${FONTS}" font-size="${FONT_SIZE}" fill="${FOREGROUND}" xml:space="preserve">`,
    // Draw all backgrounds first, because an underscore reaches into the line below.
    ...runs.flatMap(backgroundOf),
    ...runs.flatMap(textOf),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

function runsOf(row: Cell[], y: number): Run[] {
  const runs: Run[] = [];
  row.forEach((cell, x) => {
    const last = runs.at(-1);
    if (last && alike(last.cell, cell)) last.text += cell.char;
    else runs.push({ x, y, text: cell.char, cell });
  });
  return runs;
}

function alike(a: Cell, b: Cell): boolean {
  return a.fg === b.fg && a.bg === b.bg && a.bold === b.bold;
}

function backgroundOf({ x, y, text, cell }: Run): string[] {
  if (cell.bg === undefined) return [];
  const place = `x="${left(x)}" y="${PADDING + y * CELL_HEIGHT}" width="${wide(text.length)}" height="${CELL_HEIGHT}"`;
  return [`<rect ${place} fill="${colour(cell.bg)}" shape-rendering="crispEdges"/>`];
}

/** The words of a run, each at its own column, so that a font of another width cannot shift them. */
function textOf({ x, y, text, cell }: Run): string[] {
  const style = (cell.fg === undefined ? "" : ` fill="${colour(cell.fg)}"`) + (cell.bold ? ' font-weight="bold"' : "");
  const baseline = PADDING + y * CELL_HEIGHT + BASELINE;
  return [...text.matchAll(/\S+/g)].map(({ 0: word, index }) => {
    const place = `x="${left(x + index)}" y="${baseline}" textLength="${wide(word.length)}" lengthAdjust="spacingAndGlyphs"`;
    return `<text ${place}${style}>${escaped(word)}</text>`;
  });
}

function left(column: number): string {
  return (PADDING + column * CELL_WIDTH).toFixed(1);
}

function wide(columns: number): string {
  return (columns * CELL_WIDTH).toFixed(1);
}

/** A colour of the 256-colour palette. */
function colour(index: number): string {
  if (index < 16) return NAMED.split(" ")[index] as string;
  if (index >= 232) return rgb([8 + 10 * (index - 232), 8 + 10 * (index - 232), 8 + 10 * (index - 232)]);
  const cube = index - 16;
  return rgb([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => LEVELS[level] as number));
}

function rgb(parts: number[]): string {
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const save = (name: string, picture: string | Uint8Array) => writeFileSync(join(ROOT, "docs", name), picture);
save("terminal.svg", draw(await capture()));
save("wiring.svg", drawWiring());
const missing = missingFor("development");
if (missing) console.error(`board.svg stays as it is; to draw it: ${missing}`);
else save("board.svg", drawScreens(await loginOnBoard()));
const page = await photographPage();
if (page) save("web.png", page);
else console.error(`web.png stays as it is; to make it: ${NO_CHROMIUM}`);
