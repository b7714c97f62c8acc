// Mutants of the firmware that break an invariant each (docs/INVARIANTS.md), and the faults of the first release. For
// each a run is kept in test/sim/session/runs.json that shows it in a few steps; the campaign finds them by itself.

import type { InvariantName } from "../../sim/session/monkey/invariants.js";
import { FORMER_FAULTS } from "./formerfaults.js";
import type { Mutation } from "./mutation.js";

export interface ModelMutant {
  /** What a run that finds it is told: an invariant, or what differs from the model. */
  readonly shows: InvariantName | "state" | "display" | "deadline" | "status word" | "status" | "data";
  readonly mutation: Mutation;
  /** Compiled and run each time: one for each invariant; the others where MUTANTS=all is set. */
  readonly telling?: true;
}

/** By the name of the run that is kept. */
export const MODEL_MUTANTS: Readonly<Record<string, ModelMutant>> = {
  // ---- faults of the first release ----
  "F1-stale-successor-after-seeding": {
    shows: "I1",
    mutation: FORMER_FAULTS["stale-successor-after-seeding"],
    telling: true,
  },
  "F2-stale-successor-after-wipe": {
    shows: "I1",
    mutation: FORMER_FAULTS["stale-successor-after-wipe"],
    telling: true,
  },
  "F3-keys-recorded-on-every-screen": {
    shows: "I8",
    mutation: FORMER_FAULTS["keys-recorded-on-every-screen"],
    telling: true,
  },
  "F4-frames-keep-the-card-on": { shows: "I6", mutation: FORMER_FAULTS["frames-keep-the-card-on"], telling: true },
  "F5-bench-test-never-ends": { shows: "state", mutation: FORMER_FAULTS["bench-test-never-ends"] },
  "F6-error-not-told": { shows: "status", mutation: FORMER_FAULTS["error-not-told"] },
  "F7-put-key-in-one-encoding": { shows: "status word", mutation: FORMER_FAULTS["put-key-in-one-encoding"] },
  "F8-closed-channel-keeps-its-screen": { shows: "state", mutation: FORMER_FAULTS["closed-channel-keeps-its-screen"] },

  // ---- one for each invariant ----
  "I1-seeded-card-asks-for-its-PIN": {
    shows: "I1",
    mutation: {
      breaks: "a card that is only seeded shows NO KEY",
      file: "card.ts",
      from: "  if (pages.head.life !== Life.PERSONALIZED) return State.NO_KEY;",
      to: "  if (pages.head.life === Life.BLANK) return State.NO_KEY;",
    },
  },
  "I2-a-third-wrong-PIN-gives-two-back": {
    shows: "I2",
    telling: true,
    mutation: {
      breaks: "tries are given back by a right PIN only",
      file: "pin.ts",
      from: "  return used < head.tries ? head.tries - used : 0;",
      to: "  return used < head.tries ? head.tries - (used > 2 ? used - 2 : used) : 0;",
    },
  },
  "I3-a-right-code-gives-all-codes-back": {
    shows: "I3",
    telling: true,
    mutation: {
      breaks: "code tries are given back by PIN SET only",
      file: "unlock.ts",
      from: "  head.codeSpent = wrongBefore as u8;",
      to: "  head.codeSpent = 0;",
    },
  },
  "I4-a-channel-leaves-the-challenge-open": {
    shows: "I4",
    telling: true,
    mutation: {
      breaks: "what the owner was doing is over when a channel opens",
      file: "card.ts",
      from: "  entry.wipe();\n  vault.wipe();\n  enter(State.SERIAL);",
      to: "  if (card.state !== State.CHALLENGE) enter(State.SERIAL);",
    },
  },
  "I5-keys-extend-a-response": {
    shows: "I5",
    telling: true,
    mutation: {
      breaks: "a response is never extended",
      file: "card.ts",
      from: "  card.deadline = card.patience ? card.now + card.patience : card.deadline;",
      to: "  card.deadline = card.state === State.RESPONSE ? card.now + IDLE * 2 : card.patience ? card.now + card.patience : card.deadline;",
    },
  },
  "I6-a-hello-extends-a-challenge": {
    shows: "I6",
    mutation: {
      breaks: "an unauthenticated frame keeps no card on that shows something",
      file: "card.ts",
      from: "    case State.TEST:\n      return true;",
      to: "    case State.TEST:\n    case State.CHALLENGE:\n      return true;",
    },
  },
  "I7-an-error-card-takes-a-self-test": {
    shows: "I7",
    telling: true,
    mutation: {
      breaks: "an ERROR card answers SELECT and GET DATA only",
      file: "apdu.ts",
      from: "(command.ins === <u32>Ins.SELECT || command.ins === <u32>Ins.GET_DATA);",
      to: "command.ins !== <u32>Ins.INITIALIZE_UPDATE;",
    },
  },
  "I8-the-record-outlives-its-screen": {
    shows: "I8",
    mutation: {
      breaks: "the record of the bench test starts empty",
      file: "card.ts",
      from: "  card.tested = 0;\n  card.state = state;\n",
      to: "  card.state = state;\n",
    },
  },
  "I9-NO-KEY-is-followed-by-the-bench-test": {
    shows: "I9",
    telling: true,
    mutation: {
      breaks: "NO KEY has no successor but off",
      file: "times.ts",
      from: "    case State.WRONG_CODE:\n      return State.LOCKED;",
      to: "    case State.NO_KEY:\n      return State.TEST;\n    case State.WRONG_CODE:\n      return State.LOCKED;",
    },
  },
  "I10-a-word-is-programmed-again": {
    shows: "I10",
    telling: true,
    mutation: {
      breaks: "flash is programmed as flash allows",
      file: "attempt.ts",
      from: "  return flash.program(current.slot + 4, vault.receipt())",
      to: "  return flash.program(current.slot, vault.receipt())",
    },
  },
  "I11-off-leaves-the-screen-lit": {
    shows: "I11",
    telling: true,
    mutation: {
      breaks: "a card that is off shows nothing",
      file: "card.ts",
      from: "  forget();\n  screen.dark();\n  host.power(0);",
      to: "  forget();\n  host.power(0);",
    },
  },
  "I12-LOCKED-stands-five-minutes": {
    shows: "I12",
    telling: true,
    mutation: {
      breaks: "30 s on LOCKED",
      file: "times.ts",
      from: "if (state === State.LOCK_CODE || state === State.UNLOCK)",
      to: "if (state === State.LOCKED || state === State.LOCK_CODE || state === State.UNLOCK)",
    },
  },
  "I13-level-01-may-change": {
    shows: "I13",
    telling: true,
    mutation: {
      breaks: "level 01 reads",
      file: "apdu.ts",
      from: "const changes = (level & (Level.C_MAC | Level.C_DECRYPTION)) === (Level.C_MAC | Level.C_DECRYPTION);",
      to: "const changes = (level & Level.C_MAC) !== 0;",
    },
  },
  "I14-an-empty-battery-writes": {
    shows: "I14",
    telling: true,
    mutation: {
      breaks: "below 2,100 mV nothing is written",
      file: "flash.ts",
      from: "  if (!power.usable()) return false;\n  host.flash_program",
      to: "  host.flash_program",
    },
  },
  "I15-a-lock-code-is-used-again": {
    shows: "I15",
    telling: true,
    mutation: {
      breaks: "a lock code is spent the moment its code is found right",
      file: "unlock.ts",
      from: "  const prepared = prepare();\n  if (prepared !== Outcome.DONE) return prepared;\n",
      to: "",
    },
  },
  "I16-a-locked-card-asks-for-its-PIN": {
    shows: "I16",
    telling: true,
    mutation: {
      breaks: "a locked card shows LOCKED",
      file: "card.ts",
      from: "  if (pin.isLocked()) return pin.lock() === Outcome.DONE ? State.LOCKED : State.OFF;",
      to: "",
    },
  },

  // ---- what the model alone tells ----
  "a-hold-acts-twice": {
    shows: "deadline",
    mutation: {
      breaks: "a hold acts once",
      file: "keys.ts",
      from: "    contacts.held = true;\n",
      to: "    contacts.downAt = now;\n",
    },
  },
  "a-key-counts-beside-another": {
    shows: "display",
    mutation: {
      breaks: "while one key is down the others are ignored",
      file: "keys.ts",
      from: "contacts.active === NO_KEY ? press(key, at) : Event.NONE",
      to: "press(key, at)",
    },
  },
  "bounce-of-20-ms": {
    shows: "deadline",
    mutation: {
      breaks: "bounce is shorter than 20 ms",
      file: "keys.ts",
      from: "BOUNCE: u32 = 20",
      to: "BOUNCE: u32 = 21",
    },
  },
  "a-seeded-card-takes-PIN-commands": {
    shows: "status word",
    mutation: {
      breaks: "commands about the PIN are for a personalized card",
      file: "commands.ts",
      from: "  if (head.life !== <u8>Life.PERSONALIZED) return Sw.NOT_IN_THIS_STATE;\n  if (pin.judgedByServer())",
      to: "  if (pin.judgedByServer())",
    },
  },
  "wrong-keys-are-answered-at-once": {
    shows: "deadline",
    mutation: {
      breaks: "a wrong transport key is answered ever more slowly",
      file: "apdu.ts",
      from: "|| failures <= PATIENCE) return 0;",
      to: "|| failures <= 100) return 0;",
    },
  },
};
