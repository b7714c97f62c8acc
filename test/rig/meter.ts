// The meter in QEMU: calls the module's exports one by one on the emulated chip, and counts the instructions of each
// call.

import { Machine } from "../../board/emulator/machine.js";
import type { RandomSource } from "../../sim/core/random.js";
import { ICOUNT, INSTRUCTIONS_PER_TICK, MeterLine } from "./meterline.js";

/** Bytes of an answer before what the card sent. */
const HEADER = 32;
/** The result if the meter has just started: the chip was reset. */
const STARTED = 0xffffffff;

/** The result of a call. */
export interface Reading {
  /** Instructions from the call to its return. */
  readonly instructions: number;
  /** Instructions up to the last change of the screen; 0 if it did not change. */
  readonly toScreen: number;
  /** The return value of the export: ms until its next call is due. */
  readonly due: number;
  /** The most stack in use so far, in bytes. */
  readonly stack: number;
  /** The address of the skipped instruction; 0 if none was skipped. */
  readonly skipped: number;
  readonly state: number;
  readonly on: boolean;
  /** The screen, without the blanks at its end. */
  readonly display: string;
  /** What the card sent. */
  readonly sent: Uint8Array;
}

/** The meter's random source, for a simulated card that must draw the same numbers. */
export class MeterRandom implements RandomSource {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  get state(): readonly number[] {
    return [this.#state];
  }

  set state([state = 0]: readonly number[]) {
    this.#state = state;
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) {
      this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
      bytes[i] = this.#state >>> 24;
    }
  }
}

/** The chip was reset: it trapped, or hung. */
export class MeterReset extends Error {
  override name = "MeterReset";
}

export class Meter {
  readonly #machine: Machine;
  readonly #line: MeterLine;
  #overhead = 0;
  /** Settles when all requests have been answered. */
  #answered: Promise<unknown> = Promise.resolve();

  private constructor(machine: Machine) {
    this.#machine = machine;
    this.#line = new MeterLine(machine);
  }

  /** Starts QEMU with the meter's image; the card is not booted yet. */
  static async start(image: string): Promise<Meter> {
    const meter = new Meter(await Machine.start({ image, icount: ICOUNT }));
    await meter.#answer().catch(() => {});
    const nothing = await meter.#request("n");
    meter.#overhead = nothing.instructions;
    return meter;
  }

  /** Inserts a battery. */
  boot(): Promise<Reading> {
    return this.#request("b");
  }

  /** Contact `key` (0-9, 10 OK, 11 PRESS) closes or opens. */
  key(key: number, closed: boolean): Promise<Reading> {
    return this.#request("k", key, closed ? 1 : 0);
  }

  tick(ms: number): Promise<Reading> {
    return this.#request("t", ms);
  }

  /** Bytes arrive on the serial line. */
  serial(bytes: Uint8Array): Promise<Reading> {
    return this.#request("s", bytes.length, 0, bytes);
  }

  /** Writes the card's flash (4,096 bytes). */
  flash(contents: Uint8Array): Promise<Reading> {
    return this.#request("f", contents.length, 0, contents);
  }

  /** Restarts the random source. */
  seed(seed: number): Promise<Reading> {
    return this.#request("r", seed);
  }

  /** Computes the response in plain C, from a key of 32 bytes and a challenge of six digits. */
  reference(key: Uint8Array, challenge: string): Promise<Reading> {
    return this.#request("c", 0, 0, Buffer.concat([key, Buffer.from(challenge)]));
  }

  /** Saves memory, flash and view of the card in one of eight places, which survive a reset of the chip. */
  save(place: number): Promise<Reading> {
    return this.#request("w", place);
  }

  /** Restores what was saved. */
  load(place: number): Promise<Reading> {
    return this.#request("l", place);
  }

  /**
   * Types four digits and OK, and measures the release of OK. Skips the instruction after the first `skip` ones.
   * Returns the digest in place of `due`.
   */
  enter(digits: string, skip?: number): Promise<Reading> {
    const ticks = skip === undefined ? 0 : Math.floor((skip + 0.5) / INSTRUCTIONS_PER_TICK);
    return this.#request("e", Buffer.from(digits).readUInt32LE(), ticks);
  }

  /** The addresses of the instructions that `run` executes, including those of the meter itself. */
  trace(run: () => Promise<unknown>): Promise<number[]> {
    return this.#machine.trace(run);
  }

  /** A digest of the card's memory and flash. */
  async digest(): Promise<number> {
    return (await this.#request("d")).due;
  }

  /** Resets the chip, which loses everything except its flash. */
  async reset(): Promise<void> {
    await this.#request("z").catch((error) => {
      if (!(error instanceof MeterReset)) throw error;
    });
  }

  stop(): Promise<void> {
    return this.#machine.stop();
  }

  #request(operation: string, a = 0, b = 0, bytes: Uint8Array = new Uint8Array()): Promise<Reading> {
    this.#line.request(operation, a, b, bytes);
    const reading = this.#answered.then(() => this.#answer());
    this.#answered = reading.catch(() => {});
    return reading;
  }

  async #answer(): Promise<Reading> {
    const answer = await this.#line.take(HEADER);
    const sent = await this.#line.take(answer.readUInt16LE(30));
    if (answer.readUInt32LE(8) === STARTED) {
      await this.#machine.nudge();
      throw new MeterReset("the chip was reset");
    }
    return {
      instructions: this.#count(answer.readUInt32LE(0)),
      toScreen: answer.readUInt32LE(4) && this.#count(answer.readUInt32LE(4)),
      due: answer.readUInt32LE(8),
      stack: answer.readUInt32LE(12),
      skipped: answer.readUInt32LE(16),
      state: answer.readUInt8(20),
      on: answer.readUInt8(21) !== 0,
      display: answer.toString("latin1", 22, 30).trimEnd(),
      sent,
    };
  }

  /** Converts ticks into instructions, without those of the measurement itself. */
  #count(ticks: number): number {
    return Math.max(0, Math.round(ticks * INSTRUCTIONS_PER_TICK) - this.#overhead);
  }
}
