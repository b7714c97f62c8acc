// The demo card, personalized by the host tools.

import type { PersonalizationRecord } from "../../host-tools/card/cardclient.js";
import { DEMO_CARD, makeDemo } from "../core/democard.js";
import type { Flash } from "../core/flash.js";
import { personalize } from "./cardcommands.js";

/** The demo card, as a record. */
export const DEMO: PersonalizationRecord = DEMO_CARD;

/**
 * Makes a blank flash the demo card's. Another card does it, so that this one's clock and counts begin at zero. Returns
 * false, without changes, if the flash is not blank.
 */
export function personalizeDemo(module: WebAssembly.Module, flash: Flash, seed: number): boolean {
  return makeDemo(module, flash, seed, (card) => personalize(card, DEMO));
}
