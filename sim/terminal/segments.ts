// The screen's big characters: 14 segments each, in line-drawing characters or in ASCII.

import { SEGMENTS } from "../drawing/characters.js";

/** The size of a character: the number of cells of a diagonal between a corner and the centre. */
export type GlyphSize = 1 | 2;

/** The width of a character in columns; its height has as many rows. */
export function glyphWidth(size: GlyphSize): number {
  return 2 * size + 3;
}

/** Draws one character: its rows. */
export type GlyphDrawing = (char: string, size: GlyphSize) => string[];

/** The rows of a text. */
export function segments(text: string, size: GlyphSize, draw: GlyphDrawing): string[] {
  const glyphs = Array.from(text, (char) => draw(char, size));
  return Array.from({ length: glyphWidth(size) }, (_, row) => glyphs.map((lines) => lines[row]).join(" "));
}

type Cell = readonly [x: number, y: number];

/** `count` cells from `from` on, each one `step` further. */
function run(from: Cell, step: Cell, count: number): Cell[] {
  return Array.from({ length: count }, (_, i): Cell => [from[0] + i * step[0], from[1] + i * step[1]]);
}

function blank(size: GlyphSize): string[][] {
  const width = glyphWidth(size);
  return Array.from({ length: width }, () => new Array<string>(width).fill(" "));
}

// ---- ASCII ----

/** The cells of a segment and their character. Bars are at the bottom of their cells, so the halves share no cell. */
function asciiCells(segment: string, size: GlyphSize): readonly [Cell[], string] {
  const last = 2 * size + 2;
  const mid = size + 1;
  switch (segment) {
    case "a":
      return [run([1, 0], [1, 0], last - 1), "_"];
    case "d":
      return [run([1, last], [1, 0], last - 1), "_"];
    case "g":
      return [run([1, mid], [1, 0], mid), "_"];
    case "G":
      return [run([mid, mid], [1, 0], mid), "_"];
    case "f":
      return [run([0, 1], [0, 1], mid), "|"];
    case "b":
      return [run([last, 1], [0, 1], mid), "|"];
    case "e":
      return [run([0, mid + 1], [0, 1], mid), "|"];
    case "c":
      return [run([last, mid + 1], [0, 1], mid), "|"];
    case "i":
      return [run([mid, 1], [0, 1], mid), "|"];
    case "l":
      return [run([mid, mid + 1], [0, 1], mid), "|"];
    case "h":
      return [run([1, 1], [1, 1], mid), "\\"];
    case "j":
      return [run([last - 1, 1], [-1, 1], mid), "/"];
    case "m":
      return [run([mid, mid + 1], [-1, 1], mid), "/"];
    default:
      return [run([mid, mid + 1], [1, 1], mid), "\\"];
  }
}

/** If segments share a cell, the later one wins. */
const ASCII_ORDER = "adgGfbechjmkil";
/** Two diagonals that meet at the centre are drawn as one joint, above or below it. */
const ASCII_JOINTS: Record<string, readonly [with_: string, joint: string]> = { j: ["h", "v"], k: ["m", "^"] };

/** A character in ASCII; one without segments is blank. */
export const asciiGlyph: GlyphDrawing = (char, size) => {
  const rows = blank(size);
  const lit = SEGMENTS[char] ?? "";
  for (const segment of ASCII_ORDER) {
    if (!lit.includes(segment)) continue;
    const [cells, drawn] = asciiCells(segment, size);
    const [partner, joint] = ASCII_JOINTS[segment] ?? [];
    const met = partner !== undefined && lit.includes(partner);
    for (const [x, y] of cells) (rows[y] as string[])[x] = met && x === size + 1 ? (joint as string) : drawn;
  }
  return rows.map((row) => row.join(""));
};

// ---- line drawing (Unicode, Box Drawing U+2500) ----

/** Heavy lines by the sides that they reach: 1 up, 2 right, 4 down, 8 left. */
const HEAVY = " ╹╺┗╻┃┏┣╸┛━┻┓┫┳╋";
const UP = 1;
const RIGHT = 2;
const DOWN = 4;
const LEFT = 8;
/** The end points of the straight segments, in halves of the character's side. */
const STRAIGHT: Record<string, readonly [x: number, y: number, across: boolean]> = {
  a: [0, 0, true],
  A: [1, 0, true],
  g: [0, 1, true],
  G: [1, 1, true],
  d: [0, 2, true],
  D: [1, 2, true],
  f: [0, 0, false],
  e: [0, 1, false],
  i: [1, 0, false],
  l: [1, 1, false],
  b: [2, 0, false],
  c: [2, 1, false],
};
/** The top and bottom segments consist of two halves. */
const HALVES: Record<string, string> = { a: "aA", d: "dD" };
const DIAGONALS: Record<string, readonly [x: -1 | 1, y: -1 | 1, drawn: string]> = {
  h: [-1, -1, "╲"],
  j: [1, -1, "╱"],
  m: [-1, 1, "╱"],
  k: [1, 1, "╲"],
};
/** The centre where only diagonals meet, by the diagonals in the order h j k m. */
const CENTRES: Record<string, string> = {
  h: "╲",
  j: "╱",
  k: "╲",
  m: "╱",
  hk: "╲",
  jm: "╱",
  hm: ">",
  jk: "<",
  hj: "v",
  km: "^",
};

/** A character in heavy lines; one without segments is blank. */
export const lineGlyph: GlyphDrawing = (char, size) => {
  const lit = SEGMENTS[char] ?? "";
  const rows = reached(lit, size).map((row) => row.map((sides) => HEAVY[sides] as string));
  const middle = size + 1;
  for (const [name, [dx, dy, drawn]] of Object.entries(DIAGONALS)) {
    const cells = lit.includes(name) ? run([middle + dx, middle + dy], [dx, dy], size) : [];
    for (const [x, y] of cells) (rows[y] as string[])[x] = drawn;
  }
  const met = Array.from("hjkm", (name) => (lit.includes(name) ? name : "")).join("");
  const centre = rows[middle] as string[];
  if (met && centre[middle] === " ") centre[middle] = CENTRES[met] ?? "╳";
  return rows.map((row) => row.join(""));
};

/** The sides of each cell that the straight segments of a character reach. */
function reached(lit: string, size: GlyphSize): number[][] {
  const half = size + 1;
  const sides = blank(size).map((row) => row.map(() => 0));
  const reach = (x: number, y: number, side: number) => {
    const row = sides[y] as number[];
    row[x] = (row[x] as number) | side;
  };
  for (const name of Array.from(lit, (segment) => HALVES[segment] ?? segment).join("")) {
    const straight = STRAIGHT[name];
    if (!straight) continue;
    const [column, row, across] = straight;
    const [dx, dy] = across ? [1, 0] : [0, 1];
    for (const [x, y] of run([column * half, row * half], [dx, dy], half)) {
      reach(x, y, across ? RIGHT : DOWN);
      reach(x + dx, y + dy, across ? LEFT : UP);
    }
  }
  return sides;
}
