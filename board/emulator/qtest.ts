// QEMU's test protocol (qtest): each command and each answer is a line, with lines of events in between.

import type { Socket } from "node:net";
import { connectTo, onLines } from "./lines.js";

export class Qtest {
  /** Called with each line that is not an answer. */
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

  /** Returns the answer: `OK` and the requested value. */
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
