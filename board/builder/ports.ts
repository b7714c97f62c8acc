// The ports to a chip by their names.

import type { Emulator, Port } from "./port.js";
import * as LIST from "./portlist.js";

export type PortName = keyof typeof LIST;

export const PORTS: Readonly<Record<PortName, Port>> = LIST;

/** Those that a machine of QEMU has the chip of. */
export const EMULATED: readonly PortName[] = (Object.keys(PORTS) as PortName[]).filter((name) => PORTS[name].emulator);

export function emulatorOf(name: PortName): Emulator {
  const { emulator } = PORTS[name];
  if (!emulator) throw new Error(`no machine of QEMU has the chip of the port ${name}`);
  return emulator;
}
