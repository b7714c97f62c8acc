// Deliberate holes in the firmware, at least one for each fuzzing target to find (test/evidence/fuzzing.test.ts).

import { FORMER_FAULTS } from "../../support/formerfaults.js";
import type { Mutation } from "../../support/mutation.js";
import type { Telling } from "../../support/telling.js";

/** What shows where memory of the card's own was overwritten. */
const OVERWRITTEN = /^broken: (I10 the firmware does not trap|the state is one of those that there are) /;

export interface Hole extends Mutation, Telling {
  /** The target that finds it. */
  readonly target: "serial" | "channel" | "keys" | "flash";
  /** What the target says of it (test/rig/fuzzing). */
  readonly says: RegExp;
}

export const HOLES: readonly Hole[] = [
  {
    breaks: "a frame that is too long is noise",
    file: "frame.ts",
    from: "  if (line.length === FRAME_SIZE) {\n    line.spoilt = true;\n    return;\n  }\n",
    to: "",
    target: "serial",
    says: OVERWRITTEN,
  },
  {
    breaks: "a channel of level 01 changes nothing",
    telling: true,
    file: "apdu.ts",
    from: "      return changes ? commands.setStatus() : Sw.NOT_IN_THIS_CHANNEL;",
    to: "      return commands.setStatus();",
    target: "channel",
    says: /^broken: I13 only a right command of level 03 changes flash /,
  },
  {
    breaks: "a contact that there is not is ignored",
    telling: true,
    file: "card.ts",
    from: "  if (key >= keys.KEYS) return;\n",
    to: "",
    target: "keys",
    says: OVERWRITTEN,
  },
  {
    breaks: "a suite in flash is one that the card does",
    telling: true,
    file: "card.ts",
    from: "  if (!token.isKeptSuite()) return Outcome.FLASH;\n",
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
