// The chip in QEMU with a clock of its own. It runs from one sleep to the next, and its time is read from a timer of
// the chip that no image uses, so figures do not depend on how busy this computer is.

import { emulatorOf, type PortName } from "../../board/builder/ports.js";
import { Machine } from "../../board/emulator/machine.js";
import { Rests } from "../../board/emulator/rests.js";
import type { Emulator } from "../../board/ports/port.js";
import type { Clock, Target } from "./target.js";

/** The chip of a port as messages name it. */
export function nameOf(port: PortName): string {
  return port === "microbit" ? "QEMU" : port;
}

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

export class ChipTarget implements Target {
  readonly name: string;
  readonly careful = false;
  readonly clock: Clock = { now: () => this.#ms, sleep: (ms, signal) => this.#sleep(ms, signal) };
  onBytes: (bytes: Uint8Array) => void = () => {};
  onEnd: (reason: string) => void = () => {};
  readonly #machine: Machine;
  readonly #rests: Rests;
  #ms = 0;
  /** The timer that gives the time, and its last value. */
  readonly #timer: Emulator["timer"];
  #read: number;
  #sleepers: Sleeper[] = [];
  /** What the chip has sent since its last sleep. */
  #said: Buffer[] = [];
  #closed = false;
  readonly #going: Promise<void>;

  private constructor(machine: Machine, rests: Rests, read: number) {
    this.name = nameOf(machine.port);
    this.#machine = machine;
    this.#rests = rests;
    this.#timer = emulatorOf(machine.port).timer;
    this.#read = read;
    machine.serial?.on("data", (bytes: Buffer) => this.#said.push(bytes));
    this.#going = this.#goOn().catch((error: Error) => this.onEnd(error.message));
  }

  static async open(image: string, port: PortName = "microbit"): Promise<ChipTarget> {
    const machine = await Machine.start({ image, port, stepped: true });
    const rests = await Rests.begin(machine, image);
    const { start, value } = emulatorOf(port).timer;
    for (const [register, word] of start) await machine.pins.write(register, word);
    return new ChipTarget(machine, rests, await machine.pins.read(value));
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
      // The chip has slept since it sent this, so the bytes get the time of its last wake-up.
      const now = await this.#readClock();
      for (const bytes of this.#said.splice(0)) this.onBytes(bytes);
      this.#ms = now;
      for (const sleeper of this.#sleepers) if (sleeper.until <= this.#ms) sleeper.wake();
      // Code that waits for these bytes must run before the chip goes on.
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
  }

  async #readClock(): Promise<number> {
    const { pins } = this.#machine;
    const { capture, value, ticksPerMs } = this.#timer;
    const [, now] = await Promise.all([capture && pins.write(...capture), pins.read(value)]);
    const passed = (now - this.#read) >>> 0;
    this.#read = now;
    return this.#ms + passed / ticksPerMs;
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
