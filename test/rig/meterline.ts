// A meter's serial line: sends requests of an operation and two words, and waits for the answers.

import type { Socket } from "node:net";
import type { Machine } from "../../board/emulator/machine.js";

/** An instruction takes 2^10 = 1,024 ns of QEMU's time, the chip's timer ticks every 62.5 ns: counts are exact. */
export const ICOUNT = 10;
export const INSTRUCTIONS_PER_TICK = 62.5 / 1024;

/** QEMU itself ended: the core locked up. */
export class MeterLost extends Error {
  override name = "MeterLost";
}

export class MeterLine {
  readonly #line: Socket;
  #received = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #lost = false;

  constructor(machine: Machine) {
    this.#line = machine.serial as Socket;
    this.#line.on("data", (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake?.();
    });
    void machine.ended.then(() => {
      this.#lost = true;
      this.#wake?.();
    });
  }

  request(operation: string, a: number, b: number, bytes: Uint8Array = new Uint8Array()): void {
    const header = Buffer.alloc(9);
    header.write(operation, 0, "latin1");
    header.writeUInt32LE(a >>> 0, 1);
    header.writeUInt32LE(b >>> 0, 5);
    this.#line.write(Buffer.concat([header, bytes]));
  }

  /** The next bytes from the line. Throws MeterLost if the line has ended. */
  async take(length: number): Promise<Buffer> {
    while (this.#received.length < length) {
      if (this.#lost) throw new MeterLost("QEMU ended");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }
}
