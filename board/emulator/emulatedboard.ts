// A card on the emulated chip, used as its owner uses it: keys through contacts, the screen through pixels.

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
/** Least rounds of the main loop in a wait, since the clock of a chip that runs freely may jump. */
const LEAST_ROUNDS = 4;
/** The longest wait for an event (ms of the chip's own clock). */
const TIME_LIMIT = 20_000;
/**
 * The most readings in a row without progress of the chip's clock, which stops while a debugger has stopped the chip.
 */
const MOST_LOOKS = 20_000;

export interface EmulatedBoardOptions extends Omit<MachineOptions, "watch"> {
  /** The chip runs freely, for people; otherwise it goes from rest to rest, and each run is the same. */
  readonly runs?: boolean;
}

export class EmulatedBoard {
  readonly machine: Machine;
  readonly screen: Ssd1306;
  readonly #eye: Eye;
  /** The address of the port's clock, as its main loop last read it. */
  readonly #clock: number;
  /** Lets the chip run for a moment. */
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

  /** Moves a contact. */
  contact(key: KeyName, closed: boolean): Promise<void> {
    return this.machine.pins.set(KEY_PINS[key].gpio, !closed);
  }

  /** Presses and releases a key. */
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

  /** Lets the chip run for a moment: to its next rest, unless it runs freely. */
  async rest(): Promise<void> {
    await this.#step();
  }

  /** Waits for `ms` of the chip's own time and at least LEAST_ROUNDS rounds of its main loop. */
  wait(ms: number): Promise<void> {
    return this.#go((passed, rounds) => passed >= ms && rounds >= LEAST_ROUNDS);
  }

  /**
   * Lets the chip run until `done`, which gets the time passed (ms) and the number of main-loop rounds with a new time.
   */
  async #go(done: (passed: number, rounds: number) => boolean, otherwise = () => "it never happens"): Promise<void> {
    let last = await this.now();
    let [passed, rounds, looks] = [0, 0, 0];
    while (!done(passed, rounds)) {
      if (passed > TIME_LIMIT) throw new Error(otherwise());
      if (++looks > MOST_LOOKS) throw new Error("the chip's clock stands still");
      await this.#step();
      const now = await this.now();
      if (now === last) continue;
      // A reset restarts the clock.
      passed += Math.max(0, now - last);
      [last, looks] = [now, 0];
      rounds++;
    }
  }

  /** The chip's time in ms, as its main loop last read it. */
  async now(): Promise<number> {
    return (await this.machine.readMemory(this.#clock, 4)).readUInt32LE();
  }

  /** Presses the reset button, and waits until the port has started again. */
  async reset(): Promise<void> {
    const runs = await this.machine.isRunning();
    if (runs) await this.machine.pause(true);
    // QEMU reports earlier edges of the pins before it answers this.
    await this.contact("press", false);
    this.#eye.masterReset();
    const { written } = this.screen;
    await this.machine.reset();
    if (runs) await this.machine.pause(false);
    await this.#booted(written);
  }

  /**
   * Waits until the port has cleared the screen's memory, its first action. `before` bytes were written before that.
   */
  #booted(before: number): Promise<void> {
    const isClear = () => this.screen.written - before >= (WIDTH * HEIGHT) / 8;
    return this.#go(isClear, () => "the image does not start its screen");
  }

  // ---- eyes ----

  /** 128 x 32 pixels, 1 where lit. Throws if the screen got invalid bytes. */
  pixels(): Uint8Array {
    if (this.#eye.error) throw this.#eye.error;
    return this.screen.pixels();
  }

  /** The eight characters on the screen. */
  read(): string {
    return readText(this.pixels());
  }

  /** Waits until the screen shows a text, trailing blanks ignored. Returns all eight characters. */
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
  /** The first error of the screen, which ignores everything after it. */
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
