// A picture of the card as SVG: its body, its screen in segments, its twelve keys. Attributes only, no styles and no scripts,
// so that the strictest page shows it; the screen's text stands in it, too, for those who cannot see it.

import type { KeyName } from "../core/card.js";
import { SEGMENTS } from "./characters.js";

/** What of a card is seen. */
export interface Shown {
  readonly on: boolean;
  /** What the screen shows, without the blanks at its end. */
  readonly display: string;
  /** The keys whose contacts are closed. */
  readonly down?: ReadonlySet<KeyName>;
}

const CHARACTERS = 8;

/** Where things are, in the picture's units. */
const CARD = { width: 360, height: 470, corner: 22 };
const SCREEN = { x: 24, y: 52, width: 312, height: 84 };
const GLYPH = { x: 40, y: 68, step: 36, width: 22, height: 52 };
const BUTTONS = { x: 24, y: 160, stepX: 108, stepY: 74, width: 96, height: 58 };
/** A segment ends so far before its corners, as a part of its length. */
const GAP = 0.12;

const COLOURS = {
  body: "#262a2e",
  edge: "#8a8f94",
  title: "#c9ccd0",
  screenOn: "#afd7af",
  screenOff: "#5f875f",
  lit: "#121212",
  unlit: "#a3c9a3",
  unlitOff: "#5a805a",
  key: "#444444",
  press: "#875f00",
  ok: "#005f5f",
  down: "#ffd75f",
  label: "#eeeeee",
  labelDown: "#000000",
};

/** From where to where each segment goes, in half widths and quarter heights of a character. */
const LINES: Readonly<Record<string, readonly [number, number, number, number]>> = {
  a: [0, 0, 2, 0],
  b: [2, 0, 2, 2],
  c: [2, 2, 2, 4],
  d: [0, 4, 2, 4],
  e: [0, 2, 0, 4],
  f: [0, 0, 0, 2],
  g: [0, 2, 1, 2],
  G: [1, 2, 2, 2],
  h: [0, 0, 1, 2],
  i: [1, 0, 1, 2],
  j: [2, 0, 1, 2],
  k: [1, 2, 2, 4],
  l: [1, 2, 1, 4],
  m: [1, 2, 0, 4],
};

const ROWS: readonly (readonly KeyName[])[] = [
  ["1", "2", "3"],
  ["4", "5", "6"],
  ["7", "8", "9"],
  ["press", "0", "ok"],
];
const LABELS: Partial<Record<KeyName, string>> = { press: "PRESS", ok: "OK" };

/** The picture, as an SVG document of its own. */
export function cardPicture(card: Shown): string {
  const said = card.on ? `the screen shows ${card.display || "nothing"}` : "off";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${CARD.width}" height="${CARD.height}" viewBox="0 0 ${CARD.width} ${CARD.height}" role="img">`,
    `<title>Digital Security Card+: ${escaped(said)}</title>`,
    rectangle({ x: 1, y: 1, width: CARD.width - 2, height: CARD.height - 2 }, CARD.corner, COLOURS.body, COLOURS.edge),
    `<text x="${SCREEN.x}" y="36" font-family="sans-serif" font-size="15" fill="${COLOURS.title}">Digital Security Card+</text>`,
    screen(card),
    ...ROWS.flatMap((keys, row) => keys.map((key, column) => button(key, row, column, card.down?.has(key) ?? false))),
    "</svg>\n",
  ].join("\n");
}

function screen({ on, display }: Shown): string {
  const characters = [...display.slice(0, CHARACTERS).padEnd(CHARACTERS)];
  const lit = characters.map((char, at) => strokes(at, (segment) => isLit(char, segment))).join("");
  const unlit = characters.map((char, at) => strokes(at, (segment) => !isLit(char, segment))).join("");
  return [
    rectangle(SCREEN, 8, on ? COLOURS.screenOn : COLOURS.screenOff),
    path(unlit, on ? COLOURS.unlit : COLOURS.unlitOff),
    path(lit, COLOURS.lit),
  ].join("\n");
}

function isLit(char: string, segment: string): boolean {
  return (SEGMENTS[char] ?? "").includes(segment);
}

/** The lines of the segments that are wanted, of the character in that place. */
function strokes(place: number, wanted: (segment: string) => boolean): string {
  const [left, top] = [GLYPH.x + place * GLYPH.step, GLYPH.y];
  const segments = Object.entries(LINES).filter(([segment]) => wanted(segment));
  return segments
    .map(([, [x1, y1, x2, y2]]) => {
      const at = (part: number) => {
        const x = left + ((x1 + (x2 - x1) * part) * GLYPH.width) / 2;
        const y = top + ((y1 + (y2 - y1) * part) * GLYPH.height) / 4;
        return `${rounded(x)} ${rounded(y)}`;
      };
      return `M${at(GAP)}L${at(1 - GAP)}`;
    })
    .join("");
}

function path(data: string, colour: string): string {
  return data === ""
    ? ""
    : `<path d="${data}" stroke="${colour}" stroke-width="3.4" stroke-linecap="round" fill="none"/>`;
}

function button(key: KeyName, row: number, column: number, down: boolean): string {
  const { width, height } = BUTTONS;
  const [x, y] = [BUTTONS.x + column * BUTTONS.stepX, BUTTONS.y + row * BUTTONS.stepY];
  const label = `font-family="sans-serif" font-size="20" font-weight="bold" text-anchor="middle"`;
  return [
    rectangle({ x, y, width, height }, 10, down ? COLOURS.down : colourOf(key)),
    `<text x="${x + width / 2}" y="${y + height / 2 + 7}" ${label} fill="${down ? COLOURS.labelDown : COLOURS.label}">${LABELS[key] ?? key}</text>`,
  ].join("\n");
}

function colourOf(key: KeyName): string {
  if (key === "press") return COLOURS.press;
  return key === "ok" ? COLOURS.ok : COLOURS.key;
}

interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function rectangle({ x, y, width, height }: Area, corner: number, fill: string, edge?: string): string {
  const stroke = edge === undefined ? "" : ` stroke="${edge}" stroke-width="2"`;
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${corner}" fill="${fill}"${stroke}/>`;
}

function rounded(number: number): number {
  return Math.round(number * 10) / 10;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
