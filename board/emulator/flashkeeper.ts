// Keeps the flash of the emulated card in a file while it runs, as `dsc-sim --flash` does.

import { FLASH_SIZE, type Flash } from "../../sim/core/flash.js";
import type { Machine } from "./machine.js";

/** Milliseconds between saves: the changes that a killed emulator may lose. */
const INTERVAL = 500;

/** The functions of the machine that the keeper uses. */
export type KeptMachine = Pick<Machine, "readFlash" | "isRunning" | "pause">;

export class FlashKeeper {
  readonly #machine: KeptMachine;
  readonly #flash: Flash;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  #closed = false;

  /** `flash` is the flash at the start; it writes its file at each change. */
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
    // A save that was running when the keeper was closed must not start another one.
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#saving = this.#saveAndSchedule();
    }, INTERVAL).unref();
  }

  async #saveAndSchedule(): Promise<void> {
    // The machine's owner handles its end.
    await this.#save().catch(() => {});
    this.#schedule();
  }

  /** A copy made while the chip writes may mix two moments, so the copy to keep is made while the chip is paused. */
  async #save(): Promise<void> {
    if (this.#isKept(await this.#machine.readFlash())) return;
    // Do not resume a chip that a debugger has stopped.
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
