// Refutes a mutant: runs its part of the proof on the mutant, in a few cases, until a goal fails, and then replays the
// counterexample.

import { type Proved, proveCounts, proveFreeSlot, proveIsBlank } from "./counting.js";
import { Effects } from "./effects.js";
import { type Firmware, loadFirmware } from "./firmware.js";
import { ExecutionError } from "./machine.js";
import { mutated, type ProofMutant } from "./mutants.js";
import { type Kind, OPERATIONS } from "./operations.js";
import { proveOperation } from "./proof.js";
import { brokenCount, brokenPinCheck } from "./replay.js";
import type { Solver } from "./solver.js";
import { CODE, PIN, type Tally } from "./spec.js";

export interface Outcome {
  /** The goal that does not hold; nothing where all do. */
  readonly goal: string | undefined;
  /** What the counterexample breaks on the module. */
  readonly broken: string | undefined;
}

/** Cases of the count, the quick ones first: a page whose number has both bits, and slots given back (or used) last. */
const PAGE = 2;
const CASES: readonly (readonly [Tally, number])[] = [
  [CODE, 1],
  [CODE, -1],
  [CODE, 4],
  [PIN, 70],
  [PIN, 73],
  [PIN, -1],
];
/** Cases of the PIN check: no slot used, and some. */
const FREE = [0, 2];

/** Runs the mutant's part of the proof until it is refuted. */
export function refute(firmware: Firmware, solver: Solver, mutant: ProofMutant): Outcome {
  const changed = loadFirmware(mutated(firmware, mutant));
  const isCount = mutant.part === "counting";
  let goal: string | undefined;
  for (const run of isCount ? countCases(changed, solver) : pinCases(changed, solver)) {
    const { refuted, counterexample } = attempt(run);
    goal ??= refuted[0]?.goal;
    if (!counterexample) continue;
    const replay = isCount ? brokenCount : brokenPinCheck;
    const broken = replay(changed, counterexample);
    const released = broken && replay(firmware, counterexample);
    if (released) throw new Error(`the released module breaks a promise: ${released}`);
    if (broken) return { goal: refuted[0]?.goal, broken };
  }
  return { goal, broken: undefined };
}

type Run = () => Proved;

function countCases(firmware: Firmware, solver: Solver): readonly Run[] {
  const counts = CASES.flatMap(([tally, last]) => [
    () => proveCounts(firmware, solver, PAGE, tally, last),
    () => proveFreeSlot(firmware, solver, PAGE, tally, last),
  ]);
  return [...counts, () => proveIsBlank(firmware, solver, PAGE)];
}

function pinCases(firmware: Firmware, solver: Solver): readonly Run[] {
  const effects = new Effects(firmware);
  const kind = OPERATIONS.pin as Kind;
  return FREE.map((freePin) => () => proveOperation(firmware, effects, solver, kind, { page: 1, freePin }));
}

/** A mutant that the executor cannot follow, for example at an unknown address, does not count as refuted. */
function attempt(run: Run): Pick<Proved, "refuted" | "counterexample"> {
  try {
    return run();
  } catch (error) {
    if (error instanceof ExecutionError) return { refuted: [] };
    throw error;
  }
}
