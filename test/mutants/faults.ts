// Mutants of the firmware, each without one protection against faults. The campaign must find all of them
// (test/evidence/faults.test.ts).

import type { Telling } from "../support/triedmutants.js";
import type { Mutant } from "./apply.js";

/** A mutant, the scenario and the functions in which the campaign must see it, and what it must say of it. */
export interface FaultMutant extends Mutant, Telling {
  readonly scenario: string;
  readonly functions: RegExp;
  readonly says: RegExp;
}

/** What the campaign says where a promise is broken (scenarios.ts, trial.ts). */
const SAYS = {
  untried: /: an attempt that told, and /,
  changed: /: the card was changed$/,
  channel: /: a channel is open$/,
  knownKey: /: a channel under a key that everybody knows$/,
  leak: /: a key on the line$/,
};

export const FAULT_MUTANTS: readonly FaultMutant[] = [
  {
    breaks: "the spent try, read back, goes into the derivation",
    file: "onetry.ts",
    within: "open",
    from: "digits, length, before + missing, after) === 0",
    to: "digits, length, ERASED, SPENT) === 0",
    scenario: "pin",
    functions: /^(onetry|pin|flash\/program)/,
    says: SAYS.untried,
  },
  {
    breaks: "the difference of the counts goes into the derivation",
    file: "onetry.ts",
    within: "open",
    from: "before + missing, after",
    to: "before, after",
    scenario: "pin",
    functions: /^(onetry|pin|pages\/address|tally\/freeSlot)/,
    says: SAYS.untried,
  },
  {
    breaks: "cryptogram and MAC are compared twice",
    file: "scp03.ts",
    within: "authenticate",
    from: "session.stage = stage;",
    to: "session.stage = Stage.OPEN;",
    scenario: "channel",
    functions: /^(scp03|commands\/externalAuthenticate)/,
    says: SAYS.channel,
  },
  {
    breaks: "the MAC of a command is compared twice",
    file: "scp03.ts",
    within: "unwrap",
    from: "if (differingWords(CHAIN, data + size) !== 0) return fail(0);",
    to: "",
    scenario: "forged-wipe",
    functions: /^(scp03|apdu)/,
    says: SAYS.changed,
  },
  {
    breaks: "the session key is derived twice",
    file: "scp03.ts",
    within: "authenticate",
    from: "let wrong = difference(WORK, S_MAC, KEY_SIZE);",
    to: "let wrong: u32 = 0;",
    scenario: "derivation",
    functions: /^scp03/,
    says: SAYS.knownKey,
  },
  {
    breaks: "the data of a command is wiped before it is answered",
    file: "apdu.ts",
    within: "process",
    from: "memory.fill(at + command.answer, 0, MAX_PAYLOAD - command.answer);",
    to: "",
    scenario: "personalize",
    functions: /^scp03\/wrap/,
    says: SAYS.leak,
  },
];

export const KEYS_BEFORE_CHALLENGE: FaultMutant = {
  breaks: "the card's challenge is copied out before the session keys are derived",
  file: "scp03.ts",
  within: "initiate",
  from: `  copyPublic(data + 13, CHAIN + CHALLENGE_SIZE, CHAIN + CHALLENGE_SIZE, CHALLENGE_SIZE);
  deriveSession(KEYS, Derive.S_ENC, S_ENC);
  deriveSession(KEYS + KEY_SIZE, Derive.S_MAC, S_MAC);
`,
  to: `  deriveSession(KEYS, Derive.S_ENC, S_ENC);
  deriveSession(KEYS + KEY_SIZE, Derive.S_MAC, S_MAC);
  copyPublic(data + 13, CHAIN + CHALLENGE_SIZE, CHAIN + CHALLENGE_SIZE, CHALLENGE_SIZE);
`,
  scenario: "read",
  functions: /^crypto\/kdf\/derive$/,
  says: SAYS.leak,
};

export const NOT_LOOKED_AT: FaultMutant = {
  breaks: "AES is tested after the cryptogram is computed and before it is sent",
  file: "scp03.ts",
  within: "initiate",
  from: "if (!selftest.cryptoWorks()) return fail(Sw.NOT_USABLE) as Sw;",
  to: "",
  scenario: "channel",
  functions: /^crypto\/aes\/wipe$/,
  says: SAYS.leak,
};

/** A mutant that is found by faults in single executions of one kind of instruction. */
export interface SingleExecutionMutant extends FaultMutant {
  readonly what: string;
  readonly modes: readonly ("skip" | `bit${number}`)[];
}

const EACH_BIT_OF_AN_ADDRESS = Array.from({ length: 12 }, (_, bit) => `bit${bit}` as const);

export const SINGLE_EXECUTIONS: readonly SingleExecutionMutant[] = [
  {
    breaks: "transport keys are compared with flash, and a key schedule stays in its place",
    file: "scp03.ts",
    within: "authenticate",
    from: "|| !isCurrent()",
    to: "",
    also: [
      {
        file: "crypto/aes.ts",
        within: "setKey",
        from: "for (let round: u32 = 0; round < 10; round++) { const at = SCHEDULE + (round << 4);",
        to: "for (let at = SCHEDULE; at < SCHEDULE + 160; at += 16) {",
      },
    ],
    scenario: "derivation",
    functions: /^crypto\/aes\/setKey$/,
    what: "local.get",
    modes: ["skip"],
    says: SAYS.knownKey,
  },
  {
    breaks: "a CMAC is copied to its destination before its last encryption",
    file: "crypto/cmac.ts",
    within: "end",
    from: "memory.copy(out, STATE, 16); aes.encrypt(out);",
    to: "aes.encrypt(STATE); memory.copy(out, STATE, 16);",
    scenario: "derivation",
    functions: /^crypto\/cmac\/end$/,
    what: "i32.const",
    modes: EACH_BIT_OF_AN_ADDRESS,
    says: SAYS.leak,
  },
];

export const ADDRESSED_ONCE: FaultMutant = {
  breaks: "public data is copied by two addresses",
  file: "public.ts",
  within: "copyPublic",
  from: "& load<u8>(again + i)",
  to: "",
  scenario: "read",
  functions: /^(public\/copyPublic|commands\/text)$/,
  says: SAYS.leak,
};

/** Mutants without a protection against wrong addresses or lengths. */
export const ADDRESSES: readonly FaultMutant[] = [
  {
    breaks: "no copy that a wrong length can extend lies between the MAC of an answer and its sending",
    telling: true,
    file: "selftest.ts",
    within: "aesWorks",
    from: "store<u64>(DIGEST, load<u64>(TEXT, 0), 0);",
    to: "memory.copy(DIGEST, TEXT, TEXT_SIZE);",
    scenario: "change",
    functions: /^selftest\/aesWorks$/,
    says: SAYS.leak,
  },
  {
    breaks: "an invalid page is wiped from memory",
    file: "pages.ts",
    within: "mount",
    from: "if (!headIsWhole()) wipe();",
    to: "",
    scenario: "login",
    functions: /^pages\/mount$/,
    says: SAYS.leak,
  },
  {
    breaks: "memory is wiped if no page is found",
    telling: true,
    file: "pages.ts",
    within: "mount",
    from: "if (newest === 0) { wipe();",
    to: "if (newest === 0) {",
    scenario: "login",
    functions: /^pages\/mount$/,
    says: SAYS.leak,
  },
  {
    breaks: "a try is spent on the page that is current in flash",
    file: "onetry.ts",
    within: "open",
    from: "|| !isCurrent()",
    to: "",
    scenario: "proof",
    functions: /^crypto\/(hash|hmac)\/(end|begin)$/,
    says: SAYS.untried,
  },
];

/** All of them. */
export const ALL_FAULT_MUTANTS: readonly FaultMutant[] = [
  ...FAULT_MUTANTS,
  KEYS_BEFORE_CHALLENGE,
  NOT_LOOKED_AT,
  ...SINGLE_EXECUTIONS,
  ADDRESSED_ONCE,
  ...ADDRESSES,
];
