// How many instructions a response takes on a chip in QEMU: those of the main loop's longest round, from one sleep to the
// next, while OK is pressed behind a challenge.

import type { PortName } from "../../board/builder/ports.js";
import { addressOf } from "../../board/builder/sizes.js";
import { cardOf } from "../support/cards.js";
import { Chip } from "../support/chip.js";
import { ONE } from "../support/owners.js";
import type { Figure } from "./boardfigures.js";

const SEED = 7;

/** Of a development image of the port. */
export async function measureResponse(image: string, port: PortName): Promise<Figure> {
  const { record, challenge } = ONE;
  const chip = await Chip.start(image, cardOf(record).flash.bytes, SEED, port);
  try {
    await chip.hold("press");
    await chip.enter(record.pin);
    await chip.type(challenge);
    const trace = await chip.machine.trace(() => chip.press("ok"));
    return { name: "a response", value: longestRound(trace, addressOf(image, "port_sleep")), unit: "instructions" };
  } finally {
    await chip.stop();
  }
}

function longestRound(trace: readonly number[], sleep: number): number {
  const sleeps = trace.flatMap((address, at) => (address === sleep ? [at] : []));
  return Math.max(0, ...sleeps.map((at, index) => at - (sleeps[index - 1] ?? at)));
}
