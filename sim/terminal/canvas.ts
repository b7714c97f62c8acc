// A grid of coloured characters that the views draw on, and its form as blessed's tagged text.

import { type LineArt, UNICODE } from "./lineart.js";

/**
 * The look of characters; colours are numbers of the 256-colour palette. Without a background the one below shows
 * through. `inverse` marks what must stand out without colours.
 */
export interface Style {
  readonly fg?: number;
  readonly bg?: number;
  readonly bold?: boolean;
  readonly inverse?: boolean;
}

/** A part of the terminal, in cells. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Whether a cell is in a part. */
export function inside(area: Rect, x: number, y: number): boolean {
  return x >= area.x && x < area.x + area.width && y >= area.y && y < area.y + area.height;
}

interface Cell {
  readonly char: string;
  readonly style: Style;
}

const EMPTY: Cell = { char: " ", style: {} };

export class Canvas {
  readonly #rows: Cell[][];

  constructor(
    readonly width: number,
    readonly height: number,
    readonly art: LineArt = UNICODE,
  ) {
    this.#rows = Array.from({ length: height }, () => new Array<Cell>(width).fill(EMPTY));
  }

  /** Writes `text` from (x, y) to the right; what falls outside is dropped. */
  put(x: number, y: number, text: string, style: Style = {}): void {
    const row = this.#rows[y];
    if (!row) return;
    for (let i = 0; i < text.length; i++) {
      const below = row[x + i];
      if (!below) continue;
      const bg = style.bg ?? below.style.bg;
      row[x + i] = { char: text[i] as string, style: bg === style.bg ? style : { ...style, bg } };
    }
  }

  /** Blanks a part. */
  fill(area: Rect, style: Style): void {
    for (let y = area.y; y < area.y + area.height; y++) this.put(area.x, y, " ".repeat(area.width), style);
  }

  /**
   * Draws the frame of a pane with its title, over what is below it. The focused pane gets a double frame, which is
   * visible without colours too.
   */
  frame(area: Rect, title: string, style: Style, focused: boolean): void {
    const { x, y, width, height } = area;
    const { across, down, corners } = focused ? this.art.focused : this.art.frame;
    const line = across.repeat(width - 2);
    this.put(x, y, corners[0] + line + corners[1], style);
    for (let row = y + 1; row < y + height - 1; row++) {
      this.put(x, row, down, style);
      this.put(x + width - 1, row, down, style);
    }
    this.put(x, y + height - 1, corners[2] + line + corners[3], style);
    if (title) this.put(x + 2, y, ` ${title} `.slice(0, width - 4), { ...style, bold: true });
  }

  /** The lines as plain text, without trailing blanks. */
  text(): string {
    return this.#rows
      .map(
        (row) =>
          `${row
            .map(({ char }) => char)
            .join("")
            .trimEnd()}\n`,
      )
      .join("");
  }

  /** The lines as text with blessed's tags, with or without colours. */
  tagged(colours = true): string {
    const tagsOf = colours ? colouredTags : plainTags;
    return this.#rows.map((row) => taggedRow(row, tagsOf)).join("\n");
  }
}

function taggedRow(row: readonly Cell[], tagsOf: (style: Style) => string): string {
  let text = "";
  let open = "";
  for (const { char, style } of row) {
    const tags = tagsOf(style);
    if (tags !== open) text += (open ? "{/}" : "") + tags;
    open = tags;
    text += char === "{" ? "{open}" : char === "}" ? "{close}" : char;
  }
  return open ? `${text}{/}` : text;
}

function plainTags({ bold, inverse }: Style): string {
  return (bold ? "{bold}" : "") + (inverse ? "{inverse}" : "");
}

function colouredTags(style: Style): string {
  const bold = style.bold ? "{bold}" : "";
  const fg = style.fg === undefined ? "" : `{${style.fg}-fg}`;
  return bold + fg + (style.bg === undefined ? "" : `{${style.bg}-bg}`);
}
