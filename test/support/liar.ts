// An attacker on the line who changes a card's status outside a secure channel.

import { Ins } from "../../firmware/wire.js";
import { framesIn, lineBytes } from "./fakecard.js";
import type { Tap } from "./seeding.js";

/** Replaces the card's answers to GET DATA outside a channel. */
export class Liar implements Tap {
  readonly instructions: number[] = [];
  readonly #lies: ReadonlyMap<number, (data: Buffer) => void>;
  #asked = 0;

  constructor(lies: readonly (readonly [number, (data: Buffer) => void])[]) {
    this.#lies = new Map(lies);
  }

  hears(from: "host" | "card", bytes: Buffer): void {
    if (from === "card") return;
    const payload = framesIn(bytes)[0]?.payload ?? Buffer.alloc(0);
    if (payload.length < 4) return;
    this.instructions.push(payload[1] as number);
    const isPlain = payload[0] === 0x80 && payload[1] === Ins.GET_DATA;
    this.#asked = isPlain ? payload.readUInt16BE(2) : 0;
  }

  alters(answer: Buffer): Buffer {
    const lie = this.#lies.get(this.#asked);
    const [frame] = framesIn(answer);
    if (!lie || !frame) return answer;
    const payload = Buffer.from(frame.payload);
    lie(payload);
    return lineBytes(frame.channel, payload);
  }
}
