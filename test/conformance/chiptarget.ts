// The chip in QEMU with a clock of its own: it goes from rest to rest, and its time is read from a timer of the chip that
// no image uses. So what is measured of it does not depend on how busy this computer is.

import { Machine } from "../../board/emulator/machine.js";
import { Rests } from "../../board/emulator/rests.js";
import type { Clock, Target } from "./target.js";

/** TIMER1 (nRF51 Series Reference Manual, 18), set to count microseconds in 32 bits as the port's TIMER0 is. */
const TIMER = {
  start: 0x40009000,
  capture: 0x40009040,
  bitMode: 0x40009508,
  prescaler: 0x40009510,
  captured: 0x40009540,
} as const;
const BITS_32 = 3;
const MICROSECONDS = 4;

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

export class ChipTarget implements Target {
  readonly name = "QEMU";
  readonly careful = false;
  readonly clock: Clock = { now: () => this.#ms, sleep: (ms, signal) => this.#sleep(ms, signal) };
  onBytes: (bytes: Uint8Array) => void = () => {};
  onEnd: (reason: string) => void = () => {};
  readonly #machine: Machine;
  readonly #rests: Rests;
  #ms = 0;
  /** The timer when it was read last, in us. */
  #read = 0;
  #sleepers: Sleeper[] = [];
  /** What the chip said since its last rest. */
  #said: Buffer[] = [];
  #closed = false;
  readonly #going: Promise<void>;

  private constructor(machine: Machine, rests: Rests) {
    this.#machine = machine;
    this.#rests = rests;
    machine.serial?.on("data", (bytes: Buffer) => this.#said.push(bytes));
    this.#going = this.#goOn().catch((error: Error) => this.onEnd(error.message));
  }

  static async open(image: string): Promise<ChipTarget> {
    const machine = await Machine.start({ image, stepped: true });
    const rests = await Rests.begin(machine, image);
    await machine.pins.write(TIMER.bitMode, BITS_32);
    await machine.pins.write(TIMER.prescaler, MICROSECONDS);
    await machine.pins.write(TIMER.start, 1);
    return new ChipTarget(machine, rests);
  }

  send(bytes: Uint8Array): void {
    this.#machine.serial?.write(bytes);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.onEnd = () => {};
    await this.#going;
    await this.#machine.stop();
  }

  async #goOn(): Promise<void> {
    while (!this.#closed) {
      await this.#rests.next();
      // A sleep has passed since the chip spoke: what it said is of the time when it woke.
      const now = await this.#readClock();
      for (const bytes of this.#said.splice(0)) this.onBytes(bytes);
      this.#ms = now;
      for (const sleeper of this.#sleepers) if (sleeper.until <= this.#ms) sleeper.wake();
      // Whoever waited for that acts before the chip goes on.
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
  }

  async #readClock(): Promise<number> {
    const { pins } = this.#machine;
    const [, now] = await Promise.all([pins.write(TIMER.capture, 1), pins.read(TIMER.captured)]);
    const passed = (now - this.#read) >>> 0;
    this.#read = now;
    return this.#ms + passed / 1000;
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        resolve();
      };
      const sleeper = { until: this.#ms + ms, wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }
}
