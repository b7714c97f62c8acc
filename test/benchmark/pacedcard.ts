// A process with cards at the end of one serial line, which is as slow as 115200 baud. It waits by timers and never
// spins, so that the processor time that it reports is that of the cards.
//
//   node pacedcard.js LINK SEED     stdin: a line for each next card; at its end the processor time (ms) goes to stdout

import { createInterface } from "node:readline";
import type { Card } from "../../sim/core/card.js";
import { PtyLine } from "../../sim/session/pty.js";
import { blankCard } from "../support/cards.js";
import { Slot } from "../support/rack.js";

/** 115200 baud, ten bits a byte. */
const BYTES_PER_MS = 11.52;

/** One direction of a line: bytes arrive in order, at the time of their last bit. */
class Paced {
  #freeAt = 0;
  readonly #onLine: { readonly time: number; readonly deliver: () => void }[] = [];

  carry(bytes: Uint8Array, deliver: () => void): void {
    this.#freeAt = Math.max(this.#freeAt, performance.now()) + bytes.length / BYTES_PER_MS;
    this.#onLine.push({ time: this.#freeAt, deliver });
    if (this.#onLine.length === 1) this.#deliverNext();
  }

  #deliverNext(): void {
    const next = this.#onLine[0];
    if (!next) return;
    const arrive = () => {
      next.deliver();
      this.#onLine.shift();
      this.#deliverNext();
    };
    setTimeout(arrive, next.time - performance.now());
  }
}

const [link = "", seed = "1"] = process.argv.slice(2);
const slot = new Slot();
const [toCard, fromCard] = [new Paced(), new Paced()];
const outer: { watchers: { sent?(bytes: Uint8Array): void }[]; receive(bytes: Uint8Array): void } = {
  watchers: [],
  receive: (bytes) => toCard.carry(bytes, () => slot.receive(bytes)),
};
slot.watchers.push({
  sent: (bytes) =>
    fromCard.carry(bytes, () => {
      for (const watcher of outer.watchers) watcher.sent?.(bytes);
    }),
});
const line = new PtyLine(outer as unknown as Card, link);

let next = Number(seed);
let begun: NodeJS.CpuUsage | undefined;
const stdin = createInterface({ input: process.stdin });
stdin.on("line", () => {
  begun ??= process.cpuUsage();
  slot.put(blankCard({ seed: next++ }));
});
stdin.on("close", () => {
  const { user, system } = process.cpuUsage(begun);
  line.close();
  process.stdout.write(`${Math.round((user + system) / 1000)}\n`, () => process.exit());
});
