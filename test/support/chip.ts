// The chip in QEMU with a development image: keys through the front panel, time by command. It runs from rest to rest, so
// that the contents of its memory do not depend on how busy this computer is.

import type { PortName } from "../../board/builder/ports.js";
import { Machine } from "../../board/emulator/machine.js";
import { Rests } from "../../board/emulator/rests.js";
import { Channel, Key } from "../../firmware/wire.js";
import { encodeFrame } from "../../host-tools/card/frame.js";
import { FULL_BATTERY, KEYS, type KeyName } from "../../sim/core/card.js";
import { type Answer, encodeCommand, Op, Splitter } from "./development.js";

/** How long `press` and `hold` keep a key down, and how long they wait after it, in ms. */
const TAP_TIME = 80;
const HOLD_TIME = 1000;
const UP_TIME = 40;

/** How often the chip may rest before it answers. */
const MOST_RESTS = 1000;

export class Chip {
  readonly machine: Machine;
  readonly #rests: Rests;
  readonly #answers: Answer[] = [];

  private constructor(machine: Machine, rests: Rests) {
    this.machine = machine;
    this.#rests = rests;
    const splitter = new Splitter(({ answer }) => this.#answers.push(answer));
    machine.serial?.on("data", (bytes: Buffer) => splitter.take(bytes));
  }

  /** Starts the image with a card's flash; its random source is seeded and its time stands still. */
  static async start(image: string, flash: Uint8Array, seed: number, port: PortName = "microbit"): Promise<Chip> {
    const machine = await Machine.start({ image, port, flash, haltsAtReset: true, stepped: true });
    const chip = new Chip(machine, await Rests.begin(machine, image));
    await chip.command(Op.SEED, seed);
    await chip.wait(0);
    // The card's own clock had already started.
    await chip.command(Op.BATTERY, 0);
    await chip.command(Op.BATTERY, FULL_BATTERY);
    return chip;
  }

  async command(op: Op, number = 0, flag = false): Promise<Answer> {
    this.#send(encodeCommand(op, number, flag));
    return this.#answer();
  }

  /** Sends a command that makes the card reset itself, and waits for the reset. */
  async dieOf(op: Op): Promise<void> {
    this.#send(encodeCommand(op));
    for (let left = MOST_RESTS; !(await this.machine.hasHalted()); left--) {
      if (left === 0) throw new Error("the chip lives on");
      await this.#rests.next();
    }
  }

  /** Sends a command that resets the card before it can answer, and stops where it would start again, at `address`. */
  async diesAt(op: Op, address: number): Promise<void> {
    await this.machine.debugger.stopAt(address);
    this.#send(encodeCommand(op));
    for (let left = MOST_RESTS; (await this.machine.debugger.place()) !== address; left--) {
      if (left === 0) throw new Error("the chip lives on");
      await this.#rests.next();
    }
  }

  /** All of the chip's RAM while it sleeps: nothing is under way. */
  readRam(): Promise<Buffer> {
    return this.machine.readRam();
  }

  /** Lets the chip sleep again and check its contacts. */
  rest(): Promise<void> {
    return this.#rests.next();
  }

  wait(ms: number): Promise<Answer> {
    return this.command(Op.PASS, ms);
  }

  async hold(key: KeyName, ms = HOLD_TIME): Promise<Answer> {
    this.#contact(key, true);
    await this.wait(ms);
    this.#contact(key, false);
    return this.wait(UP_TIME);
  }

  press(key: KeyName): Promise<Answer> {
    return this.hold(key, TAP_TIME);
  }

  async type(digits: string): Promise<void> {
    for (const digit of digits) await this.press(digit as KeyName);
  }

  /** Types digits, presses OK and returns what the card shows. */
  async enter(digits: string): Promise<string> {
    await this.type(digits);
    return (await this.press("ok")).text.trimEnd();
  }

  /** Bytes arrive on the serial line and are processed. */
  async receive(bytes: Uint8Array): Promise<Answer> {
    this.#send(bytes);
    return this.command(Op.STATUS);
  }

  stop(): Promise<void> {
    return this.machine.stop();
  }

  #contact(key: KeyName, closed: boolean): void {
    const number = key === "ok" ? Key.OK : key === "press" ? Key.PRESS : KEYS.indexOf(key);
    this.#send(encodeFrame(Channel.PANEL, Uint8Array.of(number, closed ? 1 : 0)));
  }

  #send(bytes: Uint8Array): void {
    this.machine.serial?.write(bytes);
  }

  /** The next answer. The chip then rests once more, so that what the answer left on the stack is gone. */
  async #answer(): Promise<Answer> {
    for (let left = MOST_RESTS; this.#answers.length === 0; left--) {
      if (left === 0) throw new Error("the chip does not answer");
      await this.#rests.next();
    }
    return this.#answers.shift() as Answer;
  }
}
