// A picture of the card as SVG: its body, its screen in segments, its twelve keys. It uses only attributes, no styles
// and no scripts, so that the strictest page shows it. The screen's text is included for people who cannot see it.

import type { KeyName } from "../core/card.js";
import { type Area, CARD, labelOf, placeOf, ROWS, SCREEN, segmentPaths } from "./shape.js";

/** The visible state of a card. */
export interface Shown {
  readonly on: boolean;
  /** The text of the screen, without trailing blanks. */
  readonly display: string;
  /** The keys whose contacts are closed. */
  readonly down?: ReadonlySet<KeyName>;
}

const COLOURS = {
  body: "#262a2e",
  edge: "#8a8f94",
  title: "#c9ccd0",
  screenOn: "#afd7af",
  screenOff: "#5f875f",
  lit: "#121212",
  unlit: "#a3c9a3",
  unlitOff: "#5a805a",
  key: "#444444",
  press: "#875f00",
  ok: "#005f5f",
  down: "#ffd75f",
  label: "#eeeeee",
  labelDown: "#000000",
};

/** The picture, as a standalone SVG document. */
export function cardPicture(card: Shown): string {
  const said = card.on ? `the screen shows ${card.display || "nothing"}` : "off";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${CARD.width}" height="${CARD.height}" viewBox="0 0 ${CARD.width} ${CARD.height}" role="img">`,
    `<title>Digital Security Card+: ${escaped(said)}</title>`,
    rectangle({ x: 1, y: 1, width: CARD.width - 2, height: CARD.height - 2 }, CARD.corner, COLOURS.body, COLOURS.edge),
    `<text x="${SCREEN.x}" y="36" font-family="sans-serif" font-size="15" fill="${COLOURS.title}">Digital Security Card+</text>`,
    screen(card),
    ...ROWS.flat().map((key) => button(key, card.down?.has(key) ?? false)),
    "</svg>\n",
  ].join("\n");
}

function screen({ on, display }: Shown): string {
  const { lit, unlit } = segmentPaths(display);
  return [
    rectangle(SCREEN, 8, on ? COLOURS.screenOn : COLOURS.screenOff),
    path(unlit, on ? COLOURS.unlit : COLOURS.unlitOff),
    path(lit, COLOURS.lit),
  ].join("\n");
}

function path(data: string, colour: string): string {
  return data === ""
    ? ""
    : `<path d="${data}" stroke="${colour}" stroke-width="3.4" stroke-linecap="round" fill="none"/>`;
}

function button(key: KeyName, down: boolean): string {
  const { x, y, width, height } = placeOf(key);
  const label = `font-family="sans-serif" font-size="20" font-weight="bold" text-anchor="middle"`;
  return [
    rectangle({ x, y, width, height }, 10, down ? COLOURS.down : colourOf(key)),
    `<text x="${x + width / 2}" y="${y + height / 2 + 7}" ${label} fill="${down ? COLOURS.labelDown : COLOURS.label}">${labelOf(key)}</text>`,
  ].join("\n");
}

function colourOf(key: KeyName): string {
  if (key === "press") return COLOURS.press;
  return key === "ok" ? COLOURS.ok : COLOURS.key;
}

function rectangle({ x, y, width, height }: Area, corner: number, fill: string, edge?: string): string {
  const stroke = edge === undefined ? "" : ` stroke="${edge}" stroke-width="2"`;
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${corner}" fill="${fill}"${stroke}/>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
