// The functions of an image, by the addresses of their instructions.

import { spawnSync } from "node:child_process";

interface Part {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** Functions of the meter, which no card has. */
  readonly foreign: boolean;
}

export class Code {
  readonly #parts: readonly Part[];

  constructor(image: string) {
    const args = ["--defined-only", "--print-size", "--numeric-sort", "--line-numbers", image];
    const { stdout } = spawnSync("arm-none-eabi-nm", args, { encoding: "utf8" });
    const lines = stdout.matchAll(/^(\S+) (\S+) [tTwW] (\S+)(?:\t(.*))?$/gm);
    this.#parts = [...lines].map(([, start = "", size = "", name = "", file = ""]) => ({
      name,
      start: Number.parseInt(start, 16) & ~1,
      end: (Number.parseInt(start, 16) & ~1) + Number.parseInt(size, 16),
      foreign: file.includes("/test/rig/meter/"),
    }));
  }

  /** Whether an address is the card's (of module, host, port or the compiler's libraries) and, if asked, of a function. */
  isOurs(address: number, name?: string): boolean {
    const part = this.#at(address);
    return part?.foreign !== true && (name === undefined || part?.name === name);
  }

  /** An address for people. */
  nameOf(address: number): string {
    const part = this.#at(address);
    return part ? `${part.name}+0x${(address - part.start).toString(16)}` : `0x${address.toString(16)}`;
  }

  #at(address: number): Part | undefined {
    return this.#parts.find(({ start, end }) => address >= start && address < end);
  }
}
