// Reads a card's status by GET DATA on a copy, so that reading changes nothing.

import { Channel, Ins, Slip, StatusAt, Tag } from "../../../firmware/wire.js";
import { encodeFrame } from "../../../host-tools/card/frame.js";
import { Card, FULL_BATTERY } from "../../core/card.js";

/** The compared bytes of DF20: all but the voltage, which differs on the copy. */
export const STATUS_PROBED: number = StatusAt.BATTERY;
/** With its status word. */
const ANSWER_SIZE = StatusAt.SIZE + 2;
const SELECT_FRAME = encodeFrame(Channel.APDU, Uint8Array.of(0x00, Ins.SELECT, 0x04, 0x00));
const STATUS_FRAME = encodeFrame(Channel.APDU, Uint8Array.of(0x80, Ins.GET_DATA, Tag.STATUS >> 8, Tag.STATUS & 0xff));

/** The copy of each module: it takes a card's whole state before each question, so that one serves all. */
const COPIES = new WeakMap<WebAssembly.Module, Card>();

function copyOf(module: WebAssembly.Module): Card {
  const copy = COPIES.get(module) ?? new Card(module);
  COPIES.set(module, copy);
  return copy;
}

export class StatusProbe {
  readonly #copy: Card;
  /** The flash operations of the card at the last reading, and its result. */
  #asked = -1;
  #status: Uint8Array | undefined;

  constructor(module: WebAssembly.Module) {
    this.#copy = copyOf(module);
  }

  /** The first bytes of DF20, as last read. */
  get status(): Uint8Array | undefined {
    return this.#status;
  }

  /** Forgets that reading. */
  forget(): void {
    this.#asked = -1;
  }

  /** Whether nothing was written since the last reading. */
  isCurrent(card: Card): boolean {
    return card.flash.operations === this.#asked;
  }

  /** Reads the status; undefined if the card cannot answer. */
  ask(card: Card): Uint8Array | undefined {
    if (!card.on && this.isCurrent(card)) return this.#status;
    const { operations } = card.flash;
    const copy = this.#copy;
    copy.become(card);
    copy.randomFails = card.randomFails;
    if (!card.on) copy.setBattery(FULL_BATTERY);
    copy.takeSent();
    if (card.state === "SERIAL" || card.state === "TEST") copy.receive(SELECT_FRAME);
    copy.takeSent();
    copy.receive(STATUS_FRAME);
    const answer = answerIn(copy.takeSent());
    this.#asked = operations;
    this.#status = answer?.length === ANSWER_SIZE ? Uint8Array.from(answer.subarray(0, STATUS_PROBED)) : undefined;
    return this.#status;
  }
}

/** The payload of the answer on channel 0, or nothing. */
export function answerIn(bytes: Uint8Array): Buffer | undefined {
  if (bytes.length === 0) return undefined;
  const out: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === Slip.END) {
      if (out.length > 0) break;
    } else if (byte === Slip.ESC) out.push(bytes[++i] === Slip.ESC_END ? Slip.END : Slip.ESC);
    else out.push(byte);
  }
  if (out[0] !== Channel.APDU) return undefined;
  return Buffer.from(out.slice(1, -2));
}
