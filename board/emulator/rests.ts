// The emulated chip from one rest of its main loop to the next: it stands still before each sleep, with all that it said
// heard, so that what is done to it then comes at the same instruction in every run.
//
// QEMU lets the time of that sleep pass at once, while the chip stands: what is done to the chip then meets it at the end
// of its sleep.

import { PORTS } from "../builder/ports.js";
import { addressOf } from "../builder/sizes.js";
import { type Machine, MachineError } from "./machine.js";

/** Where to look for the instruction that sleeps. */
const SLEEP = { function: "port_sleep", size: 256 };

export class Rests {
  readonly #machine: Machine;

  private constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Of a stepped chip that runs `image`; it comes to its first rest. */
  static async begin(machine: Machine, image: string): Promise<Rests> {
    const start = addressOf(image, SLEEP.function);
    const at = (await machine.debugger.read(start, SLEEP.size)).indexOf(PORTS[machine.port].core.wait, 0, "hex");
    if (at < 0) throw new MachineError(`${image}: ${SLEEP.function} does not sleep`);
    await machine.debugger.stopAt(start + at);
    const rests = new Rests(machine);
    await rests.next();
    return rests;
  }

  /** The chip wakes, does what there is to do, and comes to its next rest. */
  next(): Promise<void> {
    return this.#machine.debugger.run();
  }
}
