// Mutants of the firmware that no screen shows: in what stays in memory, random draws, the commands of each state, the
// result of a failed commit, and the parsing of commands. Each has a kind, which says which tests must notice it.

import { type Telling, tried } from "../support/triedmutants.js";
import type { Mutant } from "./apply.js";

/** The tests that notice it: serial/residue, draws, serial/everystate, failedcommits, serial/overwritten, serial/parsing, head. */
export type Kind = "residue" | "draws" | "every state" | "failed commits" | "overwritten keys" | "parsing" | "head";

export interface UnseenMutant extends Mutant, Telling {
  readonly kind: Kind;
}

const RESIDUE: readonly UnseenMutant[] = [
  wipe("closing a channel wipes the session keys", "scp03.ts", "close", "memory.fill(SESSION_KEYS, 0, 48);", true),
  wipe(
    "closing a channel wipes the chaining value",
    "scp03.ts",
    "close",
    "memory.fill(CHAIN, 0, 16); memory.fill(WORK",
    false,
    "memory.fill(WORK",
  ),
  wipe(
    "closing a channel wipes the working memory of the session",
    "scp03.ts",
    "close",
    "memory.fill(WORK, 0, 16); }",
    false,
    "}",
  ),
  wipe(
    "the proof closes the secrets",
    "commands.ts",
    "prove",
    "vault.wipe(); return give(token.RESPONSE_SIZE);",
    true,
    "return give(token.RESPONSE_SIZE);",
  ),
  wipe(
    "CHANGE REFERENCE DATA closes the secrets",
    "commands.ts",
    "setPin",
    "vault.wipe(); return swOf(outcome);",
    false,
    "return swOf(outcome);",
  ),
  wipe("STORE DATA closes the secrets", "personalization.ts", "apply", "vault.wipe();"),
  wipe(
    "opening a channel closes the secrets",
    "card.ts",
    "openSerial",
    "entry.wipe(); vault.wipe(); enter(State.SERIAL);",
    true,
    "entry.wipe(); enter(State.SERIAL);",
  ),
  wipe(
    "opening a channel wipes the kept PIN",
    "card.ts",
    "openSerial",
    "entry.wipe(); vault.wipe(); enter(State.SERIAL);",
    false,
    "vault.wipe(); enter(State.SERIAL);",
  ),
  {
    kind: "residue",
    breaks: "ERROR closes the secrets",
    file: "card.ts",
    within: "fail",
    from: "vault.wipe(); entry.wipe(); scp03.close(); card.started = outcome;",
    to: "entry.wipe(); scp03.close(); card.started = outcome;",
    // Each failed operation also closes them, so the mutant shows only if that is left out too.
    also: [
      {
        file: "card.ts",
        within: "repeatPin",
        from: "entry.wipe(); vault.wipe(); if (outcome === Outcome.DONE) enter(State.PIN_SET);",
        to: "entry.wipe(); if (outcome === Outcome.DONE) enter(State.PIN_SET);",
      },
    ],
  },
  wipe("sent bytes do not stay in memory", "frame.ts", "flush", "memory.fill(OUT, 0, OUT_SIZE);"),
  wipe("a received frame does not stay in memory", "frame.ts", "next", "memory.fill(FRAME, 0, FRAME_SIZE);"),
  wipe("the hash of the PIN does not stay in memory", "token.ts", "respond", "memory.fill(PIN_HASH, 0, 64);"),
  wipe(
    "the random bytes of the self-test do not stay in memory",
    "selftest.ts",
    "randomWorks",
    "memory.fill(DIGEST, 0, 16);",
  ),
  wipe(
    "the unlock code of a wrap does not stay in memory",
    "unlock.ts",
    "prepare",
    "wipe(); return Outcome.DONE;",
    false,
    "return Outcome.DONE;",
  ),
  wipe(
    "an expanded transport key does not stay in memory",
    "transportkeys.ts",
    "checkValue",
    "aes.encrypt(KCV); aes.wipe();",
    false,
    "aes.encrypt(KCV);",
  ),
  {
    kind: "residue",
    breaks: "a wrong cryptogram under a right MAC closes the session",
    file: "scp03.ts",
    within: "authenticate",
    from: "wrong |= difference(WORK, data, MAC_SIZE);",
    to: "",
  },
];

const DRAWS: readonly UnseenMutant[] = [
  draw(
    "all eight bytes of a card challenge are random",
    "scp03.ts",
    "initiate",
    "host.random(CHAIN + CHALLENGE_SIZE, CHALLENGE_SIZE)",
    "host.random(CHAIN + CHALLENGE_SIZE, 4)",
    true,
  ),
  draw(
    "all sixteen bytes of a root secret are random",
    "pages.ts",
    "commitBlank",
    "host.random(ROOT, ROOT_SIZE)",
    "host.random(ROOT, 8)",
  ),
  draw("a lock code is not a multiple of 16", "unlock.ts", "prepare", "code % 16 === 0 ||", "", true),
  draw("all lock codes are equally likely", "unlock.ts", "prepare", "value >= 4_200_000_000 ||", ""),
  draw("a lock code differs from the previous one", "unlock.ts", "prepare", "|| code === old", ""),
  draw(
    "a source that repeats itself is noticed",
    "selftest.ts",
    "randomWorks",
    "first !== second && second !== third && first !== third",
    "first !== second",
  ),
  draw(
    "a source that fails stops a channel",
    "scp03.ts",
    "initiate",
    "if (!host.random(CHAIN + CHALLENGE_SIZE, CHALLENGE_SIZE)) return Sw.NOT_USABLE;",
    "host.random(CHAIN + CHALLENGE_SIZE, CHALLENGE_SIZE);",
  ),
];

const EVERY_STATE: readonly UnseenMutant[] = [
  {
    kind: "every state",
    breaks: "a card in ERROR opens no channel",
    file: "apdu.ts",
    within: "isForAnyCard",
    from: "(command.ins === <u32>Ins.SELECT || command.ins === <u32>Ins.GET_DATA);",
    to: "(command.ins === <u32>Ins.SELECT || command.ins === <u32>Ins.GET_DATA || command.ins === <u32>Ins.INITIALIZE_UPDATE);",
    telling: true,
  },
  {
    kind: "every state",
    breaks: "no frame extends a response",
    file: "card.ts",
    within: "isBare",
    from: "case State.TEST: return true;",
    to: "case State.TEST: case State.RESPONSE: return true;",
  },
  {
    kind: "every state",
    breaks: "only a personalized card takes commands about the PIN",
    file: "commands.ts",
    within: "pinCommand",
    from: "if (head.life !== <u8>Life.PERSONALIZED) return Sw.NOT_IN_THIS_STATE; if (pin.judgedByServer())",
    to: "if (pin.judgedByServer())",
  },
  {
    kind: "every state",
    breaks: "after a wrong EXTERNAL AUTHENTICATE a new challenge is needed",
    file: "scp03.ts",
    within: "authenticate",
    from: "close(); if (session.failures",
    to: "if (session.failures",
  },
  {
    kind: "every state",
    breaks: "the status says whether the transport keys are public",
    file: "commands.ts",
    within: "status",
    from: "head.keyVersion === TEST_KEYS ? 1 : 0",
    to: "head.keyVersion !== 0 ? 1 : 0",
  },
  {
    kind: "every state",
    breaks: "PUT KEY replaces all three keys",
    file: "transportkeys.ts",
    within: "replace",
    from: "for (let i: u32 = 0; i < 3; i++) memory.copy(KEYS",
    to: "for (let i: u32 = 0; i < 2; i++) memory.copy(KEYS",
  },
  {
    kind: "every state",
    breaks: "new transport keys give no code tries back",
    file: "tally.ts",
    within: "carry",
    from: "head.codeSpent = max(spent(Tally.CODE), spentBackwards(Tally.CODE)) as u8;",
    to: "",
  },
  {
    kind: "every state",
    breaks: "only EXTERNAL AUTHENTICATE is delayed",
    file: "apdu.ts",
    within: "delay",
    from: "if (command.ins !== <u32>Ins.EXTERNAL_AUTHENTICATE || failures <= PROMPT_FAILURES) return 0;",
    to: "if (failures <= PROMPT_FAILURES) return 0;",
  },
];

const FAILED_COMMITS: readonly UnseenMutant[] = [
  {
    kind: "failed commits",
    breaks: "after a failed commit memory agrees with flash",
    file: "pages.ts",
    within: "commit",
    from: "if (outcome !== Outcome.DONE) revert(); return outcome;",
    to: "return outcome;",
    telling: true,
  },
  {
    kind: "failed commits",
    breaks: "a page that was not written as meant is not committed",
    file: "pages.ts",
    within: "writeNext",
    from: "if (!reads(start)) return Outcome.FLASH;",
    to: "",
  },
  {
    kind: "failed commits",
    breaks: "a commit word that was not written as meant does not count",
    file: "pages.ts",
    within: "writeNext",
    from: "if (flash.word(start + HEAD_CHECK_AT) !== load<u32>(IMAGE, HEAD_CHECK_AT)) return Outcome.FLASH;",
    to: "",
  },
  {
    kind: "failed commits",
    breaks: "a wrap that could not be destroyed is the same in memory as in flash",
    file: "pages.ts",
    within: "destroy",
    from: "revert();",
    to: "memory.fill(IMAGE + which, 0, WRAP_SIZE + 4);",
  },
  {
    kind: "failed commits",
    breaks: "transport keys that were not admitted are not written",
    file: "pages.ts",
    within: "commit",
    from: "isWhole(KEYS_AT, KEYS_SIZE) ? writeNext() : Outcome.FLASH;",
    to: "writeNext();",
  },
  {
    kind: "failed commits",
    breaks: "corrupt transport keys are not accepted",
    file: "pages.ts",
    within: "mount",
    from: "if (!isWhole(KEYS_AT, KEYS_SIZE)) return Outcome.FLASH;",
    to: "",
  },
];

const OVERWRITTEN_KEYS: readonly UnseenMutant[] = [
  {
    kind: "overwritten keys",
    breaks: "transport keys are compared with flash before a channel opens",
    file: "scp03.ts",
    within: "authenticate",
    from: "|| !isCurrent()",
    to: "",
    telling: true,
  },
  {
    kind: "overwritten keys",
    breaks: "session keys are checked against their derivation",
    file: "scp03.ts",
    within: "commandMac",
    from: "| (checkOfKeys() ^ session.check)",
    to: "",
    telling: true,
  },
];

const PARSING: readonly UnseenMutant[] = [
  {
    kind: "parsing",
    breaks: "nothing but Le follows the data",
    file: "apdu.ts",
    within: "parse",
    from: "return command.length !== 0 && behind <= 1 ?",
    to: "return command.length !== 0 && (behind as i32) >= 0 ?",
    telling: true,
  },
  {
    kind: "parsing",
    breaks: "padding is at most a block long",
    file: "scp03.ts",
    within: "unpad",
    from: "while (length > size - BLOCK &&",
    to: "while (length > 0 &&",
    telling: true,
  },
  {
    kind: "parsing",
    breaks: "encrypted data must be whole blocks",
    file: "scp03.ts",
    within: "unwrap",
    from: "if (size % BLOCK !== 0) return fail(0);",
    to: "",
  },
  {
    kind: "parsing",
    breaks: "a frame does not end in the middle of an escape",
    file: "frame.ts",
    within: "complete",
    from: "&& !line.escaped",
    to: "",
  },
  {
    kind: "parsing",
    breaks: "an invalid escape makes the frame invalid",
    file: "frame.ts",
    within: "receive",
    from: "else line.spoilt = true;",
    to: "",
  },
  {
    kind: "parsing",
    breaks: "a frame that is too long is noise",
    file: "frame.ts",
    within: "add",
    from: "line.spoilt = true; return;",
    to: "return;",
  },
];

const HEAD: readonly UnseenMutant[] = [
  field("a wiped card has no suite length", "pages.ts", "finishWipe", "head.suiteLength = 0;", true),
  field("a wiped card has no suite", "pages.ts", "finishWipe", "memory.fill(SUITE, 0, SUITE_SIZE);"),
  field("a wiped card has no PIN check", "pages.ts", "finishWipe", "head.pinCheck = 0;"),
  field("a wiped card has no number of tries", "pages.ts", "finishWipe", "head.tries = 0;"),
  field("a wiped card has no spent tries of a PIN", "pages.ts", "finishWipe", "head.pinSpent = 0;"),
  field("a wiped card has no spent tries of a code", "pages.ts", "finishWipe", "head.codeSpent = 0;"),
  field("a wiped card has no lock code", "pages.ts", "finishWipe", "head.lockCode = 0;"),
  field("a seeding gives the code tries back", "personalization.ts", "seed", "head.codeSpent = 0;", true),
  field("a seeding gives the PIN tries back", "personalization.ts", "seed", "head.pinSpent = 0;"),
  field("a card with the server's PIN check has no lock code", "personalization.ts", "seed", "head.lockCode = 0;"),
];

/** All of these mutants. */
export const UNSEEN_MUTANTS: readonly UnseenMutant[] = [
  ...RESIDUE,
  ...DRAWS,
  ...EVERY_STATE,
  ...FAILED_COMMITS,
  ...OVERWRITTEN_KEYS,
  ...PARSING,
  ...HEAD,
];

/** The mutants of a kind that this run tries. */
export function unseenMutants(kind: Kind): readonly UnseenMutant[] {
  return tried(UNSEEN_MUTANTS.filter((mutant) => mutant.kind === kind));
}

function wipe(breaks: string, file: string, within: string, from: string, telling = false, to = ""): UnseenMutant {
  return { kind: "residue", breaks, file, within, from, to, ...(telling && { telling }) };
}

function field(breaks: string, file: string, within: string, from: string, telling = false): UnseenMutant {
  return { kind: "head", breaks, file, within, from, to: "", ...(telling && { telling }) };
}

function draw(breaks: string, file: string, within: string, from: string, to: string, telling = false): UnseenMutant {
  return { kind: "draws", breaks, file, within, from, to, ...(telling && { telling }) };
}
