// Mutants of the firmware that one or two tests need, and no campaign.

import type { Mutant } from "./apply.js";

/** A card as the first release made it: no card id, no kind of host (test/host-tools/desk/whichcard.test.ts). */
export const WITHOUT_ID_AND_HOST: Mutant = {
  breaks: "the card reports its id and its kind of host",
  file: "commands.ts",
  within: "tell",
  from: "case Tag.CARD_ID: return cardId(out);",
  to: "",
  also: [
    {
      file: "commands.ts",
      within: "firmware",
      from: "return give(FirmwareAt.SIZE);",
      to: "return give(VERSION_SIZE);",
    },
  ],
};

/** A trap does not count as noticed, since no expectation of a scenario fails (test/firmware/mutants.test.ts). */
export const TRAPS_AT_A_KEY: Mutant = {
  breaks: "a key does not trap",
  file: "card.ts",
  within: "contact",
  from: "if (key >= keys.KEYS) return;",
  to: "if (key < keys.KEYS) unreachable();",
};

/** Does not notice a skipped spending of a try (test/evidence/faultsthumb.test.ts). */
export const NOT_READ_BACK: Mutant = {
  breaks: "the spent slot, read back, goes into the derivation",
  file: "onetry.ts",
  within: "open",
  from: "digits, length, before + missing, after) === 0",
  to: "digits, length, ERASED, SPENT) === 0",
};

/** AES fails at this battery, in mV: no host can make it fail from outside. */
export function aesFailsAt(battery: number): Mutant {
  return {
    breaks: "AES works at any voltage",
    file: "selftest.ts",
    within: "aesWorks",
    from: "return isDigest(AES_ANSWER_HIGH, AES_ANSWER_LOW);",
    to: `return host.battery() !== ${battery} && isDigest(AES_ANSWER_HIGH, AES_ANSWER_LOW);`,
  };
}
