// Deliberate holes in the firmware, one for each fuzzing target to find (test/evidence/fuzzing.test.ts).

import type { Mutation } from "../../support/mutation.js";

export interface Hole extends Mutation {
  /** The target that finds it. */
  readonly target: "serial" | "channel" | "keys" | "flash";
  /** What the target says of it (board/fuzz). */
  readonly says: RegExp;
}

export const HOLES: readonly Hole[] = [
  {
    breaks: "a frame that is too long is noise",
    file: "frame.ts",
    from: "  if (line.length === FRAME_SIZE) {\n    line.spoilt = true;\n    return;\n  }\n",
    to: "",
    target: "serial",
    says: /^broken: /,
  },
  {
    breaks: "a channel of level 01 changes nothing",
    file: "apdu.ts",
    from: "      return changes ? commands.setStatus() : Sw.NOT_IN_THIS_CHANNEL;",
    to: "      return commands.setStatus();",
    target: "channel",
    says: /^broken: only a right command of level 03 changes flash /,
  },
  {
    breaks: "a contact that there is not is ignored",
    file: "card.ts",
    from: "  if (key >= keys.KEYS) return;\n",
    to: "",
    target: "keys",
    says: /^broken: /,
  },
  {
    breaks: "a suite in flash is one that the card does",
    file: "card.ts",
    from: "  if (!token.isKeptSuite()) return Outcome.FLASH;\n",
    to: "",
    target: "flash",
    says: /^broken: /,
  },
];
