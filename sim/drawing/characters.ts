// The characters of the screen: which of its 14 segments light up for each. The table is independent of the board's.
//
//    _a_        h i j: from the upper corners and the middle of the top to the centre
//  f|hij|b      g, G:  the two halves of the middle bar
//   |g G|       m l k: from the centre to the lower corners and the middle of the bottom
//  e|mlk|c
//   |_d_|

/** The segments that light up for a character; a missing character is blank. */
export const SEGMENTS: Readonly<Record<string, string>> = {
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
