// QEMU's test socket (qtest): a command in a line, an answer in a line, and in between what it has to tell.

import type { Socket } from "node:net";
import { connectTo, onLines } from "./lines.js";

export class Qtest {
  /** Called with each line that answers nothing. */
  onEvent: (line: string) => void = () => {};
  readonly #socket: Socket;
  readonly #waiting: ((answer: string) => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    onLines(socket, (line) => this.#take(line));
  }

  static async connect(path: string): Promise<Qtest> {
    return new Qtest(await connectTo(path));
  }

  /** Returns the answer: `OK`, and what was asked for. */
  command(line: string): Promise<string> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#socket.write(`${line}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(line: string): void {
    if (line.startsWith("OK")) this.#waiting.shift()?.(line);
    else this.onEvent(line);
  }
}
