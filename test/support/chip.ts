// The chip in QEMU as somebody with a development image has it: keys over the front panel, time by command.

import { Machine } from "../../board/qemu/machine.js";
import { Channel, Key } from "../../firmware/wire.js";
import { encodeFrame } from "../../host-tools/frame.js";
import { FULL_BATTERY, KEYS, type KeyName } from "../../sim/card.js";
import { Conversation } from "../conformance/conversation.js";
import { type Answer, encodeCommand, Op } from "../conformance/development.js";
import { StreamTarget } from "../conformance/target.js";

/** How long `press` and `hold` keep a key down, and how long they wait after it, in ms. */
const TAP_TIME = 80;
const HOLD_TIME = 1000;
const UP_TIME = 40;

export class Chip {
  readonly machine: Machine;
  readonly #target: StreamTarget;
  readonly #conversation: Conversation;

  private constructor(machine: Machine) {
    if (!machine.serial) throw new Error("the chip's serial line is elsewhere");
    this.machine = machine;
    this.#target = new StreamTarget("QEMU", machine.serial, { close: () => machine.stop() });
    this.#conversation = new Conversation(this.#target);
  }

  /** Starts the image with a card's flash; its random source is seeded and its time stands still. */
  static async start(image: string, flash: Uint8Array, seed: number): Promise<Chip> {
    const chip = new Chip(await Machine.start({ image, flash, haltsAtReset: true }));
    await chip.command(Op.SEED, seed);
    await chip.wait(0);
    // The card's own clock began before.
    await chip.command(Op.BATTERY, 0);
    await chip.command(Op.BATTERY, FULL_BATTERY);
    return chip;
  }

  async command(op: Op, number = 0, flag = false): Promise<Answer> {
    this.#target.send(encodeCommand(op, number, flag));
    return this.#answer();
  }

  /** A command that the card does not live to answer. */
  send(op: Op): void {
    this.#target.send(encodeCommand(op));
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

  /** Bytes arrive on the serial line, and are dealt with. */
  async receive(bytes: Uint8Array): Promise<Answer> {
    this.#target.send(bytes);
    return this.command(Op.STATUS);
  }

  stop(): Promise<void> {
    return this.#target.close();
  }

  #contact(key: KeyName, closed: boolean): void {
    const number = key === "ok" ? Key.OK : key === "press" ? Key.PRESS : KEYS.indexOf(key);
    this.#target.send(encodeFrame(Channel.PANEL, Uint8Array.of(number, closed ? 1 : 0)));
  }

  async #answer(): Promise<Answer> {
    const observed = await this.#conversation.next();
    if (typeof observed === "string") throw new Error(`the chip: ${observed}`);
    return observed.answer;
  }
}
