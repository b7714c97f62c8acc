// Mutants of the firmware, at least one for each fuzzing target to find (test/evidence/fuzzing.test.ts).

import type { Telling } from "../support/triedmutants.js";
import type { Mutant } from "./apply.js";
import { FORMER_FAULTS } from "./firstrelease.js";

/** The possible findings after the card overwrote its own memory; which comes first depends on the overwritten data. */
const OVERWRITTEN = /^broken: /;

export interface FuzzingMutant extends Mutant, Telling {
  /** The target that finds it. */
  readonly target: "serial" | "channel" | "keys" | "flash";
  /** What the target says of it (test/rig/fuzzing). */
  readonly says: RegExp;
}

export const FUZZING_MUTANTS: readonly FuzzingMutant[] = [
  {
    breaks: "a frame that is too long is noise",
    file: "frame.ts",
    within: "add",
    from: "if (line.length === FRAME_SIZE) { line.spoilt = true; return; }",
    to: "",
    target: "serial",
    says: OVERWRITTEN,
  },
  {
    breaks: "a channel of level 01 changes nothing",
    telling: true,
    file: "apdu.ts",
    within: "secured",
    from: "return changes ? commands.setStatus() : Sw.NOT_IN_THIS_CHANNEL;",
    to: "return commands.setStatus();",
    target: "channel",
    says: /^broken: I13 only a right command of level 03 changes flash /,
  },
  {
    breaks: "an unknown contact is ignored",
    telling: true,
    file: "card.ts",
    within: "contact",
    from: "if (key >= keys.KEYS) return;",
    to: "",
    target: "keys",
    says: OVERWRITTEN,
  },
  {
    breaks: "the card supports the suite in flash",
    telling: true,
    file: "card.ts",
    within: "selfTest",
    from: "if (!token.isKeptSuite()) return Outcome.FLASH;",
    to: "",
    target: "flash",
    says: /^broken: (the screen shows ASCII|the response is that of the card's key|I10 the firmware does not trap) /,
  },
  {
    ...FORMER_FAULTS["frames-keep-the-card-on"],
    target: "serial",
    says: /^broken: I6 /,
  },
  {
    ...FORMER_FAULTS["stale-successor-after-wipe"],
    target: "channel",
    says: /^broken: (I1|I9) /,
  },
];
