// Counts the instructions of a response on a chip in QEMU: those of the module in the main loop's longest round between
// two sleeps, while OK is pressed after a challenge. The port draws the screen; that is not counted.

import type { PortName } from "../../board/builder/ports.js";
import { addressOf } from "../../board/builder/sizes.js";
import { inspect } from "../../board/builder/tools.js";
import { cardOf } from "../support/cards.js";
import { Chip } from "../support/chip.js";
import { ONE } from "../support/owners.js";
import type { Figure } from "./boardfigures.js";

const SEED = 7;

/** Measures a development image of the port. */
export async function measureResponse(image: string, port: PortName): Promise<Figure> {
  const { record, challenge } = ONE;
  const chip = await Chip.start(image, cardOf(record).flash.bytes, SEED, port);
  try {
    await chip.hold("press");
    await chip.enter(record.pin);
    await chip.type(challenge);
    const trace = await chip.machine.trace(() => chip.press("ok"));
    return { name: "a response", value: longestRound(trace, image), unit: "instructions" };
  } finally {
    await chip.stop();
  }
}

function longestRound(trace: readonly number[], image: string): number {
  const sleep = addressOf(image, "port_sleep");
  const [first, end] = moduleOf(image);
  let [longest, round] = [0, 0];
  for (const address of trace) {
    if (address === sleep) round = 0;
    else if (address >= first && address < end) longest = Math.max(longest, ++round);
  }
  return longest;
}

/** Where the module's code begins, and its last function, which only the start calls. */
function moduleOf(image: string): [first: number, end: number] {
  const first = /^([0-9a-f]{8}) t w2c_/m.exec(inspect("nm", ["-n"], image))?.[1];
  if (!first) throw new Error(`${image}: no function of the module in it`);
  return [Number.parseInt(first, 16), addressOf(image, "Z_dsc_instantiate")];
}
