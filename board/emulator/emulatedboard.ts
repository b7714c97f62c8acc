// A card on the emulated chip as its owner has it: keys by its contacts, the screen by its pixels.

import { setTimeout as sleep } from "node:timers/promises";
import type { KeyName } from "../../sim/core/card.js";
import { addressOf } from "../builder/sizes.js";
import { I2cBus } from "./i2c.js";
import { Machine, type MachineOptions } from "./machine.js";
import { readText } from "./reading.js";
import { Rests } from "./rests.js";
import { HEIGHT, Ssd1306, WIDTH } from "./ssd1306.js";
import { KEY_PINS, SCREEN_PINS } from "./wiring.js";

/** How long a contact is closed for a press, and open after it (ms of the chip's own clock). */
const TAP_TIME = 60;
const UP_TIME = 40;
/** How often the chip must have looked at its contacts by then: where it runs by itself, its clock may jump. */
const LEAST_ROUNDS = 4;
/** How long something may take that is waited for (ms of the chip's own clock). */
const TIME_LIMIT = 20_000;
/** How often in a row the chip's clock may be found where it was: it stands still where a debugger has stopped it. */
const MOST_LOOKS = 20_000;

export interface EmulatedBoardOptions extends Omit<MachineOptions, "watch"> {
  /** The chip runs by itself, for people; otherwise it goes from rest to rest, and each run is the same. */
  readonly runs?: boolean;
}

export class EmulatedBoard {
  readonly machine: Machine;
  readonly screen: Ssd1306;
  readonly #eye: Eye;
  /** Where the port keeps the milliseconds that its main loop has seen. */
  readonly #clock: number;
  /** Lets the chip go on for a moment. */
  readonly #step: () => Promise<unknown>;

  private constructor(machine: Machine, eye: Eye, clock: number, step: () => Promise<unknown>) {
    this.machine = machine;
    this.#clock = clock;
    this.screen = eye.screen;
    this.#eye = eye;
    this.#step = step;
  }

  static async start({ runs = false, ...options }: EmulatedBoardOptions): Promise<EmulatedBoard> {
    const eye = new Eye();
    const watch = (pin: number, high: boolean) => eye.edge(pin, high);
    const machine = await Machine.start({ ...options, stepped: !runs, watch });
    const rests = runs ? undefined : await Rests.begin(machine, options.image);
    const step = () => (rests ? rests.next() : sleep(1));
    const board = new EmulatedBoard(machine, eye, addressOf(options.image, "now"), step);
    await board.#booted(0);
    return board;
  }

  stop(): Promise<void> {
    return this.machine.stop();
  }

  // ---- keys ----

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

  /** Lets the chip go on for a moment: to its next rest, where it does not run by itself. */
  async rest(): Promise<void> {
    await this.#step();
  }

  /** Waits for `ms` of the chip's own time, in which its main loop goes round a few times. */
  wait(ms: number): Promise<void> {
    return this.#go((passed, rounds) => passed >= ms && rounds >= LEAST_ROUNDS);
  }

  /** Lets the chip go on until `done`, which is told the time since (ms), and how often the main loop saw another. */
  async #go(done: (passed: number, rounds: number) => boolean, otherwise = () => "it never happens"): Promise<void> {
    let last = await this.now();
    let [passed, rounds, looks] = [0, 0, 0];
    while (!done(passed, rounds)) {
      if (passed > TIME_LIMIT) throw new Error(otherwise());
      if (++looks > MOST_LOOKS) throw new Error("the chip's clock stands still");
      await this.#step();
      const now = await this.now();
      if (now === last) continue;
      // A reset begins it anew.
      passed += Math.max(0, now - last);
      [last, looks] = [now, 0];
      rounds++;
    }
  }

  /** The milliseconds that the chip's main loop has seen. */
  async now(): Promise<number> {
    return (await this.machine.readMemory(this.#clock, 4)).readUInt32LE();
  }

  /** Presses the reset button, and waits until the port has started again. */
  async reset(): Promise<void> {
    const runs = await this.machine.isRunning();
    if (runs) await this.machine.pause(true);
    // What the pins did until now is told before the answer to this.
    await this.contact("press", false);
    this.#eye.masterReset();
    const { written } = this.screen;
    await this.machine.reset();
    if (runs) await this.machine.pause(false);
    await this.#booted(written);
  }

  /** The port begins by clearing the screen's memory, of which `before` bytes were written before that. */
  #booted(before: number): Promise<void> {
    const isClear = () => this.screen.written - before >= (WIDTH * HEIGHT) / 8;
    return this.#go(isClear, () => "the image does not start its screen");
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
  async until(wanted: string | RegExp): Promise<string> {
    const isShown = () => {
      const shown = this.read().trimEnd();
      return typeof wanted === "string" ? shown === wanted : wanted.test(shown);
    };
    await this.#go(isShown, () => `the screen never showed ${wanted}; it shows "${this.read()}"`);
    return this.read();
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
