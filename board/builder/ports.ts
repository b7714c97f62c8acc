// The ports to a chip by their names.

import type { Emulator, Limits, Port } from "../ports/port.js";
import * as LIST from "../ports/portlist.js";
import { BuildError } from "./tools.js";

export type PortName = keyof typeof LIST;

export const PORTS: Readonly<Record<PortName, Port>> = LIST;

/** The ports whose chip a machine of QEMU has. */
export const EMULATED: readonly PortName[] = (Object.keys(PORTS) as PortName[]).filter((name) => PORTS[name].emulator);

export function emulatorOf(name: PortName): Emulator {
  const { emulator } = PORTS[name];
  if (!emulator) throw new Error(`no machine of QEMU has the chip of the port ${name}`);
  return emulator;
}

/** Throws BuildError if a port states no limit of flash or RAM, or one that is not a number of bytes. */
export function mustStateLimits(name: string, { limits }: { readonly limits?: Partial<Limits> }): void {
  const missing = (["flash", "ram"] as const).filter((of) => !((limits?.[of] ?? 0) > 0));
  const memories = missing.map((of) => (of === "ram" ? "RAM" : of)).join(" and ");
  if (memories) {
    throw new BuildError(`the port ${name} states no limit of ${memories}: give it \`limits\` in its port.ts`);
  }
}
