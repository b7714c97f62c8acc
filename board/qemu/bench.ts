// A card on the emulated chip as its owner has it: fingers on its contacts, eyes on its pixels.

import { setTimeout as sleep } from "node:timers/promises";
import { addressOf } from "../../scripts/boardsizes.js";
import type { KeyName } from "../../sim/card.js";
import { I2cBus } from "./i2c.js";
import { Machine, type MachineOptions } from "./machine.js";
import { readText } from "./reading.js";
import { HEIGHT, Ssd1306, WIDTH } from "./ssd1306.js";
import { KEY_PINS, SCREEN_PINS } from "./wiring.js";

/** How long a contact is closed for a press, and open after it (ms of the chip's own clock). */
const TAP_TIME = 60;
const UP_TIME = 40;
/** How often the chip must have looked at its contacts by then: on a busy machine its clock jumps. */
const LOOKS = 4;
const POLL = 5;
const PATIENCE = 20_000;

export class Bench {
  readonly machine: Machine;
  readonly screen: Ssd1306;
  readonly #eye: Eye;
  /** Where the port keeps the milliseconds that its main loop has seen. */
  readonly #clock: number;

  private constructor(machine: Machine, eye: Eye, clock: number) {
    this.machine = machine;
    this.#clock = clock;
    this.screen = eye.screen;
    this.#eye = eye;
  }

  static async start(options: MachineOptions): Promise<Bench> {
    const eye = new Eye();
    const machine = await Machine.start({ ...options, watch: (pin, high) => eye.edge(pin, high) });
    const bench = new Bench(machine, eye, addressOf(options.image, "now"));
    await bench.#booted(0);
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
  async tap(key: KeyName): Promise<void> {
    await this.contact(key, true);
    await this.wait(TAP_TIME);
    await this.contact(key, false);
    await this.wait(UP_TIME);
  }

  /** Holds a key down until the screen shows a text. */
  async hold(key: KeyName, wanted: string): Promise<void> {
    await this.contact(key, true);
    await this.until(wanted);
    await this.contact(key, false);
    await this.wait(UP_TIME);
  }

  async type(digits: string): Promise<void> {
    for (const digit of digits) await this.tap(digit as KeyName);
  }

  // ---- time ----

  /** Waits until the chip's main loop has gone round for `ms` of its own time. */
  async wait(ms: number): Promise<void> {
    const end = Date.now() + PATIENCE;
    const start = await this.#now();
    for (let last = start, looks = 0; looks < LOOKS || last - start < ms; ) {
      if (Date.now() > end) throw new Error("the chip's clock stands still");
      await sleep(1);
      const now = await this.#now();
      if (now !== last) looks++;
      last = now;
    }
  }

  async #now(): Promise<number> {
    return (await this.machine.readMemory(this.#clock, 4)).readUInt32LE();
  }

  /** Presses the reset button, and waits until the port has started again. */
  async reset(): Promise<void> {
    await this.machine.pause(true);
    // What the pins did until now is told before the answer to this.
    await this.contact("press", false);
    this.#eye.masterReset();
    const { written } = this.screen;
    await this.machine.reset();
    await this.machine.pause(false);
    await this.#booted(written);
  }

  /** The port begins by clearing the screen's memory, of which `before` bytes were written before that. */
  async #booted(before: number): Promise<void> {
    const end = Date.now() + PATIENCE;
    while (this.screen.written - before < (WIDTH * HEIGHT) / 8) {
      if (Date.now() > end) throw new Error("the image does not start its screen");
      await sleep(POLL);
    }
  }

  // ---- eyes ----

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

  masterReset(): void {
    this.#bus.masterReset();
  }

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
