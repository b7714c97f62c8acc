// docs/terminal.svg: a login on the simulator in a terminal, step by step, as a picture that moves.
//
// A word, or a background, is drawn once for each span of steps in which it is there, and shown during that span by an
// animation in CSS. A reader who wants no motion sees the last step.

import { DEMO } from "../../sim/session/demo.js";
import { type Cell, TerminalProgram } from "../support/terminal.js";

const FONT_SIZE = 14;
const CELL_WIDTH = 8.4;
const CELL_HEIGHT = 18;
const BASELINE = 13.5;
const PADDING = 14;
const BACKGROUND = "#121212";
const FOREGROUND = "#c6c6c6";
const FONTS = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";
/** The 16 colours that every terminal names its own way, and the six levels of the colour cube. */
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

type Row = readonly Cell[];
/** A screen, and for how many seconds it is shown. */
export interface Frame {
  readonly rows: readonly Row[];
  readonly seconds: number;
}

/** The frames from `first` up to `end`, which is not one of them. */
interface Span {
  readonly first: number;
  readonly end: number;
}

const STEP = 1.5;
const LAST_STEP = 5;

/** Logs in on the demo card. Returns the screen after each step, up to the site's Welcome. */
export async function loginInTerminal(): Promise<Frame[]> {
  const program = TerminalProgram.simulator(["--demo", "--seed", "1"]);
  const frames: Frame[] = [];
  const step = async (keys: string, shown: RegExp, seconds = STEP): Promise<string> => {
    program.send(keys);
    const [, found = ""] = await program.until(shown);
    frames.push({ rows: program.cells(), seconds });
    return found;
  };
  try {
    await step("", /State +OFF[\s\S]*q quit/);
    const challenge = await step("\tdemo\rdemo\r", /Challenge +(\d{6})/);
    await step("\tP", /\[ PIN> \]/);
    await step(DEMO.pin, /\[ PIN>\*{4} \]/);
    await step("\r", /\[ CHALLNG> \]/);
    await step(challenge, new RegExp(`\\[ ${challenge} \\]`));
    const response = await step("\r", /\[ (\d{8}) \]/);
    await step(`\t${response}`, new RegExp(`Response +${response}`));
    await step("\r", /Welcome/, LAST_STEP);
    return frames;
  } finally {
    await program.close();
  }
}

/** The frames as one picture. */
export function drawFrames(frames: readonly Frame[]): string {
  const rows = frames[0]?.rows ?? [];
  const width = Math.ceil((rows[0]?.length ?? 0) * CELL_WIDTH + 2 * PADDING);
  const height = rows.length * CELL_HEIGHT + 2 * PADDING;
  const runs = frames.map((frame) => frame.rows.flatMap(runsOf));
  // All backgrounds first: an underscore reaches into the line below.
  const layers = [backgroundOf, textOf].map((draw) => bySpan(runs.map((frame) => frame.flatMap(draw))));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    "<title>dsc-sim: a login with the card</title>",
    `<style>${styleOf(
      layers.flatMap((layer) => layer.map(([span]) => span)),
      frames,
    )}</style>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>`,
    `<g font-family="${FONTS}" font-size="${FONT_SIZE}" fill="${FOREGROUND}" xml:space="preserve">`,
    ...layers.flatMap((layer) => layer.flatMap(([span, elements]) => grouped(span, frames.length, elements))),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

type Layer = readonly (readonly [span: Span, elements: readonly string[]])[];

/** The elements of all frames, by the spans in which they are there. */
function bySpan(frames: readonly (readonly string[])[]): Layer {
  const spans = new Map<string, [Span, string[]]>();
  const sets = frames.map((elements) => new Set(elements));
  for (const element of new Set(frames.flat())) {
    for (const span of spansOf(sets.map((set) => set.has(element)))) {
      const [, elements] = spans.get(nameOf(span)) ?? [];
      if (elements) elements.push(element);
      else spans.set(nameOf(span), [span, [element]]);
    }
  }
  return [...spans.values()];
}

function spansOf(isThere: readonly boolean[]): Span[] {
  const firsts = [...isThere.keys()].filter((at) => isThere[at] && !isThere[at - 1]);
  return firsts.map((first) => {
    const gone = isThere.indexOf(false, first);
    return { first, end: gone < 0 ? isThere.length : gone };
  });
}

/** What is not there in every frame is a group, which its class shows and hides. */
function grouped(span: Span, frames: number, elements: readonly string[]): readonly string[] {
  if (isAlways(span, frames)) return elements;
  return [`<g class="${nameOf(span)}${span.end === frames ? "" : " gone"}">`, ...elements, "</g>"];
}

function isAlways({ first, end }: Span, frames: number): boolean {
  return first === 0 && end === frames;
}

function nameOf({ first, end }: Span): string {
  return `from${first}to${end}`;
}

/** Without an animation, what is not in the last frame is hidden. */
function styleOf(spans: readonly Span[], frames: readonly Frame[]): string {
  const total = secondsTo(frames.length, frames);
  const percent = (frame: number) => `${((100 * secondsTo(frame, frames)) / total).toFixed(2)}%`;
  const byName = new Map(spans.map((span) => [nameOf(span), span]));
  const rules = [...byName].map(([name, span]) => {
    if (isAlways(span, frames.length)) return "";
    const before = span.first > 0 ? "0%{visibility:hidden}" : "";
    const after = span.end < frames.length ? `${percent(span.end)}{visibility:hidden}` : "";
    const steps = `${before}${percent(span.first)}{visibility:visible}${after}`;
    return `.${name}{animation:${name} ${total}s step-end infinite}@keyframes ${name}{${steps}}`;
  });
  return `.gone{visibility:hidden}@media (prefers-reduced-motion:no-preference){${rules.join("")}}`;
}

/** From the beginning to a frame. */
function secondsTo(frame: number, frames: readonly Frame[]): number {
  return frames.slice(0, frame).reduce((sum, { seconds }) => sum + seconds, 0);
}

function runsOf(row: readonly Cell[], y: number): Run[] {
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

/** The words of a run, each put on its column, so that a font of another width cannot shift them. */
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
