// The screen's big characters: 14 segments each, drawn in ASCII, 5 columns by 5 rows.
//
//    _a_        h i j: from the upper corners and the middle of the top to the centre
//  f|hij|b      g, G:  the two halves of the middle bar
//   |g G|       m l k: from the centre to the lower corners and the middle of the bottom
//  e|mlk|c
//   |_d_|

/** Columns and rows of a character. */
export const GLYPH_WIDTH = 5;
export const GLYPH_HEIGHT = 5;

/** Which segments light for a character. */
const SEGMENTS: Record<string, string> = {
  "0": "abcdef",
  "1": "bc",
  "2": "abgGed",
  "3": "abcdgG",
  "4": "fgGbc",
  "5": "afgGcd",
  "6": "afgGcde",
  "7": "abc",
  "8": "abcdefgG",
  "9": "abcdfgG",
  A: "abcefgG",
  B: "abcdilG",
  C: "adef",
  D: "abcdil",
  E: "adefgG",
  F: "aefgG",
  G: "acdefG",
  H: "bcefgG",
  I: "adil",
  J: "bcde",
  K: "efgjk",
  L: "def",
  M: "bcefhj",
  N: "bcefhk",
  O: "abcdef",
  P: "abefgG",
  Q: "abcdefk",
  R: "abefgGk",
  S: "afgGcd",
  T: "ail",
  U: "bcdef",
  V: "efmj",
  W: "bcefmk",
  X: "hjmk",
  Y: "hjl",
  Z: "ajmd",
  ">": "hm",
  "*": "hijgGmlk",
  " ": "",
};

/** The cells of each segment: column, row, character. Where cells meet, the later segment wins. */
const CELLS: Record<string, readonly (readonly [number, number, string])[]> = {
  a: bar(0, 1, 3),
  d: bar(4, 1, 3),
  g: bar(2, 1, 2),
  G: bar(2, 2, 3),
  f: [
    [0, 1, "|"],
    [0, 2, "|"],
  ],
  b: [
    [4, 1, "|"],
    [4, 2, "|"],
  ],
  e: [
    [0, 3, "|"],
    [0, 4, "|"],
  ],
  c: [
    [4, 3, "|"],
    [4, 4, "|"],
  ],
  h: [
    [1, 1, "\\"],
    [2, 2, "\\"],
  ],
  j: [
    [3, 1, "/"],
    [2, 2, "/"],
  ],
  m: [
    [2, 3, "/"],
    [1, 4, "/"],
  ],
  k: [
    [2, 3, "\\"],
    [3, 4, "\\"],
  ],
  i: [
    [2, 1, "|"],
    [2, 2, "|"],
  ],
  l: [
    [2, 3, "|"],
    [2, 4, "|"],
  ],
};
const ORDER = "adgGfbechjmkil";

/** The rows of one character; one without segments of its own is blank. */
export function glyph(char: string): string[] {
  const rows = Array.from({ length: GLYPH_HEIGHT }, () => new Array<string>(GLYPH_WIDTH).fill(" "));
  const lit = SEGMENTS[char] ?? "";
  for (const segment of ORDER) if (lit.includes(segment)) light(rows, segment, lit);
  return rows.map((row) => row.join(""));
}

/** The rows of a text. */
export function segments(text: string): string[] {
  const glyphs = Array.from(text, glyph);
  return Array.from({ length: GLYPH_HEIGHT }, (_, row) => glyphs.map((lines) => lines[row]).join(" "));
}

function light(rows: string[][], segment: string, lit: string): void {
  for (const [x, y, char] of CELLS[segment] ?? []) {
    const row = rows[y] as string[];
    row[x] = meeting(segment, lit) && x === 2 ? joint(segment) : char;
  }
}

/** Two diagonals that meet at the centre are drawn as one joint there. */
function meeting(segment: string, lit: string): boolean {
  return (segment === "j" && lit.includes("h")) || (segment === "k" && lit.includes("m"));
}

function joint(segment: string): string {
  return segment === "j" ? "v" : "^";
}

function bar(y: number, from: number, to: number): [number, number, string][] {
  return Array.from({ length: to - from + 1 }, (_, i) => [from + i, y, "_"]);
}
