// A card on the emulated chip as its owner has it: fingers on its contacts, eyes on its pixels.

import { setTimeout as sleep } from "node:timers/promises";
import type { KeyName } from "../../sim/card.js";
import { I2cBus } from "./i2c.js";
import { Machine, type MachineOptions } from "./machine.js";
import { readText } from "./reading.js";
import { HEIGHT, Ssd1306, WIDTH } from "./ssd1306.js";
import { KEY_PINS, SCREEN_PINS } from "./wiring.js";

/** How long a press takes (ms): long enough where the emulator has to wait for its turn. */
const TAP_TIME = 150;
const UP_TIME = 60;
const POLL = 5;
const PATIENCE = 20_000;

export class Bench {
  readonly machine: Machine;
  readonly screen: Ssd1306;
  readonly #eye: Eye;

  private constructor(machine: Machine, eye: Eye) {
    this.machine = machine;
    this.screen = eye.screen;
    this.#eye = eye;
  }

  static async start(options: MachineOptions): Promise<Bench> {
    const eye = new Eye();
    const machine = await Machine.start({ ...options, watch: (pin, high) => eye.edge(pin, high) });
    const bench = new Bench(machine, eye);
    await bench.#booted();
    return bench;
  }

  stop(): Promise<void> {
    return this.machine.stop();
  }

  // ---- fingers ----

  /** A contact moves. */
  contact(key: KeyName, closed: boolean): Promise<void> {
    return this.machine.pins.set(KEY_PINS[key].gpio, !closed);
  }

  /** Presses a key and lets it go. */
  async tap(key: KeyName, time: number = TAP_TIME): Promise<void> {
    await this.contact(key, true);
    await sleep(time);
    await this.contact(key, false);
    await sleep(UP_TIME);
  }

  /** Holds a key down until the screen shows a text. */
  async hold(key: KeyName, wanted: string): Promise<void> {
    await this.contact(key, true);
    await this.until(wanted);
    await this.contact(key, false);
    await sleep(UP_TIME);
  }

  async type(digits: string): Promise<void> {
    for (const digit of digits) await this.tap(digit as KeyName);
  }

  // ---- eyes ----

  /** The port begins by clearing the screen's memory. */
  async #booted(): Promise<void> {
    const end = Date.now() + PATIENCE;
    while (this.screen.written < (WIDTH * HEIGHT) / 8) {
      if (Date.now() > end) throw new Error("the image does not start its screen");
      await sleep(POLL);
    }
  }

  /** 128 x 32 pixels, 1 where lit. Throws where the screen was told nonsense. */
  pixels(): Uint8Array {
    if (this.#eye.error) throw this.#eye.error;
    return this.screen.pixels();
  }

  /** The eight characters that can be read. */
  read(): string {
    return readText(this.pixels());
  }

  /** Waits until the screen shows a text (blanks at its end apart). Returns all eight characters. */
  async until(wanted: string | RegExp, patience: number = PATIENCE): Promise<string> {
    const end = Date.now() + patience;
    for (;;) {
      const text = this.read();
      const shown = text.trimEnd();
      if (typeof wanted === "string" ? shown === wanted : wanted.test(shown)) return text;
      if (Date.now() > end) throw new Error(`the screen never showed ${wanted}; it shows "${text}"`);
      await sleep(POLL);
    }
  }
}

/** The screen, wired to the chip. */
class Eye {
  readonly screen = new Ssd1306();
  readonly #bus = new I2cBus(this.screen);
  /** What the screen did not understand; it takes nothing after that. */
  error: unknown;

  edge(pin: number, high: boolean): void {
    if (this.error) return;
    try {
      if (pin === SCREEN_PINS.scl.gpio) this.#bus.scl(high);
      else if (pin === SCREEN_PINS.sda.gpio) this.#bus.sda(high);
    } catch (error) {
      this.error = error;
    }
  }
}
