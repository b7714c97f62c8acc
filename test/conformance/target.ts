// What a scenario can be played on: bytes in, bytes out.

import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** The clock by which a target is measured. */
export interface Clock {
  /** In ms, since some moment. */
  now(): number;
  /** Resolves after `ms`, or once `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** This computer's clock. */
export const WALL_CLOCK: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
};

export interface Target {
  readonly name: string;
  /** Whether the target may lose bytes while it is busy. If so, the next step is sent only after the last answer. */
  readonly careful: boolean;
  readonly clock: Clock;
  /** Called with what the card sends. */
  onBytes: (bytes: Uint8Array) => void;
  /** Called once when the card is gone, with the reason. */
  onEnd: (reason: string) => void;
  send(bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** A target at the other end of a stream. */
export class StreamTarget implements Target {
  readonly name: string;
  readonly careful: boolean;
  readonly clock = WALL_CLOCK;
  onBytes: (bytes: Uint8Array) => void = () => {};
  onEnd: (reason: string) => void = () => {};
  readonly #stream: Duplex;
  readonly #close: () => Promise<void>;

  constructor(name: string, stream: Duplex, options: { careful?: boolean; close: () => Promise<void> }) {
    this.name = name;
    this.careful = options.careful ?? false;
    this.#stream = stream;
    this.#close = options.close;
    stream.on("data", (bytes: Uint8Array) => this.onBytes(bytes));
    stream.on("error", (error) => this.onEnd(error.message));
    stream.on("close", () => this.onEnd("the line was closed"));
  }

  send(bytes: Uint8Array): void {
    this.#stream.write(bytes);
  }

  close(): Promise<void> {
    this.onEnd = () => {};
    return this.#close();
  }
}
