// Runs the emulated chip from one rest of its main loop to the next. The chip stops before each sleep, and all its
// output has been read, so that an action then happens at the same instruction in every run.
//
// QEMU lets the time of that sleep pass at once while the chip is stopped, so the action reaches the chip at the end of
// its sleep.

import { PORTS } from "../builder/ports.js";
import { addressOf } from "../builder/sizes.js";
import { type Machine, MachineError } from "./machine.js";

/** The functions in which to search for the instruction that sleeps. */
const SLEEP = { function: "port_sleep", size: 256 };

export class Rests {
  readonly #machine: Machine;

  private constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** For a stepped chip that runs `image`. Runs it to its first rest. */
  static async begin(machine: Machine, image: string): Promise<Rests> {
    const start = addressOf(image, SLEEP.function);
    const at = (await machine.debugger.read(start, SLEEP.size)).indexOf(PORTS[machine.port].core.wait, 0, "hex");
    if (at < 0) throw new MachineError(`${image}: ${SLEEP.function} does not sleep`);
    await machine.debugger.stopAt(start + at);
    const rests = new Rests(machine);
    await rests.next();
    return rests;
  }

  /** Lets the chip wake, work, and come to its next rest. */
  next(): Promise<void> {
    return this.#machine.debugger.run();
  }
}
