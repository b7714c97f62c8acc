// The pins that tests and drawings use are the ones that the port drives.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { KEY_PINS, type Pin, SCREEN_PINS } from "../../board/emulator/wiring.js";
import { ROOT } from "../../host-tools/files/project.js";
import { KEYS } from "../../sim/core/card.js";
import { drawWiring } from "../pictures/wiring.js";
import { suite } from "../support/suite.js";

const wiring = suite("board: wiring");

const HEADER = readFileSync(join(ROOT, "board", "ports", "microbit", "pins.h"), "utf8");

/** The pins in a part of pins.h: the number, and from the comment after it the name on the edge connector. */
function pinsIn(text: string): Pin[] {
  return [...text.matchAll(/\b(\d+)u? \/\* (P\d+)/g)].map(([, gpio, edge]) => ({
    gpio: Number(gpio),
    edge: edge as string,
  }));
}

wiring("is that of pins.h", () => {
  const keys = /#define KEY_PINS([\s\S]*?)\n\n/.exec(HEADER)?.[1] as string;
  assert.equal(
    pinsIn(keys),
    KEYS.map((key) => KEY_PINS[key]),
  );
  const line = (name: string) => pinsIn(new RegExp(`#define ${name} .*`).exec(HEADER)?.[0] as string)[0];
  assert.equal(line("SCL_PIN"), SCREEN_PINS.scl);
  assert.equal(line("SDA_PIN"), SCREEN_PINS.sda);
});

wiring("gives no pin twice", () => {
  const pins = [...Object.values(KEY_PINS), ...Object.values(SCREEN_PINS)];
  const serial = [...HEADER.matchAll(/#define [TR]XD_PIN (\d+)u/g)].map(([, gpio]) => Number(gpio));
  assert.is(new Set([...pins.map(({ gpio }) => gpio), ...serial]).size, pins.length + 2);
  assert.is(new Set(pins.map(({ edge }) => edge)).size, pins.length);
});

wiring("is drawn in docs/wiring.svg (npm run picture)", () => {
  assert.fixture(readFileSync(join(ROOT, "docs", "wiring.svg"), "utf8"), drawWiring());
});

wiring.run();
