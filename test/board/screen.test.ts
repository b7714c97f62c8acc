// The screen of the micro:bit port: its driver on the emulated chip, seen through the edges of its two pins.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { EmulatedBoard } from "../../board/emulator/emulatedboard.js";
import { I2cBus } from "../../board/emulator/i2c.js";
import { readText } from "../../board/emulator/reading.js";
import { HEIGHT, Ssd1306, WIDTH } from "../../board/emulator/ssd1306.js";
import { SCREEN_PINS } from "../../board/emulator/wiring.js";
import { ROOT } from "../../host-tools/files/project.js";
import { boardTest, portImage } from "../support/board.js";
import { screenTexts } from "../support/screentexts.js";
import { suite } from "../support/suite.js";

const screen = suite("board: screen");

const BLANK = " ".repeat(8);
/** Bytes of the display's RAM per character. */
const CELL = 64;

/** How often the chip may sleep before it has shown the text. */
const MOST_RESTS = 1000;

/** The test image: it shows what it is sent. */
class Driver {
  readonly board: EmulatedBoard;
  #answers = 0;
  #wanted = 0;

  private constructor(board: EmulatedBoard) {
    this.board = board;
    board.machine.serial?.on("data", (bytes: Buffer) => {
      this.#answers += bytes.length;
    });
  }

  static async start(): Promise<Driver> {
    const driver = new Driver(await EmulatedBoard.start({ image: portImage("screen.c") }));
    await driver.answered();
    return driver;
  }

  /** Runs the chip until its next answer. */
  async answered(): Promise<void> {
    this.#wanted++;
    for (let left = MOST_RESTS; this.#answers < this.#wanted; left--) {
      if (left === 0) throw new Error("the image does not answer");
      await this.board.rest();
    }
  }

  /** Shows a text. Returns how many bytes of pixels that took. */
  async show(text: string): Promise<number> {
    const before = this.board.screen.written;
    this.board.machine.serial?.write(text.padEnd(8), "latin1");
    await this.answered();
    return this.board.screen.written - before;
  }
}

async function withDriver(run: (driver: Driver) => Promise<void>): Promise<void> {
  const driver = await Driver.start();
  try {
    await run(driver);
  } finally {
    await driver.board.stop();
  }
}

/** All texts that the firmware can show, read from its source. */
function texts(): string[] {
  const fixed = screenTexts();
  const starred = ["PIN>", "NEW>", "REP>"].flatMap((prompt) => [1, 2, 3, 4].map((n) => prompt + "*".repeat(n)));
  const digits = Array.from({ length: 8 }, (_, i) => "90817263".slice(0, i + 1));
  const numbers = Array.from({ length: 10 }, (_, i) => [`LEFT ${i}`, `ERROR 0${i}`, `TEST ${i}${9 - i}`]).flat();
  return [...fixed, ...starred, ...digits, "44556600", ...numbers, "********"];
}

boardTest(screen, ["development"], "shows every text of the firmware so that it can be read", () =>
  withDriver(async (driver) => {
    for (const text of texts()) {
      await driver.show(text);
      assert.is(driver.board.read(), text.padEnd(8));
    }
  }),
);

boardTest(screen, ["development"], "draws segments", () =>
  withDriver(async (driver) => {
    await driver.show("8*R>");
    const pixels = driver.board.pixels();
    const rows = Array.from({ length: HEIGHT }, (_, y) =>
      Array.from(pixels.subarray(y * WIDTH, y * WIDTH + 64), (lit) => (lit ? "#" : ".")).join(""),
    );
    assert.fixture(`${rows.join("\n")}\n`, readFileSync(join(ROOT, "test", "board", "segments.txt"), "utf8"));
  }),
);

boardTest(screen, ["development"], "sends only the characters that changed", () =>
  withDriver(async (driver) => {
    assert.is(await driver.show("PIN>"), 8 * CELL, "all, where RAM may hold anything");
    assert.is(await driver.show("PIN>"), 0);
    assert.is(await driver.show("PIN>*"), CELL);
    assert.is(await driver.show("PIN>"), CELL);
    assert.is(await driver.show("12345678"), 8 * CELL);
    assert.is(await driver.show("12345679"), CELL);
  }),
);

boardTest(screen, ["development"], "is dark when off, with nothing left in the controller", () =>
  withDriver(async (driver) => {
    const isClear = () => driver.board.screen.ram.subarray(0, 4 * WIDTH).every((byte) => byte === 0);
    assert.not(driver.board.screen.on, "from the start");
    assert.ok(isClear(), "what a reset may have left is gone");
    await driver.show("12345678");
    assert.ok(driver.board.screen.on);
    await driver.show(BLANK);
    assert.not(driver.board.screen.on);
    assert.ok(isClear());
    assert.not(driver.board.pixels().some((lit) => lit));
  }),
);

boardTest(screen, ["development"], "does not hang on a screen that is missing, or on lines that are stuck", () =>
  withDriver(async (driver) => {
    // The emulated chip never gets an acknowledgement; now its lines are also held low.
    for (const { gpio } of Object.values(SCREEN_PINS)) await driver.board.machine.pins.set(gpio, false);
    await driver.show("CHALLNG>");
    await driver.board.reset();
    await driver.answered();
    await driver.show("PIN>");
  }),
);

// ---- the model itself ----

/** A bus with a screen on it, and a master that may do anything. */
function master(): { bus: I2cBus; device: Ssd1306; send: (...bytes: number[]) => void } {
  const device = new Ssd1306();
  const bus = new I2cBus(device);
  const bit = (high: boolean) => {
    bus.sda(high);
    bus.scl(true);
    bus.scl(false);
  };
  const send = (...bytes: number[]) => {
    bus.sda(false);
    bus.scl(false);
    for (const byte of bytes) {
      for (let mask = 0x80; mask; mask >>= 1) bit((byte & mask) !== 0);
      bit(true);
    }
    bus.sda(false);
    bus.scl(true);
    bus.sda(true);
  };
  return { bus, device, send };
}

const SET_UP = [0xa8, 31, 0xda, 2, 0x8d, 0x14, 0x20, 0];

screen("the model refuses commands that the controller does not know", () => {
  assert.throws(() => master().send(0x78, 0x00, 0xac), /command 0xac: unknown/);
  assert.throws(() => master().send(0x7a, 0x00), /address byte 0x7a/);
  assert.throws(() => master().send(0x78, 0x80), /control byte 0x80/);
  assert.throws(() => master().send(0x78, 0x00, 0x21, 16, 128), /a window from 16 to 128/);
  assert.throws(() => master().send(0x78, 0x00, 0x20, 2), /memory mode 2/);
  assert.throws(() => master().send(0x78, 0x00, ...SET_UP.slice(2), 0xaf), /turned on with .*"rows":64/);
});

screen("the model refuses invalid I2C", () => {
  const { bus, send } = master();
  send(0x78, 0x00, 0xae);
  bus.sda(false);
  bus.scl(false);
  bus.scl(true);
  bus.scl(false);
  bus.scl(true);
  assert.throws(() => bus.sda(true), /SDA moved in bit 2/);

  const held = master().bus;
  held.sda(false);
  held.scl(false);
  const clock = () => {
    held.scl(true);
    held.scl(false);
  };
  for (let i = 0; i < 8; i++) clock();
  assert.throws(clock, /acknowledgement/);
});

screen("the model shows its memory, rotated and inverted as commanded", () => {
  const { device, send } = master();
  const lit = () => {
    const pixels = device.pixels();
    return [...pixels.keys()].filter((i) => pixels[i] === 1).map((i) => `${i % WIDTH},${Math.floor(i / WIDTH)}`);
  };
  send(0x78, 0x00, ...SET_UP, 0x21, 0, 127, 0x22, 0, 3);
  send(0x78, 0x40, ...new Array(512).fill(0), 0x02);
  assert.equal(lit(), [], "off");
  send(0x78, 0x00, 0xaf);
  assert.equal(lit(), ["127,30"]);
  send(0x78, 0x00, 0xa1, 0xc8);
  assert.equal(lit(), ["0,1"]);
  send(0x78, 0x00, 0xa7);
  assert.is(lit().length, WIDTH * HEIGHT - 1);
  send(0x78, 0x00, 0xa6, 0xa5);
  assert.is(lit().length, WIDTH * HEIGHT);
});

screen("an unknown segment pattern is read as no character", () => {
  const pixels = new Uint8Array(WIDTH * HEIGHT);
  assert.is(readText(pixels), BLANK);
  pixels[8 * WIDTH + 2] = 1;
  pixels[16] = 1;
  assert.is(readText(pixels), "??      ");
});

screen.run();
