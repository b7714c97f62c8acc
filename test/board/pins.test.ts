// The whole card, from key contact to pixel. The test moves the emulated chip's pins as key contacts would, and decodes
// the screen's two lines into a picture.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { buildImages } from "../../board/builder/images.js";
import { EmulatedBoard } from "../../board/emulator/emulatedboard.js";
import { readText } from "../../board/emulator/reading.js";
import { ROOT } from "../../host-tools/files/project.js";
import type { KeyName } from "../../sim/core/card.js";
import { DEMO } from "../../sim/session/demo.js";
import { CHALLENGE, drawScreens, shoot } from "../pictures/board.js";
import { boardTest, demoFlash, developmentImage } from "../support/board.js";
import { expected, WRONG_PIN } from "../support/cards.js";
import { suite } from "../support/suite.js";

const pins = suite("board: pin by pin");

/** A contact that moves for less than this (ms) bounces; and the number of bounces here. */
const BOUNCE = 20;
const MOVES = 3;

async function withCard(run: (card: EmulatedBoard) => Promise<void>): Promise<void> {
  const card = await EmulatedBoard.start({ image: developmentImage(), flash: demoFlash() });
  try {
    await run(card);
  } finally {
    await card.stop();
  }
}

async function turnOn(card: EmulatedBoard): Promise<void> {
  await card.hold("press", "PIN>");
}

/** Types digits and waits until the screen shows them all. */
async function enter(card: EmulatedBoard, digits: string, shown: string): Promise<void> {
  await card.type(digits);
  await card.until(shown);
  await card.tap("ok");
}

/** Moves a contact and back again, a few times, within the time of a bounce by the chip's clock. */
async function flutter(card: EmulatedBoard, key: KeyName, moved: boolean): Promise<void> {
  // From the first move on, the chip checks the contact more often.
  const start = await card.now();
  for (let i = 0; i < MOVES; i++) {
    await card.contact(key, moved);
    await card.rest();
    await card.contact(key, !moved);
    await card.rest();
  }
  assert.ok((await card.now()) - start < BOUNCE);
}

/** A press of a worn contact: it bounces both ways. */
async function pressWorn(card: EmulatedBoard, key: KeyName): Promise<void> {
  await flutter(card, key, true);
  await card.contact(key, true);
  await card.wait(3 * BOUNCE);
  await flutter(card, key, false);
  await card.contact(key, false);
  await card.wait(5 * BOUNCE);
}

boardTest(
  pins,
  ["development"],
  "a login runs from the first hold to a dark screen, as drawn in docs/board.svg (npm run picture)",
  () =>
    withCard(async (card) => {
      assert.is(card.read().trim(), "");
      const shots = await shoot(card);
      assert.equal(
        shots.map(({ pixels }) => readText(pixels).trim()),
        ["PIN>****", "CHALLNG>", CHALLENGE, expected(CHALLENGE)],
      );
      assert.fixture(readFileSync(join(ROOT, "docs", "board.svg"), "utf8"), drawScreens(shots));
      await card.tap("ok");
      await card.until("CHALLNG>");
      await card.hold("press", "");
      assert.not(card.screen.on);
    }),
);

boardTest(pins, ["development"], "a wrong PIN is counted in flash", () =>
  withCard(async (card) => {
    await turnOn(card);
    await enter(card, WRONG_PIN, "PIN>****");
    await card.until("LEFT 4");
    await card.until("PIN>");
    await card.reset();
    assert.is(card.read().trim(), "");
    await turnOn(card);
    await enter(card, WRONG_PIN, "PIN>****");
    await card.until("LEFT 3");
  }),
);

boardTest(pins, ["development"], "every key works", () =>
  withCard(async (card) => {
    await turnOn(card);
    await enter(card, DEMO.pin, "PIN>****");
    await card.until("CHALLNG>");
    let entered = "";
    for (const digit of "098765") {
      entered += digit;
      await card.type(digit);
      await card.until(entered);
    }
    await card.tap("press");
    await card.until("CHALLNG>");
    for (const digit of "4321") {
      await card.type(digit);
      await card.until(digit);
      await card.tap("press");
      await card.until("CHALLNG>");
    }
  }),
);

boardTest(pins, ["development"], "a contact that bounces counts once", () =>
  withCard(async (card) => {
    await turnOn(card);
    await pressWorn(card, "4");
    assert.is(card.read(), "PIN>*   ");
  }),
);

boardTest(pins, ["development"], "a contact that only bounces does not count", () =>
  withCard(async (card) => {
    await turnOn(card);
    await flutter(card, "7", true);
    await card.wait(5 * BOUNCE);
    assert.is(card.read(), "PIN>    ");
  }),
);

boardTest(pins, ["development"], "a hold of PRESS turns the card on while it is down, and a short press does not", () =>
  withCard(async (card) => {
    await card.tap("press");
    await card.wait(300);
    assert.is(card.read().trim(), "");
    await card.hold("press", "PIN>");
    await card.wait(5 * BOUNCE);
    assert.is(card.read(), "PIN>    ", "the hold has had its effect, release has none");
  }),
);

boardTest(pins, ["development"], "the production image works, also after a reset", async () => {
  const card = await EmulatedBoard.start({ image: buildImages("production"), flash: demoFlash() });
  try {
    await turnOn(card);
    await card.reset();
    await turnOn(card);
  } finally {
    await card.stop();
  }
});

pins.run();
