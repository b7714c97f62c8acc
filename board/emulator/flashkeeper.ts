// Keeps the flash of the emulated card in a file while it runs, as `dsc-sim --flash` does.

import { FLASH_SIZE, type Flash } from "../../sim/core/flash.js";
import type { Machine } from "./machine.js";

/** How often the flash is looked at (ms): what a killed emulator may lose. */
const INTERVAL = 500;

/** What the keeper needs of the machine. */
export type KeptMachine = Pick<Machine, "readFlash" | "isRunning" | "pause">;

export class FlashKeeper {
  readonly #machine: KeptMachine;
  readonly #flash: Flash;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  #closed = false;

  /** `flash` is what the machine began with, and writes its file at each change. */
  constructor(machine: KeptMachine, flash: Flash) {
    this.#machine = machine;
    this.#flash = flash;
    this.#schedule();
  }

  /** Saves for the last time. The machine must still be there. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#saving;
    await this.#save();
  }

  #schedule(): void {
    // A save that was under way when the keeper was closed must not start the next one.
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#saving = this.#saveAndSchedule();
    }, INTERVAL).unref();
  }

  async #saveAndSchedule(): Promise<void> {
    // A machine that ended meanwhile is for its owner to notice.
    await this.#save().catch(() => {});
    this.#schedule();
  }

  /** A copy made while the chip writes could be of no moment in time: the one that is kept is made at rest. */
  async #save(): Promise<void> {
    if (this.#isKept(await this.#machine.readFlash())) return;
    // A chip that a debugger has stopped stays so.
    const runs = await this.#machine.isRunning();
    if (runs) await this.#machine.pause(true);
    const bytes = await this.#machine.readFlash();
    if (runs) await this.#machine.pause(false);
    this.#flash.bytes.set(bytes);
    this.#flash.onChange?.(0, FLASH_SIZE);
  }

  #isKept(bytes: Uint8Array): boolean {
    return Buffer.from(this.#flash.bytes.buffer).equals(bytes);
  }
}
