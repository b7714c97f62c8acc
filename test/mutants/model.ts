// Mutants of the firmware that break one invariant each (docs/INVARIANTS.md), and the faults of the first release. For
// each, test/sim/session/runs.json has a run that shows it in a few steps; the campaign finds them by itself.

import type { InvariantName } from "../../sim/session/monkey/invariants.js";
import type { Mutant } from "./apply.js";
import { FORMER_FAULTS } from "./firstrelease.js";
import { TOP_LEVEL } from "./source.js";

export interface ModelMutant {
  /** What a run reports that finds it: an invariant, or what differs from the model. */
  readonly shows: InvariantName | "state" | "display" | "deadline" | "status word" | "status" | "data";
  readonly mutant: Mutant;
}

/** By the name of the kept run. */
export const MODEL_MUTANTS: Readonly<Record<string, ModelMutant>> = {
  // ---- faults of the first release ----
  "F1-stale-successor-after-seeding": {
    shows: "I1",
    mutant: FORMER_FAULTS["stale-successor-after-seeding"],
  },
  "F2-stale-successor-after-wipe": {
    shows: "I1",
    mutant: FORMER_FAULTS["stale-successor-after-wipe"],
  },
  "F3-keys-recorded-on-every-screen": {
    shows: "I8",
    mutant: FORMER_FAULTS["keys-recorded-on-every-screen"],
  },
  "F4-frames-keep-the-card-on": { shows: "I6", mutant: FORMER_FAULTS["frames-keep-the-card-on"] },
  "F5-bench-test-never-ends": { shows: "state", mutant: FORMER_FAULTS["bench-test-never-ends"] },
  "F6-error-not-told": { shows: "status", mutant: FORMER_FAULTS["error-not-told"] },
  "F7-put-key-in-one-encoding": { shows: "status word", mutant: FORMER_FAULTS["put-key-in-one-encoding"] },
  "F8-closed-channel-keeps-its-screen": { shows: "state", mutant: FORMER_FAULTS["closed-channel-keeps-its-screen"] },

  // ---- one for each invariant ----
  "I1-seeded-card-asks-for-its-PIN": {
    shows: "I1",
    mutant: {
      breaks: "a card that is only seeded shows NO KEY",
      file: "card.ts",
      within: "firstState",
      from: "if (pages.head.life !== Life.PERSONALIZED) return State.NO_KEY;",
      to: "if (pages.head.life === Life.BLANK) return State.NO_KEY;",
    },
  },
  "I2-a-third-wrong-PIN-gives-two-back": {
    shows: "I2",
    mutant: {
      breaks: "only a right PIN gives tries back",
      file: "pin.ts",
      within: "triesLeft",
      from: "return used < head.tries ? head.tries - used : 0;",
      to: "return used < head.tries ? head.tries - (used > 2 ? used - 2 : used) : 0;",
    },
  },
  "I3-a-right-code-gives-all-codes-back": {
    shows: "I3",
    mutant: {
      breaks: "only PIN SET gives code tries back",
      file: "unlock.ts",
      within: "renew",
      from: "head.codeSpent = wrongBefore as u8;",
      to: "head.codeSpent = 0;",
    },
  },
  "I4-a-channel-leaves-the-challenge-open": {
    shows: "I4",
    mutant: {
      breaks: "opening a channel ends what the owner was doing",
      file: "card.ts",
      within: "openSerial",
      from: "entry.wipe(); vault.wipe(); enter(State.SERIAL);",
      to: "if (card.state !== State.CHALLENGE) enter(State.SERIAL);",
    },
  },
  "I5-keys-extend-a-response": {
    shows: "I5",
    mutant: {
      breaks: "a response is never extended",
      file: "card.ts",
      within: "onKey",
      from: "card.deadline = card.idleTimeout ? card.now + card.idleTimeout : card.deadline;",
      to: "card.deadline = card.state === State.RESPONSE ? card.now + IDLE * 2 : card.idleTimeout ? card.now + card.idleTimeout : card.deadline;",
    },
  },
  "I6-a-hello-extends-a-challenge": {
    shows: "I6",
    mutant: {
      breaks: "an unauthenticated frame does not keep a card on that shows something",
      file: "card.ts",
      within: "isBare",
      from: "case State.TEST: return true;",
      to: "case State.TEST: case State.CHALLENGE: return true;",
    },
  },
  "I7-an-error-card-takes-a-self-test": {
    shows: "I7",
    mutant: {
      breaks: "a card in ERROR answers only SELECT and GET DATA",
      file: "apdu.ts",
      within: "isForAnyCard",
      from: "(command.ins === <u32>Ins.SELECT || command.ins === <u32>Ins.GET_DATA);",
      to: "command.ins !== <u32>Ins.INITIALIZE_UPDATE;",
    },
  },
  "I8-the-record-outlives-its-screen": {
    shows: "I8",
    mutant: {
      breaks: "the record of the bench test starts empty",
      file: "card.ts",
      within: "stand",
      from: "card.tested = 0; card.state = state;",
      to: "card.state = state;",
    },
  },
  "I9-NO-KEY-is-followed-by-the-bench-test": {
    shows: "I9",
    mutant: {
      breaks: "after NO KEY the card turns off",
      file: "times.ts",
      within: "successorOf",
      from: "case State.WRONG_CODE: return State.LOCKED;",
      to: "case State.NO_KEY: return State.TEST; case State.WRONG_CODE: return State.LOCKED;",
    },
  },
  "I10-a-word-is-programmed-again": {
    shows: "I10",
    mutant: {
      breaks: "flash is programmed as flash allows",
      file: "onetry.ts",
      within: "giveBack",
      from: "return flash.program(current.slot + 4, vault.receipt())",
      to: "return flash.program(current.slot, vault.receipt())",
    },
  },
  "I11-off-leaves-the-screen-lit": {
    shows: "I11",
    mutant: {
      breaks: "a card that is off shows nothing",
      file: "card.ts",
      within: "turnOff",
      from: "forget(); screen.dark(); host.power(0);",
      to: "forget(); host.power(0);",
    },
  },
  "I12-LOCKED-stands-five-minutes": {
    shows: "I12",
    mutant: {
      breaks: "LOCKED has a time-out of 30 s",
      file: "times.ts",
      within: "idleTimeoutOf",
      from: "if (state === State.LOCK_CODE || state === State.UNLOCK)",
      to: "if (state === State.LOCKED || state === State.LOCK_CODE || state === State.UNLOCK)",
    },
  },
  "I13-level-01-may-change": {
    shows: "I13",
    mutant: {
      breaks: "level 01 only reads",
      file: "apdu.ts",
      within: "secured",
      from: "const changes = (level & (Level.C_MAC | Level.C_DECRYPTION)) === (Level.C_MAC | Level.C_DECRYPTION);",
      to: "const changes = (level & Level.C_MAC) !== 0;",
    },
  },
  "I14-an-empty-battery-writes": {
    shows: "I14",
    mutant: {
      breaks: "below 2,100 mV nothing is written",
      file: "flash.ts",
      within: "program",
      from: "if (!power.usable()) return false; host.flash_program",
      to: "host.flash_program",
    },
  },
  "I15-a-lock-code-is-used-again": {
    shows: "I15",
    mutant: {
      breaks: "a right unlock code spends the lock code at once",
      file: "unlock.ts",
      within: "renew",
      from: "const prepared = prepare(); if (prepared !== Outcome.DONE) return prepared;",
      to: "",
    },
  },
  "I16-a-locked-card-asks-for-its-PIN": {
    shows: "I16",
    mutant: {
      breaks: "a locked card shows LOCKED",
      file: "card.ts",
      within: "firstState",
      from: "if (pin.isLocked()) return pin.lock() === Outcome.DONE ? State.LOCKED : State.OFF;",
      to: "",
    },
  },

  // ---- what the model alone tells ----
  "a-hold-acts-twice": {
    shows: "deadline",
    mutant: {
      breaks: "a hold acts once",
      file: "keys.ts",
      within: "next",
      from: "contacts.held = true;",
      to: "contacts.downAt = now;",
    },
  },
  "a-key-counts-beside-another": {
    shows: "display",
    mutant: {
      breaks: "while one key is down the others are ignored",
      file: "keys.ts",
      within: "settle",
      from: "contacts.active === NO_KEY ? press(key, at) : Event.NONE",
      to: "press(key, at)",
    },
  },
  "bounce-of-20-ms": {
    shows: "deadline",
    mutant: {
      breaks: "bounce is shorter than 20 ms",
      file: "keys.ts",
      within: TOP_LEVEL,
      from: "BOUNCE: u32 = 20",
      to: "BOUNCE: u32 = 21",
    },
  },
  "a-seeded-card-takes-PIN-commands": {
    shows: "status word",
    mutant: {
      breaks: "only a personalized card takes commands about the PIN",
      file: "commands.ts",
      within: "pinCommand",
      from: "if (head.life !== <u8>Life.PERSONALIZED) return Sw.NOT_IN_THIS_STATE; if (pin.judgedByServer())",
      to: "if (pin.judgedByServer())",
    },
  },
  "wrong-keys-are-answered-at-once": {
    shows: "deadline",
    mutant: {
      breaks: "wrong transport keys are answered with a growing delay",
      file: "apdu.ts",
      within: "delay",
      from: "|| failures <= PROMPT_FAILURES) return 0;",
      to: "|| failures <= 100) return 0;",
    },
  },
};
