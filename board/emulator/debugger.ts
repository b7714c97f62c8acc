// QEMU's debugger interface (the GDB remote serial protocol). The chip runs from one breakpoint to the next, so that
// actions in between happen at a defined instruction, however busy this computer is.
//
// "Debugging with GDB", appendix E.

import type { Socket } from "node:net";
import type { Core } from "../ports/port.js";
import { connectTo } from "./lines.js";

export class Debugger {
  /** The most bytes that one command can read. */
  static readonly MOST = 1024;
  readonly #socket: Socket;
  readonly #core: Core;
  #received = "";
  readonly #waiting: { resolve(answer: string): void; reject(error: Error): void }[] = [];

  private constructor(socket: Socket, core: Core) {
    this.#socket = socket;
    this.#core = core;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#take(text));
    socket.on("close", () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error("QEMU ended"));
    });
  }

  /** Connects, which stops the chip. */
  static async connect(path: string, core: Core): Promise<Debugger> {
    const debug = new Debugger(await connectTo(path), core);
    await debug.#ask("QStartNoAckMode");
    debug.#socket.write("+");
    return debug;
  }

  /** Makes the chip stop before the instruction at `address` each time. */
  async stopAt(address: number): Promise<void> {
    await this.#ask(`Z0,${address.toString(16)},${this.#core.breakpoint}`);
  }

  /** Lets the chip run until it stops. */
  async run(): Promise<void> {
    // First step one instruction without breakpoints, since the chip may stand at one.
    await this.#ask("s");
    await this.#ask("c");
    // Read the data that QEMU sent on other sockets before the stop: it has arrived, and this round of the event loop
    // reads it.
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }

  /** The address of the next instruction. */
  async place(): Promise<number> {
    return Buffer.from(await this.#ask("g"), "hex").readUInt32LE(4 * this.#core.programCounter);
  }

  /** Bytes of memory, as the core sees it. */
  async read(address: number, size: number): Promise<Buffer> {
    return Buffer.from(await this.#ask(`m${address.toString(16)},${size.toString(16)}`), "hex");
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(command: string): Promise<string> {
    this.#send(command);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #send(command: string): void {
    const sum = [...Buffer.from(command, "latin1")].reduce((total, byte) => (total + byte) & 0xff, 0);
    this.#socket.write(`$${command}#${sum.toString(16).padStart(2, "0")}`, "latin1");
  }

  #take(text: string): void {
    this.#received += text;
    for (;;) {
      const packet = /\$([^#]*)#../.exec(this.#received);
      if (!packet) return;
      this.#received = this.#received.slice(packet.index + packet[0].length);
      this.#waiting.shift()?.resolve(packet[1] as string);
    }
  }
}
