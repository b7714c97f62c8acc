// Reads characters from the screen's pixels, by the middle of each segment, independently of the code that drew them.
//
//    _a_        h i j: from the upper corners and the middle of the top to the centre
//  f|hij|b      g, G:  the two halves of the middle bar
//   |g G|       m l k: from the centre to the lower corners and the middle of the bottom
//  e|mlk|c
//   |_d_|

import { HEIGHT, WIDTH } from "./ssd1306.js";

const CHARACTERS = 8;
const CELL = WIDTH / CHARACTERS;

/** A pixel of each segment, from the upper left of its character. */
const SAMPLES: Record<string, readonly [x: number, y: number]> = {
  a: [5, 1],
  b: [13, 8],
  c: [13, 23],
  d: [5, 30],
  e: [2, 23],
  f: [2, 8],
  g: [5, 15],
  G: [10, 16],
  h: [5, 8],
  i: [7, 8],
  j: [10, 8],
  k: [10, 23],
  l: [8, 23],
  m: [5, 23],
};

const GLYPHS: Record<string, string> = {
  " ": "",
  "*": "gGhijklm",
  "0": "abcdefjm",
  "1": "bcj",
  "2": "abdegG",
  "3": "abcdG",
  "4": "bcfgG",
  "5": "acdfgG",
  "6": "acdefgG",
  "7": "abc",
  "8": "abcdefgG",
  "9": "abcdfgG",
  ">": "hm",
  A: "abcefgG",
  B: "abcdGil",
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
  S: "acdGh",
  T: "ail",
  U: "bcdef",
  V: "efjm",
  W: "bcefkm",
  X: "hjkm",
  Y: "hjl",
  Z: "adjm",
};

const BY_SEGMENTS = new Map(Object.entries(GLYPHS).map(([character, lit]) => [lit, character]));

/** The eight characters that 128 x 32 pixels show, with "?" for pixels that form no character. */
export function readText(pixels: Uint8Array): string {
  return Array.from({ length: CHARACTERS }, (_, place) => readCharacter(pixels, place)).join("");
}

function readCharacter(pixels: Uint8Array, place: number): string {
  const isLit = (x: number, y: number) => pixels[y * WIDTH + place * CELL + x] === 1;
  for (let y = 0; y < HEIGHT; y++) {
    for (const margin of [0, 1, CELL - 2, CELL - 1]) if (isLit(margin, y)) return "?";
  }
  const lit = Object.entries(SAMPLES).filter(([, [x, y]]) => isLit(x, y));
  return BY_SEGMENTS.get(lit.map(([segment]) => segment).join("")) ?? "?";
}
