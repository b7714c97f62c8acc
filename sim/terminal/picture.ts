// A picture of the card in files of the current folder: as text, and as SVG.

import { writeFileSync } from "node:fs";
import type { Subject } from "../core/subject.js";
import { Canvas } from "./canvas.js";
import { cardExtent, drawCard } from "./carddrawing.js";
import type { LineArt } from "./lineart.js";

const SIZE = { glyph: 1, tall: false } as const;
const MOST = 9999;

/** The card as lines of text. */
export function textPicture(card: Subject, art: LineArt): string {
  const { width, height } = cardExtent(SIZE);
  const canvas = new Canvas(width, height, art);
  drawCard(canvas, { x: 0, y: 0, width, height }, card, { focused: false, down: undefined, ...SIZE });
  return canvas.text();
}

/** Writes the picture under the first name that is free, and says in a line what came of it. */
export function savePicture(card: Subject, art: LineArt): string {
  const text = textPicture(card, art);
  for (let number = 1; number <= MOST; number++) {
    const name = `card-${String(number).padStart(4, "0")}`;
    try {
      writeFileSync(`${name}.txt`, text, { flag: "wx" });
      return `picture saved: ${name}.txt`;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EEXIST") return `no picture: ${name}.txt cannot be written (${code})`;
    }
  }
  return `no picture: card-0001 to card-${MOST} are there already`;
}
