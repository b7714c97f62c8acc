// The screen's pixels as characters of a terminal: half blocks if there is room, else braille.

import { HEIGHT, WIDTH } from "./ssd1306.js";

const HALF_BLOCKS = " \u2580\u2584\u2588";
const BRAILLE = 0x2800;
/** The bit of each dot of a braille character, row by row. */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
];

/** 128 x 16 characters of one by two pixels. */
export function asHalfBlocks(pixels: Uint8Array): string[] {
  return grid(WIDTH, HEIGHT / 2, (x, y) => {
    const [upper = 0, lower = 0] = [pixels[2 * y * WIDTH + x], pixels[(2 * y + 1) * WIDTH + x]];
    return HALF_BLOCKS[upper + 2 * lower] as string;
  });
}

/** 64 x 8 characters of two by four pixels. */
export function asBraille(pixels: Uint8Array): string[] {
  return grid(WIDTH / 2, HEIGHT / 4, (x, y) => {
    let dots = 0;
    DOTS.forEach((row, dy) => {
      row.forEach((bit, dx) => {
        if (pixels[(4 * y + dy) * WIDTH + 2 * x + dx]) dots |= bit;
      });
    });
    return String.fromCharCode(BRAILLE + dots);
  });
}

/** The pixels that the output of `asBraille` shows. */
export function fromBraille(lines: readonly string[]): Uint8Array {
  const pixels = new Uint8Array(WIDTH * HEIGHT);
  for (let i = 0; i < pixels.length; i++) {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    const dots = (lines[y >> 2]?.charCodeAt(x >> 1) ?? BRAILLE) - BRAILLE;
    pixels[i] = dots & (DOTS[y & 3]?.[x & 1] as number) ? 1 : 0;
  }
  return pixels;
}

function grid(width: number, height: number, at: (x: number, y: number) => string): string[] {
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => at(x, y)).join(""));
}
