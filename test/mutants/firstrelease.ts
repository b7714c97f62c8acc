// The faults of the first release's firmware, each put back into the current firmware.
//
// Names never change, because the tests of the reference model use them. test/firmware/formerfaults.test.ts has the
// effect of each fault.

import type { Change, Mutant } from "./apply.js";

const OLD_MESSAGE: Change = {
  file: "card.ts",
  within: "message",
  from: "enter(card.next);",
  to: "const next = card.next; card.next = State.OFF; enter(next);",
};

export const FORMER_FAULTS = {
  "stale-successor-after-seeding": {
    ...staleSuccessor("SEEDED"),
    breaks: "after NO KEY a seeded card turns off, whatever message came before",
  },
  "stale-successor-after-wipe": {
    ...staleSuccessor("BLANK"),
    breaks: "after NO KEY a wiped card turns off, whatever message came before",
  },
  "keys-recorded-on-every-screen": {
    breaks: "the bench test records only keys of its own screen",
    file: "card.ts",
    within: "onKey",
    from: "if (event === Event.DOWN) card.spentKey = false;",
    to: "if (event === Event.DOWN) card.spentKey = false; if (event === Event.DOWN) card.tested |= 1 << key;",
    also: [
      { file: "card.ts", within: "stand", from: "card.tested = 0; card.state = state;", to: "card.state = state;" },
    ],
  },
  "frames-keep-the-card-on": {
    breaks: "an unauthenticated frame keeps the card on only while nothing is entered, open or shown",
    file: "card.ts",
    within: "wake",
    from: "if (isBare()) card.deadline",
    to: "if (card.idleTimeout || card.state === State.NO_KEY) card.deadline",
  },
  "bench-test-never-ends": {
    breaks: "the bench test ends with the first command that is not SELF TEST",
    file: "apdu.ts",
    within: "process",
    from: "if (command.ins !== <u32>Ins.SELF_TEST) card.endTest();",
    to: "",
  },
  "error-card-takes-commands": {
    breaks: "a card in ERROR answers only SELECT and GET DATA",
    file: "apdu.ts",
    within: "process",
    from: "if (card.error() && !isForAnyCard()) sw = Sw.ERROR | card.error();",
    to: "",
  },
  "error-not-told": {
    breaks: "the status reports the error",
    file: "commands.ts",
    within: "status",
    from: "if (card.error()) return STATUS_SIZE;",
    to: "store<u8>(out, 0, 7);",
  },
  "put-key-in-one-encoding": {
    breaks: "PUT KEY takes both encodings",
    file: "transportkeys.ts",
    within: "isLength",
    from: "return length === 1 + 3 * LONG_BLOCK || length === 1 + 3 * SHORT_BLOCK;",
    to: "return length === 1 + 3 * LONG_BLOCK;",
  },
  "closed-channel-keeps-its-screen": {
    breaks: "closing a channel leaves its screen, whatever closes it",
    file: "apdu.ts",
    within: "process",
    from: "card.followChannel();",
    to: "if (!wrapped) card.followChannel();",
  },
  "lock-code-of-the-former-owner": {
    breaks: "nothing of the former owner stays",
    file: "personalization.ts",
    within: "seed",
    from: "head.lockCode = 0;",
    to: "",
  },
  "commit-without-a-word": {
    breaks: "a commit programs a word, even if the head's check value is the erased word",
    file: "pages.ts",
    within: "writeNext",
    from: "} while (load<u32>(IMAGE, HEAD_CHECK_AT) === ERASED);",
    to: "} while (false);",
    also: [
      { file: "pages.ts", within: "headIsWhole", from: "&& load<u32>(IMAGE, HEAD_CHECK_AT) !== ERASED;", to: ";" },
    ],
  },
  "page-without-a-commit-counts": {
    breaks: "a page counts only if its commit was programmed",
    file: "pages.ts",
    within: "headIsWhole",
    from: "&& load<u32>(IMAGE, HEAD_CHECK_AT) !== ERASED;",
    to: ";",
  },
} as const satisfies Record<string, Mutant>;

export type FormerFault = keyof typeof FORMER_FAULTS;

/** A successor stays until its message ends, so that a screen without a successor has the previous one. */
function staleSuccessor(life: "BLANK" | "SEEDED"): Omit<Mutant, "breaks"> {
  return {
    file: "card.ts",
    within: "stand",
    from: "card.next = next;",
    to: `  const stale = state === State.SERIAL || pages.head.life === Life.${life};
  if (next !== State.OFF || !stale) card.next = next;\n`,
    also: [OLD_MESSAGE],
  };
}
