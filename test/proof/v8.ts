// The module in V8, each of its functions called by itself, on a memory and a flash that are given.

import { PowerCut } from "../../sim/core/flash.js";
import { exportName, withExports } from "./encode.js";
import type { WasmModule } from "./wasm.js";

/** What power leaves of a flash operation: bits of the mask stay as they were. */
export interface Cut {
  /** The number of the operation that is cut, from 1 on. */
  readonly at: number;
  /** For the word that is programmed, or each word of the page that is erased. */
  readonly mask: (word: number) => number;
}

export interface Surroundings {
  readonly flash: Uint32Array;
  readonly battery?: number;
  readonly random?: () => number;
  readonly cut?: Cut;
}

const BATTERY = 3000;

export class V8Machine {
  readonly memory: Uint32Array;
  readonly flash: Uint32Array;
  /** Flash operations done. */
  operations = 0;
  /** The misuses of flash. */
  misuse: string | undefined;
  readonly #exports: Record<string, unknown>;
  readonly #surroundings: Surroundings;

  constructor(module: WebAssembly.Module, surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.flash = surroundings.flash;
    const instance = new WebAssembly.Instance(module, { host: this.#imports() });
    this.#exports = instance.exports as Record<string, unknown>;
    this.memory = new Uint32Array((instance.exports.memory as WebAssembly.Memory).buffer, 0, 1024);
  }

  /** Compiles a module with every function exported. */
  static compile(module: WasmModule): WebAssembly.Module {
    return new WebAssembly.Module(withExports(module));
  }

  /** Calls a function by its number. Throws PowerCut where power fails in it. */
  call(index: number, ...args: readonly number[]): number {
    const result = (this.#exports[exportName(index)] as (...args: readonly number[]) => number | undefined)(...args);
    return (result ?? 0) >>> 0;
  }

  #imports(): Record<string, unknown> {
    const { battery = BATTERY, random = () => 0 } = this.#surroundings;
    return {
      flash_read: (address: number, into: number, length: number) => {
        const from = new Uint8Array(this.flash.buffer, this.flash.byteOffset + address, length);
        new Uint8Array(this.memory.buffer).set(from, into);
      },
      flash_program: (address: number, value: number) => {
        const isFree = this.flash[address / 4] === 0xffffffff || value === 0;
        if (!isFree) this.misuse ??= `the word at ${address} was programmed before`;
        this.#operate([address / 4], (word) => word & value);
      },
      flash_erase: (page: number) =>
        this.#operate(
          Array.from({ length: 256 }, (_, i) => page * 256 + i),
          () => -1,
        ),
      random: (into: number, length: number) => {
        const bytes = new Uint8Array(this.memory.buffer);
        for (let i = 0; i < length; i++) bytes[into + i] = random();
        return 1;
      },
      battery: () => battery,
      panel: () => 3,
      display: () => {},
      power: () => {},
      serial_send: () => {},
    };
  }

  #operate(words: readonly number[], change: (word: number) => number): void {
    const { cut } = this.#surroundings;
    const isCut = ++this.operations === cut?.at;
    for (const index of words) {
      const old = this.flash[index] as number;
      const made = change(old);
      const mask = isCut ? cut.mask(index) : 0;
      this.flash[index] = ((made & ~mask) | (old & mask)) >>> 0;
    }
    if (isCut) throw new PowerCut();
  }
}
