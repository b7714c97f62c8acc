// The demo card, personalized by the host tools.

import type { PersonalizationRecord } from "../../host-tools/card/cardclient.js";
import { DEMO_CARD, makeDemo } from "../core/democard.js";
import type { Flash } from "../core/flash.js";
import { personalize } from "./cardcommands.js";

/** The demo card, as a record. */
export const DEMO: PersonalizationRecord = DEMO_CARD;

/**
 * Turns a blank flash into the demo card's. This is done on a temporary card, so that the clock and counts of the real
 * one begin at zero. Returns false and changes nothing if the flash is not blank.
 */
export function personalizeDemo(module: WebAssembly.Module, flash: Flash, seed: number): boolean {
  return makeDemo(module, flash, seed, (card) => personalize(card, DEMO));
}
