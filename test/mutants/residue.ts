// Mutants of the firmware that leave secrets in memory when the card turns off (test/firmware/residue.test.ts).

import type { Mutant } from "./apply.js";

export interface SkippedWipe extends Mutant {
  /** The screen on which the card is turned off. */
  readonly on: string;
}

export const SKIPPED_WIPES: readonly SkippedWipe[] = [
  skipped("turning off wipes the opened secrets", "vault.wipe();", "CHALLNG>"),
  skipped("turning off wipes the digits and the kept PIN", "entry.wipe();", "REP> with digits"),
  skipped("turning off wipes the response", "memory.fill(SHOWN, 0, SHOWN_SIZE);", "a response"),
  skipped("turning off wipes the page with the root secret", "pages.wipe();", "LOCKED"),
];

/** A wipe of `forget` left out. */
function skipped(breaks: string, from: string, on: string): SkippedWipe {
  return { breaks, file: "card.ts", within: "forget", from, to: "", on };
}
