// QEMU's test socket (qtest): a command in a line, an answer in a line, and in between what it has to tell.

import type { Socket } from "node:net";
import { connectTo, onLines } from "./lines.js";

export class Qtest {
  /** Called with each line that answers nothing. */
  onEvent: (line: string) => void = () => {};
  readonly #socket: Socket;
  readonly #waiting: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    onLines(socket, (line) => this.#take(line));
  }

  static async connect(path: string): Promise<Qtest> {
    return new Qtest(await connectTo(path));
  }

  command(line: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#socket.write(`${line}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(line: string): void {
    if (line.startsWith("OK")) this.#waiting.shift()?.();
    else this.onEvent(line);
  }
}
