// Characters for drawing lines: Unicode box drawing, or ASCII if the terminal has no UTF-8.

import { asciiGlyph, type GlyphDrawing, lineGlyph } from "./segments.js";

/** The characters of a frame. */
export interface Frame {
  readonly across: string;
  readonly down: string;
  /** Top left, top right, bottom left, bottom right. */
  readonly corners: readonly [string, string, string, string];
}

export interface LineArt {
  readonly frame: Frame;
  /** The frame of the focused pane, which differs without colours too. */
  readonly focused: Frame;
  readonly glyph: GlyphDrawing;
}

export const ASCII: LineArt = {
  frame: { across: "-", down: "|", corners: [".", ".", "'", "'"] },
  focused: { across: "=", down: "|", corners: [".", ".", "'", "'"] },
  glyph: asciiGlyph,
};

export const UNICODE: LineArt = {
  frame: { across: "─", down: "│", corners: ["┌", "┐", "└", "┘"] },
  focused: { across: "═", down: "║", corners: ["╔", "╗", "╚", "╝"] },
  glyph: lineGlyph,
};

/** The first of these that is set names the locale's character set (POSIX.1-2017 §8.2). */
const LOCALE = ["LC_ALL", "LC_CTYPE", "LANG"];

/** The line characters that the locale of an environment can show. */
export function lineArtOf(environment: Readonly<Record<string, string | undefined>>): LineArt {
  const locale = LOCALE.map((name) => environment[name]).find((value) => value);
  return /utf-?8/i.test(locale ?? "") ? UNICODE : ASCII;
}
