// The pins of the emulated chip, over QEMU's qtest socket: levels go in, edges come out. Also reads and writes
// registers.

import type { Qtest } from "./qtest.js";

/** QEMU's name for the chip. */
const CHIP = "/machine/nrf51";
const EDGE = /^IRQ (raise|lower) (\d+)/;

/** An output pin went high (or was released) or low. */
export type EdgeWatcher = (pin: number, high: boolean) => void;

export class Pins {
  readonly #qtest: Qtest;
  readonly #watchers: EdgeWatcher[] = [];

  constructor(qtest: Qtest) {
    this.#qtest = qtest;
    qtest.onEvent = (line) => this.#take(line);
  }

  /** Puts a level on an input pin. */
  async set(pin: number, high: boolean): Promise<void> {
    await this.#qtest.command(`set_irq_in ${CHIP} unnamed-gpio-in ${pin} ${high ? 1 : 0}`);
  }

  /** Calls `watcher` at every edge of an output pin from now on. */
  async watch(watcher: EdgeWatcher): Promise<void> {
    this.#watchers.push(watcher);
    if (this.#watchers.length === 1) await this.#qtest.command(`irq_intercept_out ${CHIP}`);
  }

  /** The value of a register. */
  async read(address: number): Promise<number> {
    const answer = await this.#qtest.command(`readl ${address}`);
    return Number(answer.split(" ")[1]);
  }

  async write(address: number, value: number): Promise<void> {
    await this.#qtest.command(`writel ${address} ${value}`);
  }

  close(): void {
    this.#qtest.close();
  }

  #take(line: string): void {
    const edge = EDGE.exec(line);
    if (edge) for (const watcher of this.#watchers) watcher(Number(edge[2]), edge[1] === "raise");
  }
}
