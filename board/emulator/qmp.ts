// QEMU's control protocol (QMP): commands and answers in JSON.

import type { Socket } from "node:net";
import { connectTo, onLines } from "./lines.js";

interface Answer {
  readonly event?: string;
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Qmp {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    onLines(socket, (line) => this.#take(JSON.parse(line)));
    socket.on("close", () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error("QEMU ended"));
    });
  }

  static async connect(path: string): Promise<Qmp> {
    const qmp = new Qmp(await connectTo(path));
    await qmp.execute("qmp_capabilities");
    return qmp;
  }

  execute(command: string, args: object = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Answers come in the order of their commands. Greetings and events are ignored. */
  #take(answer: Answer): void {
    if (!("return" in answer) && !answer.error) return;
    const waiting = this.#waiting.shift();
    if (answer.error) waiting?.reject(new Error(`QEMU: ${answer.error.desc}`));
    else waiting?.resolve(answer.return);
  }
}
