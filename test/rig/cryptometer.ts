// The crypto meter in QEMU: the cost of AES, CMAC, HMAC and the other functions on the emulated chip, for random keys
// and messages.

import { Machine } from "../../board/emulator/machine.js";
import { ICOUNT, INSTRUCTIONS_PER_TICK, MeterLine } from "./meterline.js";

/** The functions of test/firmware/module/crypto.ts that it calls, by their numbers in test/rig/cryptometer/main.c. */
export const FUNCTIONS = { buffer: 0, aes: 1, cmac: 2, hmac: 3, sivSeal: 4, sivOpen: 5, parse: 6, respond: 7 } as const;
export type FunctionName = keyof typeof FUNCTIONS;

const ARGUMENTS = 8;
const ANSWER = 16;

/** The result of a number of calls. */
export interface Calls {
  /** Instructions of the shortest and the longest call, including the few that counting takes. */
  readonly fewest: number;
  readonly most: number;
  /** The number of the first call whose time differs from that of call 0; 0 if none does. */
  readonly odd: number;
  /** The return value of the last call. */
  readonly result: number;
}

export class CryptoMeter {
  readonly #machine: Machine;
  readonly #line: MeterLine;

  private constructor(machine: Machine) {
    this.#machine = machine;
    this.#line = new MeterLine(machine);
  }

  static async start(image: string): Promise<CryptoMeter> {
    const meter = new CryptoMeter(await Machine.start({ image, icount: ICOUNT }));
    await meter.#answer();
    await meter.#machine.nudge();
    return meter;
  }

  /** Restarts the draws. */
  seed(seed: number): Promise<Calls> {
    return this.#request("s", seed);
  }

  /** From now on, draws this many bytes at an address before each call. */
  draw(at: number, length: number): Promise<Calls> {
    return this.#request("d", at, length);
  }

  /** The same for ASCII digits. */
  drawDigits(at: number, length: number): Promise<Calls> {
    return this.#request("n", at, length);
  }

  async put(at: number, bytes: Uint8Array): Promise<void> {
    for (const [i, byte] of bytes.entries()) await this.#request("p", at + i, byte);
  }

  async get(at: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (const i of bytes.keys()) bytes[i] = (await this.#request("g", at + i)).result;
    return bytes;
  }

  /** Calls a function a number of times. */
  call(name: FunctionName, args: readonly number[], times = 1): Promise<Calls> {
    const words = Uint32Array.from({ length: ARGUMENTS }, (_, i) => args[i] ?? 0);
    return this.#request("c", FUNCTIONS[name], times, new Uint8Array(words.buffer));
  }

  stop(): Promise<void> {
    return this.#machine.stop();
  }

  #request(operation: string, a = 0, b = 0, bytes?: Uint8Array): Promise<Calls> {
    this.#line.request(operation, a, b, bytes);
    return this.#answer();
  }

  async #answer(): Promise<Calls> {
    const answer = await this.#line.take(ANSWER);
    const count = (at: number) => Math.round(answer.readUInt32LE(at) * INSTRUCTIONS_PER_TICK);
    return { fewest: count(0), most: count(4), odd: answer.readUInt32LE(8), result: answer.readUInt32LE(12) };
  }
}
