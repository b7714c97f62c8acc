// docs/board.svg: the screen of the board at each step of a login, as the emulated chip drives it.

import { buildImages } from "../../board/builder/images.js";
import { EmulatedBoard } from "../../board/emulator/emulatedboard.js";
import { HEIGHT, WIDTH } from "../../board/emulator/ssd1306.js";
import { Flash } from "../../sim/core/flash.js";
import { DEMO, personalizeDemo } from "../../sim/session/demo.js";
import { loadFirmware } from "../../sim/session/firmware.js";
import { FONTS, GLASS, LIT } from "./style.js";

/** The challenge of the picture. */
export const CHALLENGE = "673854";

const SCALE = 3;
const BEZEL = 12;
const GAP = 20;
const CAPTION = 22;
const FRAME = "#1b2030";
const TEXT = "#6e7781";

/** A screen, and the keys that led to it. */
export interface Shot {
  readonly pixels: Uint8Array;
  readonly pressed: string;
}

/** Logs in on a demo card in QEMU. */
export async function loginOnBoard(): Promise<Shot[]> {
  const flash = new Flash();
  personalizeDemo(loadFirmware(), flash, 1);
  const board = await EmulatedBoard.start({ image: buildImages("development"), flash: flash.bytes });
  try {
    return await shoot(board);
  } finally {
    await board.stop();
  }
}

/** Logs in on a demo card that is off. */
export async function shoot(board: EmulatedBoard): Promise<Shot[]> {
  const shots: Shot[] = [];
  const shot = async (pressed: string, wanted: string | RegExp) => {
    await board.until(wanted);
    shots.push({ pixels: board.pixels(), pressed });
  };
  await board.hold("press", "PIN>");
  await board.type(DEMO.pin);
  await shot("PRESS held, then the PIN", "PIN>****");
  await board.tap("ok");
  await shot("OK", "CHALLNG>");
  await board.type(CHALLENGE);
  await shot("the challenge", CHALLENGE);
  await board.tap("ok");
  await shot("OK: the response", /^\d{8}$/);
  return shots;
}

/** Draws two screens beside each other, and two below. */
export function drawScreens(shots: readonly Shot[]): string {
  const [wide, high] = [WIDTH * SCALE + 2 * BEZEL, HEIGHT * SCALE + 2 * BEZEL + CAPTION];
  const [width, height] = [2 * wide + GAP, 2 * high + GAP];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    "<title>The screen of the board during a login</title>",
    `<g font-family="${FONTS}" font-size="14" fill="${TEXT}" text-anchor="middle">`,
    ...shots.map((shot, i) => drawScreen(shot, (i % 2) * (wide + GAP), Math.floor(i / 2) * (high + GAP))),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

function drawScreen({ pixels, pressed }: Shot, x: number, y: number): string {
  const [wide, high] = [WIDTH * SCALE, HEIGHT * SCALE];
  return [
    `<g transform="translate(${x} ${y})">`,
    `<rect width="${wide + 2 * BEZEL}" height="${high + 2 * BEZEL}" rx="6" fill="${GLASS}" stroke="${FRAME}"/>`,
    `<path transform="translate(${BEZEL} ${BEZEL}) scale(${SCALE})" fill="none" stroke="${LIT}" stroke-width=".84"`,
    `stroke-dasharray=".84 .16" d="${runs(pixels).join("")}"/>`,
    `<text x="${wide / 2 + BEZEL}" y="${high + 2 * BEZEL + CAPTION - 4}">${pressed}</text>`,
    "</g>",
  ].join("\n");
}

/** A line for each run of lit pixels; its dashes are the pixels. */
function runs(pixels: Uint8Array): string[] {
  return Array.from({ length: HEIGHT }, (_, y) => {
    const row = Array.from(pixels.subarray(y * WIDTH, (y + 1) * WIDTH)).join("");
    return [...row.matchAll(/1+/g)].map(({ 0: run, index }) => `M${index} ${y}.5h${run.length}`);
  }).flat();
}
