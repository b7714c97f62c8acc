// Mutants of the released module: one or two instructions are replaced in the functions that count, spend and give back
// tries, or that destroy a wrap. The proof must refute each mutant, and the mutant must break the promise in V8 on the
// counterexample (replay.ts), or a sentence says why it cannot without a fault of the chip.

import { constant, type Patch, patched } from "./encode.js";
import type { Firmware } from "./firmware.js";
import { allInstructions, type Instruction, opcodeOf } from "./wasm.js";

/** An instruction of a function, by its name, constant and occurrence; and its replacement. */
export interface Change {
  readonly within: string;
  /** As `i32.const 8`, or a name alone. */
  readonly from: string;
  /** The occurrence among equal instructions; the first is 1. */
  readonly number?: number;
  /** Instructions in turn: `i32.const 16`, a name alone, or `from` itself. */
  readonly to: readonly string[];
}

/** The part of the proof that must refute it: the counts, the PIN check, or an operation of operations.ts. */
export type Part = "counting" | "PIN check" | "set-pin" | "pin-full" | "unlock" | "first-state" | "mount";

export interface ProofMutant {
  readonly breaks: string;
  readonly part: Part;
  readonly changes: readonly Change[];
  /** Whether it is tried in every run of the tests. */
  readonly telling?: true;
  /** Why no promise breaks without a fault of the chip. */
  readonly equivalent?: string;
}

const GIVEN = 0xc33ca55a | 0;
const SPENT = 0x3cc35aa5;
const PIN_CARRIED = 348;
const CODE_CARRIED = 349;

function one(
  part: Part,
  breaks: string,
  within: string,
  from: string,
  to: string | readonly string[],
  number = 1,
): ProofMutant {
  return { breaks, part, changes: [{ within, from, to: typeof to === "string" ? [to] : to, number }] };
}

function telling(mutant: ProofMutant): ProofMutant {
  return { ...mutant, telling: true };
}

export const PROOF_MUTANTS: readonly ProofMutant[] = [
  telling(one("counting", "a slot that was given back ends the count", "tally/spent", "i32.eq", "i32.ne", 3)),
  one("counting", "counting begins anew behind a slot given back", "tally/spent", "i32.const 0", "i32.const 1"),
  one("counting", "every slot is counted", "tally/spent", "i32.const 8", "i32.const 16"),
  one("counting", "a slot that is not erased counts one", "tally/spent", "i32.const 1", "i32.const 0"),
  one(
    "counting",
    "tries at PINs are carried apart from those at codes",
    "tally/spent",
    `i32.const ${PIN_CARRIED}`,
    `i32.const ${CODE_CARRIED}`,
  ),
  one("counting", "GIVEN is looked for", "tally/spent", `i32.const ${GIVEN}`, `i32.const ${SPENT}`),
  one("counting", "an erased slot does not count", "tally/spent", "call tally/isErased", ["drop", "i32.const 0"]),
  one("counting", "the last slot is counted", "tally/spentBackwards", "i32.const 1016", "i32.const 1008"),
  telling(one("counting", "a slot that is not erased counts", "tally/spentBackwards", "i64.ne", "i64.eq")),
  one("counting", "the page is any of four", "tally/spentBackwards", "i32.const 4095", "i32.const 2047"),
  one("counting", "the page is the one that counts", "tally/spentBackwards", "i32.const 10", "i32.const 9"),
  one("counting", "GIVEN is looked for", "tally/spentBackwards", `i32.const ${GIVEN}`, `i32.const ${SPENT}`),
  one(
    "counting",
    "tries at codes are carried apart from those at PINs",
    "tally/spentBackwards",
    `i32.const ${CODE_CARRIED}`,
    `i32.const ${PIN_CARRIED}`,
  ),
  one("counting", "what was carried over counts", "tally/spentBackwards", "i32.add", "i32.and", 3),
  one("counting", "the first slot is looked at", "tally/spentBackwards", "i32.le_u", "i32.lt_u"),
  one("counting", "every slot is looked at", "tally/spentBackwards", "i32.const 8", "i32.const 16", 2),
  telling(one("counting", "where no slot is free, none is told", "tally/freeSlot", "i32.lt_u", "i32.le_u", 2)),
  one("counting", "no slot is told as ERASED", "tally/freeSlot", "i32.const -1", "i32.const 0"),
  one("counting", "a slot is used once", "tally/freeSlot", "call tally/isErased", ["drop", "i32.const 1"]),
  one("counting", "erased is all ones", "tally/isErased", "i64.eq", "i64.ne"),
  one("counting", "slots are read where they are", "tally/slotAt", "i32.const 127", "i32.const 255"),
  one("counting", "a page is blank where all of it is", "flash/isBlank", "i64.and", "i64.or"),
  telling(
    one("PIN check", "a try is spent before the PIN is looked at", "onetry/open", `i32.const ${SPENT}`, "i32.const -1"),
  ),
  one("PIN check", "a try is spent by the word SPENT", "onetry/open", `i32.const ${SPENT}`, `i32.const ${SPENT & ~1}`),
  one("PIN check", "slots are filled from the first on", "onetry/open", "local.tee", [
    "i32.const 8",
    "i32.add",
    "local.tee",
  ]),
  telling({
    breaks: "tries are given back only after the right PIN",
    part: "PIN check",
    changes: [
      { within: "pin/check", from: "call onetry/confirmed", to: ["i32.const 1"] },
      { within: "pin/check", from: "i32.const 165", number: 3, to: ["i32.const 5"] },
      { within: "pin/check", from: "i32.load", number: 2, to: ["drop", `i32.const ${GIVEN}`] },
    ],
  }),
  telling(one("PIN check", "a locked card checks no PIN", "pin/check", "i32.eqz", ["drop", "i32.const 0"])),
  one("PIN check", "the last wrong PIN locks", "pin/check", "i32.lt_u", "i32.le_u"),
  one("PIN check", "the last wrong PIN destroys the wrap", "pin/check", "call pin/lost", ["i32.const 6"], 2),
  one("PIN check", "a locking that power interrupted is finished", "pin/check", "call pin/lost", ["i32.const 6"]),
  one("PIN check", "GIVEN goes behind SPENT", "pin/check", "i32.const 4", "i32.const 0", 3),
  one("PIN check", "the wrap under the PIN is destroyed, not the other", "pin/lost", "i32.const 144", "i32.const 264"),
  one("PIN check", "a wrap is destroyed to its end", "pages/destroy", "i32.const 120", "i32.const 116"),
  one("PIN check", "a wrap is programmed to zeros", "flash/zero", "i32.const 0", "i32.const 1"),
  one("PIN check", "every word of a wrap is destroyed", "flash/zero", "i32.const 4", "i32.const 8"),
  one("PIN check", "the battery is asked before flash is written", "flash/program", "i32.eqz", ["drop", "i32.const 0"]),
  telling(
    one(
      "PIN check",
      "a battery below 2,100 mV carries no flash operation",
      "power/usable",
      "i32.const 2100",
      "i32.const 1100",
    ),
  ),
  one(
    "PIN check",
    "a battery of 2,100 mV carries flash operations, and none below does",
    "power/usable",
    "i32.ge_u",
    "i32.le_u",
  ),
  one("PIN check", "tries left are those not spent", "pin/triesLeft", "i32.const 0", "i32.const 1"),
  {
    ...one("PIN check", "the receipt is looked at", "pin/check", "call onetry/confirmed", ["i32.const 1"]),
    equivalent: "the tag depends on the whole key: where it is right, so is the receipt, but for a chance of 2^-128",
  },
  {
    ...one(
      "PIN check",
      "what is programmed comes out of the wrap",
      "pin/check",
      "i32.load",
      ["drop", `i32.const ${GIVEN}`],
      2,
    ),
    equivalent: "it is programmed only where the receipt was compared with GIVEN: the same word",
  },
  {
    ...one("PIN check", "memory is held against flash before a try", "onetry/open", "call pages/isCurrent", [
      "i32.const 1",
    ]),
    equivalent: "memory is what flash says unless a fault changed it",
  },
  one("set-pin", "a commit writes the next page", "pages/writeNext", "i32.const 1", "i32.const 0"),
  telling(
    one("set-pin", "the word that commits is written last", "pages/writeNext", "i32.const 68", "i32.const 384", 2),
  ),
  one("set-pin", "the new page's root gets its check value", "pages/writeNext", "i32.const 72", "i32.const 92"),
  one(
    "set-pin",
    "the new wrap under the PIN gets its check value",
    "pages/writeNext",
    "i32.const 144",
    "i32.const 264",
    2,
  ),
  one("set-pin", "a page is blank before it is written", "pages/writeNext", "call flash/clear", [
    "drop",
    "i32.const 1",
  ]),
  telling(
    one("pin-full", "spent tries are carried to the new page", "pin/check", "call tally/carry", [
      "i32.const 0",
      "drop",
    ]),
  ),
  one(
    "pin-full",
    "PIN tries are carried where they are counted",
    "tally/carry",
    `i32.const ${PIN_CARRIED}`,
    `i32.const ${CODE_CARRIED}`,
  ),
  telling(
    one("unlock", "a try is spent before the code is looked at", "onetry/open", `i32.const ${SPENT}`, "i32.const -1"),
  ),
  one("unlock", "a try at a code is one at a code", "unlock/check", "i32.const 392", "i32.const 432"),
  one("unlock", "there are five tries at a code", "unlock/check", "i32.const 5", "i32.const 6"),
  one("unlock", "the last wrong code is told", "unlock/check", "i32.lt_u", "i32.le_u"),
  one("unlock", "the last wrong code destroys the wrap", "unlock/check", "call unlock/lost", ["i32.const 6"], 2),
  one("unlock", "a blocking that power interrupted is finished", "unlock/check", "call unlock/lost", ["i32.const 6"]),
  one("unlock", "the wrap under the code is destroyed, not the other", "unlock/lost", "i32.const 264", "i32.const 144"),
  telling(
    one("unlock", "a right code is followed by a new page", "unlock/check", "call pages/commit", ["i32.const 165"]),
  ),
  one("unlock", "tries spent at codes are carried over", "unlock/check", "local.get", ["i32.const 0"], 4),
  one("unlock", "a right code is followed by another lock code", "unlock/prepare", "i32.const 352", "i32.const 356", 2),
  one("first-state", "a locked card loses its wrap, not its keys", "card/firstState", "i32.const 144", "i32.const 92"),
  one("first-state", "a blocked card loses its wrap, not its root", "card/firstState", "i32.const 264", "i32.const 72"),
  one("mount", "the current page is kept", "pages/clearOthers", "i32.ne", "i32.eq"),
  telling(one("mount", "a wipe zeroes every root", "pages/finishWipe", "call flash/isBlank", ["drop", "i32.const 1"])),
  one("mount", "a wipe zeroes the roots of all pages", "pages/finishWipe", "i32.const 4", "i32.const 3"),
  one("mount", "a wipe zeroes a root to its end", "pages/finishWipe", "i32.const 20", "i32.const 12"),
  one("mount", "a wipe zeroes roots where they are", "pages/finishWipe", "i32.const 72", "i32.const 76"),
];

/** The module with the mutant's instructions. Throws where an instruction is not there. */
export function mutated(firmware: Firmware, mutant: ProofMutant): Uint8Array<ArrayBuffer> {
  return patched(
    firmware.module,
    mutant.changes.map((change) => patchOf(firmware, change)),
  );
}

function patchOf(firmware: Firmware, { within, from, number = 1, to }: Change): Patch {
  const index = firmware.index(within) - firmware.module.imports.length;
  const code = allInstructions(firmware.module.functions[index]?.code ?? []);
  const found = code.filter((instruction) => textOf(firmware, instruction) === from || instruction.name === from)[
    number - 1
  ];
  if (!found) throw new Error(`${within} has no ${from} (${number})`);
  const bytes = to.flatMap((text) => (text === from ? originalOf(firmware, index, found) : bytesOf(text)));
  return { index, from: found.at, to: found.end, bytes };
}

function originalOf(firmware: Firmware, index: number, { at, end }: Instruction): number[] {
  return [...(firmware.module.functions[index]?.bytes.subarray(at, end) ?? [])];
}

function textOf({ names }: Firmware, { name, number }: Instruction): string {
  if (name === "call") return `call ${names[number]}`;
  return name === "i32.const" ? `${name} ${number | 0}` : name;
}

function bytesOf(text: string): readonly number[] {
  const [name, value] = text.split(" ") as [string, string | undefined];
  return value === undefined ? opcodeOf(name) : constant(Number(value));
}
