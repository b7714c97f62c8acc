// A picture of the card, as text and as SVG, in files of the current folder.

import { existsSync, writeFileSync } from "node:fs";
import { faultInWords } from "../../host-tools/files/faults.js";
import type { Subject } from "../core/subject.js";
import { cardPicture } from "../drawing/svg.js";
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

/** Writes the pictures under the first name that is free for both, and returns the outcome in a line. */
export function savePicture(card: Subject, art: LineArt): string {
  const pictures = { txt: textPicture(card, art), svg: cardPicture({ on: card.on, display: card.display }) };
  for (let number = 1; number <= MOST; number++) {
    const name = `card-${String(number).padStart(4, "0")}`;
    if (Object.keys(pictures).some((ending) => existsSync(`${name}.${ending}`))) continue;
    try {
      for (const [ending, picture] of Object.entries(pictures))
        writeFileSync(`${name}.${ending}`, picture, { flag: "wx" });
      return `picture saved: ${name}.txt and .svg`;
    } catch (error) {
      return `no picture: ${name} cannot be written: ${faultInWords(error)}`;
    }
  }
  return `no picture: card-0001 to card-${MOST} are there already`;
}
