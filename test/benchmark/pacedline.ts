// A line between a host and a simulated card. It is as slow as 115200 baud and counts its bytes.

import { Duplex } from "node:stream";
import type { Card } from "../../sim/core/card.js";

/** 115200 baud, ten bits a byte. */
const BYTES_PER_MS = 11.52;

export class PacedLine extends Duplex {
  /** Bytes so far in both directions, and when the first was sent and the last arrived (ms). */
  bytes = 0;
  firstAt = 0;
  lastAt = 0;

  readonly #card: Card;
  /** The time at which the line is free again. */
  #freeAt = 0;
  /** Bytes on the line, in order. */
  readonly #onLine: { readonly time: number; readonly deliver: () => void }[] = [];

  constructor(card: Card) {
    super();
    this.#card = card;
    card.watchers.push({ sent: (bytes) => this.#carry(bytes, () => this.push(bytes)) });
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.firstAt ||= performance.now();
    this.#carry(chunk, () => this.#card.receive(chunk));
    done();
  }

  /** Delivers bytes at the time of their last bit. */
  #carry(bytes: Uint8Array, deliver: () => void): void {
    this.bytes += bytes.length;
    this.#freeAt = Math.max(this.#freeAt, performance.now()) + bytes.length / BYTES_PER_MS;
    this.#onLine.push({ time: this.#freeAt, deliver });
    if (this.#onLine.length === 1) this.#deliverNext();
  }

  /** Delivers in order, because timers and polls overtake each other on a busy machine. */
  #deliverNext(): void {
    const next = this.#onLine[0];
    if (!next) return;
    at(next.time, () => {
      this.lastAt = performance.now();
      next.deliver();
      this.#onLine.shift();
      this.#deliverNext();
    });
  }

  /** The least time that its bytes need, in ms. */
  get leastTime(): number {
    return this.bytes / BYTES_PER_MS;
  }
}

/** Calls at a time (ms, performance.now), more exactly than a timer: it polls at the end. */
function at(time: number, call: () => void): void {
  const left = time - performance.now();
  if (left <= 0) call();
  else if (left > 3) setTimeout(() => at(time, call), left - 3);
  else setImmediate(() => at(time, call));
}
