// Mutants of the firmware that the proof must refute: firmware that breaks a promise by more than an instruction (those
// are in test/proof/mutants.ts). Each was once accepted, because a goal was too weak or not asked for.

import type { Telling } from "../support/triedmutants.js";
import type { Change, Mutant } from "./apply.js";
import { TOP_LEVEL } from "./source.js";

export interface ProofSourceMutant extends Mutant, Telling {
  /** The pieces that are proved of it, until a goal does not hold. */
  readonly pieces: readonly string[];
  /** What the proof says: a goal that does not hold, or a call that is in no list. */
  readonly says: RegExp;
}

/** The words with which it writes no try. */
const NO_TRY = "0xffffffff, 0x3cc35aa5";

/** After a program that is left out: what a try depends on is as after one that was done. */
const FREE_TRY: readonly Change[] = [
  {
    file: "onetry.ts",
    within: "open",
    from: "const after = flash.word(slot);",
    to: "const after = free ? SPENT : flash.word(slot);",
  },
  {
    file: "onetry.ts",
    within: "open",
    from: "const missing = used + 1 - spentBackwards(use === Use.CODE ? Tally.CODE : Tally.PIN);",
    to: "const missing = free ? 0 : used + 1 - spentBackwards(use === Use.CODE ? Tally.CODE : Tally.PIN);",
  },
];

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
          if (vault.open(Wrap.PIN, Use.PIN, digits + 4, PIN_SIZE, ${NO_TRY}) === 0) opened = Outcome.BATTERY;
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
  {
    breaks: "a PIN costs a try wherever it lies",
    file: "onetry.ts",
    within: "open",
    from: "if (!flash.program(slot, SPENT)) return Outcome.BATTERY;",
    to: "const free = digits >= 0x100; if (!free && !flash.program(slot, SPENT)) return Outcome.BATTERY;",
    also: FREE_TRY,
    pieces: ["pin/2/1"],
    says: /^P1: /,
  },
  {
    breaks: "a PIN costs a try on every kind of host",
    file: "onetry.ts",
    within: "open",
    from: "if (!flash.program(slot, SPENT)) return Outcome.BATTERY;",
    to: "const free = host.panel() === 1; if (!free && !flash.program(slot, SPENT)) return Outcome.BATTERY;",
    also: [
      ...FREE_TRY,
      {
        file: "onetry.ts",
        within: TOP_LEVEL,
        from: 'import * as flash from "./flash";',
        to: 'import * as flash from "./flash"; import * as host from "./host";',
      },
    ],
    pieces: ["pin/2/1"],
    says: /^P1: /,
  },
  {
    breaks: "a card that checks PINs opens no wrap without a try",
    file: "pin.ts",
    within: "openUnchecked",
    from: "const difference = vault.open(Wrap.PIN, Use.NOTHING, 0, 0, ERASED, SPENT);",
    to: "const difference = vault.open(Wrap.PIN, Use.PIN, 0xf00, PIN_SIZE, ERASED, SPENT);",
    pieces: ["unchecked/2"],
    says: /^P1: without a try/,
  },
  {
    breaks: "the card's id is derived from nothing that was sent",
    file: "cardid.ts",
    within: "tell",
    from: "kdf.derive(ROOT, Use.CARD_ID as u8, 0, 0, out, SIZE * 8);",
    to: "kdf.derive(ROOT, Use.CARD_ID as u8, out + 6, 12, out, SIZE * 8);",
    pieces: ["card-id/2"],
    says: /^P1: the card's id/,
  },
  {
    breaks: "a check value is computed without changing what it is of",
    file: "crypto/crc32.ts",
    within: "crc32",
    from: "let crc = ~seed;",
    to: "if (length === 0x44) store<u8>(data, 0, 12); let crc = ~seed;",
    pieces: ["personalized/2"],
    says: /^crypto\/crc32\/crc32 writes/,
  },
  {
    breaks: "every page is looked at to see whether it is blank",
    file: "flash.ts",
    within: "isBlank",
    from: "const start = page * PAGE_SIZE;",
    to: "if (page !== currentPage()) return true; const start = page * PAGE_SIZE;",
    also: [
      {
        file: "flash.ts",
        within: TOP_LEVEL,
        from: 'import * as power from "./power";',
        to: 'import * as power from "./power"; import { currentPage } from "./pages";',
      },
    ],
    pieces: ["counts/2"],
    says: /blank/,
  },
  {
    breaks: "a page is left as it is only if it is blank itself",
    file: "flash.ts",
    within: "clear",
    from: "if (isBlank(page)) return true;",
    to: "if (isBlank(page === 0 ? 1 : page)) return true;",
    pieces: ["mount/2"],
    says: /^(P2|P3|NOR|invariant|memory|settled)/,
  },
  {
    breaks: "memory holds a page after a wrong PIN",
    file: "pin.ts",
    within: "check",
    from: "return spentBackwards(Tally.PIN) < head.tries ? Outcome.WRONG : lost();",
    to: `if (spentBackwards(Tally.PIN) < head.tries) {
      head.magic = 0;
      head.tries = 100;
      return Outcome.WRONG;
    }
    return lost();`,
    pieces: ["pin/2/1"],
    says: /^memory: /,
  },
  {
    breaks: "SET STATUS with other parameters is refused",
    file: "commands.ts",
    within: "setStatus",
    from: "if (command.p2 !== <u32>SetStatusP2.PERSONALIZED) return Sw.WRONG_PARAMETERS;",
    to: "if ((command.p2 | 8) !== <u32>SetStatusP2.PERSONALIZED) return Sw.WRONG_PARAMETERS;",
    also: [
      { file: "commands.ts", within: "setStatus", from: "tally.carry();", to: "if (command.p2 & 8) tally.carry();" },
    ],
    pieces: ["status-p2/2"],
    says: /^a command that is refused writes nothing/,
  },
  {
    breaks: "a wipe ends where the random source fails",
    file: "pages.ts",
    within: "commitBlank",
    from: "if (!host.random(ROOT, ROOT_SIZE)) return Outcome.RANDOM;",
    to: "host.random(ROOT, ROOT_SIZE);",
    pieces: ["wipe/2"],
    says: /^P2, in a wipe: the random source worked/,
  },
  {
    breaks: "power-on ends with one of four results",
    file: "pages.ts",
    within: "mount",
    from: "return clearOthers();",
    to: `const cleared = clearOthers();
    if (cleared === Outcome.DONE && host.battery() >= 2500) {
      head.tries = 200;
      return 0 as Outcome;
    }
    return cleared;`,
    pieces: ["mount/2"],
    says: /^(told: one of these|memory: )/,
  },
  {
    breaks: "the check of a record does not change it",
    file: "token.ts",
    within: "isSuite",
    from: "if (!ocra.parse(text, length)) return false;",
    to: "if (!ocra.parse(text, length)) return false; if (text !== SUITE) store<u8>(text - 4, 200);",
    pieces: ["record/2"],
    says: /^the check of a record changes it/,
  },
  {
    breaks: "the receipt comes out of the wrap",
    file: "crypto/siv.ts",
    within: "open",
    from: "s2v(key, plain, length, PAD);",
    to: "store<u32>(plain, 0xc33ca55a, 96); s2v(key, plain, length, PAD);",
    pieces: ["pin/2/1"],
    says: /^(P2|told: DONE)/,
  },
];
