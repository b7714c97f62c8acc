// The colours: numbers of the 256-colour palette. (blessed 0.1.81 turns a colour's hex form into one of eight.) A
// terminal with fewer colours shows none: among eight there is no pair that is readable on both black and white.

import type { Style } from "./canvas.js";

const BODY = 235;

export const theme = {
  text: {},
  faint: { fg: 245 },
  strong: { bold: true },
  good: { fg: 71, bold: true },
  bad: { fg: 167, bold: true },
  frame: { fg: 242 },
  focusedFrame: { fg: 172, bold: true },
  field: { fg: 255, bg: 237 },
  activeField: { fg: 231, bg: 24, bold: true, inverse: true },
  bar: { fg: 252, bg: 236, inverse: true },
  barKey: { fg: 221, bg: 236, bold: true, inverse: true },
  body: { fg: 247, bg: BODY },
  cardFrame: { fg: 245, bg: BODY },
  focusedCardFrame: { fg: 221, bg: BODY },
  screenOn: { fg: 233, bg: 151, bold: true },
  screenOff: { fg: 237, bg: 65 },
  key: { fg: 255, bg: 238, bold: true },
  pressKey: { fg: 231, bg: 94, bold: true },
  okKey: { fg: 231, bg: 23, bold: true },
  litKey: { fg: 16, bg: 221, bold: true, inverse: true },
  help: { fg: 252, bg: 234 },
  helpTitle: { fg: 221, bg: 234, bold: true },
} as const satisfies Record<string, Style>;
