// The geometry of the card: positions of screen and keys, and the lines of a character's segments. The drawing code
// decides everything else.

import type { KeyName } from "../core/card.js";
import { SEGMENTS } from "./characters.js";

/** Characters of the screen. */
export const CHARACTERS = 8;

/** Positions and sizes in the picture's units. */
export const CARD = { width: 360, height: 470, corner: 22 };
export const SCREEN = { x: 24, y: 52, width: 312, height: 84 };
const GLYPH = { x: 40, y: 68, step: 36, width: 22, height: 52 };
const BUTTONS = { x: 24, y: 160, stepX: 108, stepY: 74, width: 96, height: 58 };
/** The gap at each end of a segment, as a part of its length. */
const GAP = 0.12;

/** The end points of each segment, in half widths and quarter heights of a character. */
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

/** The keys, row by row. */
export const ROWS: readonly (readonly KeyName[])[] = [
  ["1", "2", "3"],
  ["4", "5", "6"],
  ["7", "8", "9"],
  ["press", "0", "ok"],
];
const LABELS: Partial<Record<KeyName, string>> = { press: "PRESS", ok: "OK" };

/** A rectangle in the picture's units. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The label of a key. */
export function labelOf(key: KeyName): string {
  return LABELS[key] ?? key;
}

/** The position of a key. */
export function placeOf(key: KeyName): Area {
  const row = ROWS.findIndex((keys) => keys.includes(key));
  const column = ROWS[row]?.indexOf(key) ?? 0;
  const { width, height } = BUTTONS;
  return { x: BUTTONS.x + column * BUTTONS.stepX, y: BUTTONS.y + row * BUTTONS.stepY, width, height };
}

/** The screen's segments as data of two paths: lit ones and unlit ones. */
export function segmentPaths(display: string): { readonly lit: string; readonly unlit: string } {
  const characters = [...display.slice(0, CHARACTERS).padEnd(CHARACTERS)];
  const lines = (lit: boolean) => characters.map((char, at) => strokes(at, (segment) => isLit(char, segment) === lit));
  return { lit: lines(true).join(""), unlit: lines(false).join("") };
}

function isLit(char: string, segment: string): boolean {
  return (SEGMENTS[char] ?? "").includes(segment);
}

/** The lines of the selected segments of the character at that place. */
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

function rounded(number: number): number {
  return Math.round(number * 10) / 10;
}
