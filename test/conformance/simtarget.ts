// The simulator as a target: a card that is given bytes. The commands of development images, which
// board/development/development.c carries out on a chip, are carried out from outside.

import { Channel, Slip, State } from "../../firmware/wire.js";
import { Card } from "../../sim/core/card.js";
import { Flash } from "../../sim/core/flash.js";
import { Random } from "../../sim/core/random.js";
import { decodeCommand, decodeFrame, encodeAnswer, Op } from "../support/development.js";
import { type Target, WALL_CLOCK } from "./target.js";

const WIDTH = 8;
/** The simulator does not report the time of the next event. */
const UNKNOWN = 0;
/** channel | op | number | flag | CRC-16 */
const FRAME_SIZE = 9;

/** Faults of a card, which the conformance must notice. */
export interface Faults {
  /** Changes the text that the card reports as its screen. */
  display?(text: string): string;
  /** Changes what the card sends on the serial line. */
  send?(bytes: Uint8Array): Uint8Array;
}

export class SimTarget implements Target {
  readonly name: string;
  readonly careful = false;
  readonly clock = WALL_CLOCK;
  onBytes: (bytes: Uint8Array) => void = () => {};
  onEnd: (reason: string) => void = () => {};
  readonly #module: WebAssembly.Module;
  readonly #faults: Faults;
  readonly #random = new Random(1);
  readonly #tornBits = new Random(1);
  #card: Card;
  #wasCut = false;
  #body: number[] = [];

  constructor(module: WebAssembly.Module, name = "simulator", faults: Faults = {}) {
    this.#module = module;
    this.name = name;
    this.#faults = faults;
    this.#card = this.#blank();
  }

  send(bytes: Uint8Array): void {
    for (const byte of bytes) this.#byte(byte);
  }

  async close(): Promise<void> {}

  #blank(): Card {
    return new Card(this.#module, { flash: new Flash(), random: this.#random });
  }

  /**
  The card takes each byte before the commands do. If power fails at that byte, the commands do not get it either.
  */
  #byte(byte: number): void {
    this.#card.receive(Uint8Array.of(byte));
    this.#passOn();
    if (this.#takeCut()) this.#body = [];
    else if (byte !== Slip.END) this.#body.push(byte);
    else this.#complete();
  }

  #complete(): void {
    const body = Buffer.from(this.#body);
    this.#body = [];
    const frame = decodeFrame(body);
    if (frame?.channel !== Channel.PANEL || frame.payload.length + 3 !== FRAME_SIZE) return;
    const command = decodeCommand(frame.payload);
    if (command && this.#carryOut(command.op, command.number, command.flag)) this.#answer(command.op);
  }

  /** Returns whether the command is answered. */
  #carryOut(op: number, number: number, flag: boolean): boolean {
    switch (op) {
      case Op.PASS:
        this.#card.wait(number);
        break;
      case Op.BATTERY:
        this.#card.setBattery(number);
        break;
      case Op.SEED:
        this.#random.state = new Random(number).state;
        this.#tornBits.state = new Random(~number).state;
        break;
      case Op.CUT_AT:
        this.#cutAt(number, flag);
        break;
      case Op.BLANK:
        this.#card = this.#blank();
        break;
      case Op.STATUS:
        break;
      default:
        return false;
    }
    this.#takeCut();
    this.#passOn();
    return true;
  }

  #cutAt(count: number, torn: boolean): void {
    const { flash } = this.#card;
    if (count > 0) flash.cutAt(count, torn ? "torn" : "clean", () => this.#tornBits.next());
    // A restored flash has no power cut armed.
    else flash.restore(flash.copy());
  }

  #takeCut(): boolean {
    const cut = this.#card.takeCut();
    this.#wasCut ||= cut;
    return cut;
  }

  #passOn(): void {
    const sent = this.#card.takeSent();
    if (sent.length > 0) this.onBytes(this.#faults.send?.(sent) ?? sent);
  }

  #answer(op: number): void {
    const card = this.#card;
    const answer = {
      op,
      power: card.battery !== 0,
      cut: this.#wasCut,
      on: card.on,
      state: State[card.state as keyof typeof State],
      text: (this.#faults.display?.(card.display) ?? card.display).padEnd(WIDTH),
      due: UNKNOWN,
      ...(op === Op.STATUS && { operations: card.flash.operations, crc: crc32c(card.flash.bytes) }),
    };
    this.#wasCut = false;
    this.onBytes(encodeAnswer(answer));
  }
}

/** CRC-32C, because the CRC-32 of a record with its own CRC-32 at its end does not depend on its contents. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}
