// Mutants of the firmware that the proof must refute: firmware that breaks a promise by more than an instruction (those
// are in test/proof/mutants.ts). Each was once accepted, because a goal was too weak or not asked for.

import type { Telling } from "../support/triedmutants.js";
import type { Mutant } from "./apply.js";

export interface ProofSourceMutant extends Mutant, Telling {
  /** The pieces that are proved of it, until a goal does not hold. */
  readonly pieces: readonly string[];
  /** What the proof says: a goal that does not hold, or a call that is in no list. */
  readonly says: RegExp;
}

/** The words with which it writes no try. */
const NO_TRY = "0xffffffff, 0x3cc35aa5";

export const PROOF_SOURCE_MUTANTS: readonly ProofSourceMutant[] = [
  {
    breaks: "the last try is not given back before it is used",
    file: "pin.ts",
    within: "check",
    from: "const room = makeRoom();",
    to: `if (triesLeft() === 1) {
      const codes = spent(Tally.CODE);
      head.pinSpent = 0;
      head.codeSpent = codes as u8;
      const again = commit();
      if (again !== Outcome.DONE) return again;
    }
    const room = makeRoom();`,
    pieces: ["pin/2/2"],
    says: /^P2 .*no try at a PIN is given back/,
  },
  {
    breaks: "a wrong PIN costs a try",
    telling: true,
    file: "pin.ts",
    within: "check",
    from: "const room = makeRoom();",
    to: "const before = spent(Tally.PIN); const hadRoom = freeSlot(Tally.PIN) !== ERASED; const room = makeRoom();",
    also: [
      {
        file: "pin.ts",
        within: "check",
        from: "return spentBackwards(Tally.PIN) < head.tries ? Outcome.WRONG : lost();",
        to: `if (spentBackwards(Tally.PIN) >= head.tries) return lost();
        if (!hadRoom) return Outcome.WRONG;
        const codes = spent(Tally.CODE);
        head.pinSpent = before as u8;
        head.codeSpent = codes as u8;
        const done = commit();
        return done === Outcome.DONE ? Outcome.WRONG : done;`,
      },
    ],
    pieces: ["pin/2/1"],
    says: /^P2 .*the try stays spent/,
  },
  {
    breaks: "a wrong code costs a try",
    file: "unlock.ts",
    within: "check",
    from: "return spentBackwards(Tally.CODE) < CODE_TRIES ? Outcome.WRONG : lost();",
    to: `if (spentBackwards(Tally.CODE) >= CODE_TRIES) return lost();
    head.pinSpent = head.tries;
    head.codeSpent = before as u8;
    const done = commit();
    return done === Outcome.DONE ? Outcome.WRONG : done;`,
    pieces: ["unlock/2/1"],
    says: /^P2 .*the try stays spent/,
  },
  {
    breaks: "one try tests one PIN",
    file: "pin.ts",
    within: "check",
    from: "const opened = onetry.open(Tally.PIN, Wrap.PIN, Use.PIN, digits, PIN_SIZE);",
    to: "let opened = onetry.open(Tally.PIN, Wrap.PIN, Use.PIN, digits, PIN_SIZE);",
    also: [
      {
        file: "pin.ts",
        within: "check",
        from: "vault.wipe();",
        to: `if (opened === Outcome.WRONG) {
          store<u8>(digits, load<u8>(digits, 3) ^ 1, 3);
          if (vault.open(Wrap.PIN, Use.PIN, digits, PIN_SIZE, ${NO_TRY}) === 0) opened = Outcome.BATTERY;
        }
        vault.wipe();`,
      },
    ],
    pieces: ["pin/2/0"],
    says: /^P1: a try is used once/,
  },
  {
    breaks: "no command tests a PIN without a try",
    file: "commands.ts",
    within: "prove",
    from: "const sw = pin.judgedByServer() ? swOf(pin.openUnchecked()) : checkPin();",
    to: `if (!pin.judgedByServer() && vault.open(0x90, 0x81, command.data, pin.PIN_SIZE, ${NO_TRY}) !== 0) return Sw.WRONG;
    const sw = pin.judgedByServer() ? swOf(pin.openUnchecked()) : checkPin();`,
    pieces: [],
    says: /^vault\/open is called by /,
  },
  {
    breaks: "no unlock code is tested without a try",
    file: "unlock.ts",
    within: "check",
    from: "const opened = onetry.open(Tally.CODE, Wrap.CODE, Use.CODE, digits, CODE_SIZE);",
    to: `if (vault.open(Wrap.CODE, Use.CODE, digits, CODE_SIZE, ${NO_TRY}) !== 0) return Outcome.WRONG;
    const opened = onetry.open(Tally.CODE, Wrap.CODE, Use.CODE, digits, CODE_SIZE);`,
    pieces: ["unlock/2/1"],
    says: /^P1: /,
  },
  {
    breaks: "no other command commits a page",
    file: "commands.ts",
    within: "setStatus",
    from: "if (command.p2 !== <u32>SetStatusP2.PERSONALIZED) return Sw.WRONG_PARAMETERS;",
    to: `if (command.p2 === 0x07) {
      head.pinSpent = 0;
      head.codeSpent = 0;
      return swOf(commit());
    }
    if (command.p2 !== <u32>SetStatusP2.PERSONALIZED) return Sw.WRONG_PARAMETERS;`,
    pieces: [],
    says: /^pages\/commit is called by /,
  },
  {
    breaks: "power-on gives no try back, whatever it returns",
    file: "pages.ts",
    within: "mount",
    from: "return clearOthers();",
    to: `const cleared = clearOthers();
    if (cleared !== Outcome.DONE) return cleared;
    head.pinSpent = 0;
    return host.battery() >= 2000 ? Outcome.DONE : Outcome.BATTERY;`,
    pieces: ["mount/2"],
    says: /^memory: it says what flash says/,
  },
  {
    breaks: "a right code is followed by another lock code, whatever is returned",
    file: "unlock.ts",
    within: "renew",
    from: "head.codeSpent = wrongBefore as u8;",
    to: "head.lockCode = old; head.codeSpent = wrongBefore as u8;",
    also: [
      {
        file: "unlock.ts",
        within: "renew",
        from: "const prepared = prepare();",
        to: "const old = head.lockCode; const prepared = prepare();",
      },
      {
        file: "unlock.ts",
        within: "renew",
        from: "return commit();",
        to: `const done = commit();
        if (done !== Outcome.DONE) return done;
        return host.battery() >= 2000 ? Outcome.DONE : Outcome.BATTERY;`,
      },
    ],
    pieces: ["unlock/2/1"],
    says: /^P5: a right code is followed by another lock code/,
  },
  {
    breaks: "a record that is refused gives no try back",
    file: "personalization.ts",
    within: "apply",
    from: "const outcome = isValid(record) ? seed(record) : Outcome.REFUSED;",
    to: `let outcome: Outcome = Outcome.REFUSED;
    if (isValid(record)) outcome = seed(record);
    else {
      head.pinSpent = 0;
      head.codeSpent = 0;
      commit();
    }`,
    pieces: ["record/2"],
    says: /^P2 .* given back/,
  },
  {
    breaks: "a wiped card has no wrap",
    file: "pages.ts",
    within: "drop",
    from: "memory.fill(IMAGE + which, 0, WRAP_SIZE + 4);",
    to: "memory.fill(IMAGE + which, 0, 0);",
    pieces: ["wipe/2"],
    says: /^P2, in a wipe: the new page has no wrap/,
  },
  {
    breaks: "a wiped card has a new root",
    file: "pages.ts",
    within: "commitBlank",
    from: "if (!host.random(ROOT, ROOT_SIZE)) return Outcome.RANDOM;",
    to: "if (!host.random(ROOT, 0)) return Outcome.RANDOM;",
    pieces: ["wipe/2"],
    says: /^P2, in a wipe: the new page has the root that was drawn/,
  },
];
