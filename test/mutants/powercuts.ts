// Mutants of the firmware, each of which breaks a promise when power fails, and the flows that show it. The campaign must
// find all of them (test/evidence/powercuts.test.ts).

import type { Telling } from "../support/triedmutants.js";
import type { Mutant } from "./apply.js";

export interface PowerCutMutant extends Mutant, Telling {
  /** The flow in which it shows, or the wear. It is run with few torn writes. */
  readonly shows: string;
  /** Matches what the campaign says of it. */
  readonly says: RegExp;
  /** Whether it shows without a power cut. */
  readonly uncut?: true;
}

const SPEND = `  const used = spent(tally);
  const before = flash.word(slot);
  if (!flash.program(slot, SPENT)) return Outcome.BATTERY;
  const after = flash.word(slot);
  const missing = used + 1 - spentBackwards(use === Use.CODE ? Tally.CODE : Tally.PIN);
  return vault.open(which, use, digits, length, before + missing, after) === 0 ? Outcome.DONE : Outcome.WRONG;`;

const COMMIT = `    if (at !== HEAD_CHECK_AT && !write(start, at)) return Outcome.BATTERY;
  }
  if (!reads(start)) return Outcome.FLASH;
  if (!write(start, HEAD_CHECK_AT)) return Outcome.BATTERY;`;

const LOOK =
  "return vault.open(which, use, digits, length, before + missing, after) === 0 ? Outcome.DONE : Outcome.WRONG;";

/** Shows only with a cut: the tries that were given back early are spent again, plus one. */
const GIVE_BACK_AND_LOOK = `  if (use === Use.PIN && !flash.program(slot + 4, GIVEN)) return Outcome.BATTERY;
  const opened = vault.open(which, use, digits, length, before + missing, after) === 0;
  if (opened || use !== Use.PIN) return opened ? Outcome.DONE : Outcome.WRONG;
  for (let i: u32 = 0; i <= used; i++) {
    if (!flash.program(freeSlot(tally), SPENT)) return Outcome.BATTERY;
  }
  return Outcome.WRONG;`;

const CHECK = `  const opened = onetry.open(Tally.PIN, Wrap.PIN, Use.PIN, digits, PIN_SIZE);
  if (opened === Outcome.DONE && onetry.confirmed()) return onetry.conclude(onetry.giveBack());
  vault.wipe();
`;

/** A page with all tries, and after a wrong PIN one without those that were spent. */
const RENEW_AND_CHECK = `  carry();
  const used = head.pinSpent;
  head.pinSpent = 0;
  if (commit() !== Outcome.DONE) return Outcome.BATTERY;
  const opened = onetry.open(Tally.PIN, Wrap.PIN, Use.PIN, digits, PIN_SIZE);
  if (opened === Outcome.DONE && onetry.confirmed()) return onetry.conclude(onetry.giveBack());
  vault.wipe();
  carry();
  head.pinSpent += used;
  if (commit() !== Outcome.DONE) return Outcome.BATTERY;
`;

export const POWER_CUT_MUTANTS: readonly PowerCutMutant[] = [
  {
    breaks: "a try is given back only after the right PIN",
    file: "onetry.ts",
    within: "open",
    from: LOOK,
    to: GIVE_BACK_AND_LOOK,
    also: [
      {
        file: "onetry.ts",
        within: "giveBack",
        from: "return flash.program(current.slot + 4, vault.receipt()) ? Outcome.DONE : Outcome.BATTERY;",
        to: "return Outcome.DONE;",
      },
    ],
    shows: "lockout",
    says: /3 of 3 tries.*may be .* [12] of 3 tries/,
  },
  {
    breaks: "a try is given back only after both checks found the PIN right",
    file: "pin.ts",
    within: "check",
    from: CHECK,
    to: RENEW_AND_CHECK,
    shows: "lockout",
    says: /3 of 3 tries.*may be .* [12] of 3 tries/,
  },
  {
    breaks: "a try is spent before the PIN is checked",
    telling: true,
    file: "onetry.ts",
    within: "open",
    from: SPEND,
    to: `  const opened = vault.open(which, use, digits, length, flash.word(slot), SPENT) === 0;
  if (!flash.program(slot, SPENT)) return Outcome.BATTERY;
  return opened ? Outcome.DONE : Outcome.WRONG;`,
    shows: "right",
    says: /opened though its try was not spent/,
  },
  {
    breaks: "the spent try is read back",
    telling: true,
    file: "onetry.ts",
    within: "open",
    from: "const after = flash.word(slot);",
    to: "const after = SPENT;",
    shows: "right",
    says: /opened though its try was not spent/,
  },
  {
    breaks: "both counts of tries include a slot that is neither erased nor valid",
    file: "tally.ts",
    within: "spent",
    from: "else if (!isErased(slot)) count++;",
    to: "else if (load<u32>(slot) === SPENT) count++;",
    shows: "lockout",
    says: /0 of the PINs it may have open it/,
  },
  {
    breaks: "an interrupted give-back gives nothing back",
    file: "tally.ts",
    within: "spent",
    from: "if (load<u32>(slot, 4) === GIVEN) count = 0;",
    to: "if (load<u32>(slot, 4) !== 0xffffffff) count = 0;",
    shows: "right-after-wrong",
    says: /0 of the PINs it may have open it/,
  },
  {
    breaks: "compaction keeps the spent tries",
    telling: true,
    file: "pin.ts",
    within: "makeRoom",
    from: "carry();",
    to: "head.pinSpent = 0;",
    shows: "right-after-wrong-full-0",
    says: /4 of 5 tries.*may be .* 2 of 5 tries/,
  },
  {
    breaks: "the last wrong PIN destroys the first wrap",
    telling: true,
    file: "pin.ts",
    within: "lock",
    from: "return destroy(Wrap.PIN);",
    to: "return Outcome.DONE;",
    shows: "lockout",
    says: /locked, and a PIN opens what is in its flash/,
  },
  {
    breaks: "the last wrong PIN destroys the first wrap at once",
    file: "pin.ts",
    within: "lost",
    from: "const destroyed = lock(); return destroyed === Outcome.DONE ? Outcome.LAST : destroyed;",
    to: "return Outcome.LAST;",
    shows: "lockout",
    says: /locked, and a PIN opens what is in its flash/,
  },
  {
    breaks: "an interrupted locking is finished",
    file: "card.ts",
    within: "firstState",
    from: "return pin.lock() === Outcome.DONE ? State.LOCKED : State.OFF;",
    to: "return State.LOCKED;",
    shows: "lockout",
    says: /locked, and a PIN opens what is in its flash/,
  },
  {
    breaks: "the fifth wrong code destroys the second wrap",
    file: "unlock.ts",
    within: "block",
    from: "return destroy(Wrap.CODE);",
    to: "return Outcome.DONE;",
    shows: "wrong-codes",
    says: /blocked, and its flash can be opened/,
  },
  {
    breaks: "a lock code is spent before the new PIN is asked for",
    file: "unlock.ts",
    within: "check",
    from: "return onetry.conclude(renew(before));",
    to: "return Outcome.DONE;",
    shows: "unlock",
    says: /stays after it was good/,
  },
  {
    breaks: "a lock code is never valid twice",
    telling: true,
    file: "unlock.ts",
    within: "prepare",
    from: "head.lockCode = code;",
    to: "head.lockCode = head.lockCode ? head.lockCode : code;",
    shows: "unlock",
    says: /stays after it was good/,
  },
  {
    breaks: "a right code gives no code tries back before PIN SET",
    file: "unlock.ts",
    within: "renew",
    from: "head.codeSpent = wrongBefore as u8;",
    to: "head.codeSpent = 0;",
    shows: "unlock",
    says: /5 codes.*may be .* 2 codes/,
  },
  {
    breaks: "the card stays LOCKED until PIN SET",
    file: "unlock.ts",
    within: "renew",
    from: "head.pinSpent = head.tries;",
    to: "head.pinSpent = head.tries - 1;",
    shows: "unlock",
    says: /no PIN set, it turns on with PIN>/,
  },
  {
    breaks: "the commit is the last word",
    file: "pages.ts",
    within: "writeNext",
    from: COMMIT,
    to: `    if (!write(start, at)) return Outcome.BATTERY;
  }
  if (!reads(start)) return Outcome.FLASH;`,
    shows: "change-pin",
    says: /turns on with ERROR 02/,
  },
  {
    breaks: "a page is read back before its commit",
    telling: true,
    file: "pages.ts",
    within: "writeNext",
    from: "if (!reads(start)) return Outcome.FLASH;",
    to: "",
    shows: "change-pin",
    says: /turns on with ERROR 02/,
  },
  {
    breaks: "the previous page is erased after the commit",
    file: "pages.ts",
    within: "writeNext",
    from: "if (!write(start, HEAD_CHECK_AT)) return Outcome.BATTERY;",
    to: "current.page = page; if (!clearOthers() || !write(start, HEAD_CHECK_AT)) return Outcome.BATTERY;",
    shows: "change-pin",
    says: /it is blank .*may be personalized old key/,
  },
  {
    breaks: "what a cut left in another page is erased",
    file: "pages.ts",
    within: "mount",
    from: "return clearOthers();",
    to: "return Outcome.DONE;",
    shows: "change-pin",
    says: /leaves 2 pages that are not blank/,
  },
  {
    breaks: "an interrupted first start begins again",
    telling: true,
    file: "pages.ts",
    within: "mount",
    from: "&& head.first !== FIRST) suspicious",
    to: ") suspicious",
    shows: "first-start",
    says: /turns on with ERROR 02/,
  },
  {
    breaks: "a wipe zeroes every copy of the root secret first",
    file: "pages.ts",
    within: "finishWipe",
    from: "if (!flash.isBlank(page) && !flash.zero(page * PAGE_SIZE + ROOT_AT, ROOT_SIZE + 4)) return Outcome.BATTERY;",
    to: "if (page === PAGES) return Outcome.BATTERY;",
    shows: "wipe",
    says: /a PIN opens what is left in its flash/,
  },
  {
    breaks: "a wipe is marked before it begins",
    telling: true,
    file: "pages.ts",
    within: "wipeCard",
    from: "if (!flash.program(address(WIPE_MARK_AT), 0)) return Outcome.BATTERY;",
    to: "",
    shows: "wipe",
    says: /turns on with ERROR 02/,
  },
  {
    breaks: "an interrupted wipe is finished",
    file: "pages.ts",
    within: "mount",
    from: "if (flash.word(address(WIPE_MARK_AT)) !== ERASED) return finishWipe();",
    to: "",
    shows: "wipe",
    says: /turns on with ERROR 02/,
  },
  {
    breaks: "a wiped card has nothing of its owner",
    file: "pages.ts",
    within: "wipeCard",
    from: "const outcome = finishWipe();",
    to: "const outcome = Outcome.DONE;",
    shows: "wipe",
    says: /a PIN opens what is left in its flash/,
    uncut: true,
  },
  {
    breaks: "key, PIN and wraps take effect together",
    telling: true,
    file: "personalization.ts",
    within: "seed",
    from: "head.lockCode = 0; if (pin",
    to: "if (commit() !== Outcome.DONE) return Outcome.BATTERY; head.lockCode = 0; if (pin",
    shows: "personalize-again",
    says: /seeded old key.*may be .* seeded new key/,
  },
  {
    breaks: "a card works only after it is personalized, which comes last",
    file: "card.ts",
    within: "firstState",
    from: "if (pages.head.life !== Life.PERSONALIZED) return State.NO_KEY;",
    to: "if (pages.head.life === Life.BLANK) return State.NO_KEY;",
    shows: "personalize",
    says: /it is seeded, and turns on with PIN>/,
  },
  {
    breaks: "pages are used in turn",
    telling: true,
    file: "pages.ts",
    within: "writeNext",
    from: "const page = (current.page + 1) % PAGES;",
    to: "const page = (current.page + 1) % 2;",
    shows: "wear",
    says: /more than its share/,
    uncut: true,
  },
  {
    breaks: "a slot is used once",
    file: "tally.ts",
    within: "freeSlot",
    from: "if (!isErased(slotAt(at, at === <u32>tally))) free",
    to: "if (load<u32>(slotAt(at, at === <u32>tally)) === SPENT) free",
    shows: "right",
    says: /the word was programmed before/,
  },
];
