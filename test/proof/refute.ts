// Refutes a mutant: runs its part of the proof on the mutant, in a few cases, until a goal fails, and then replays the
// counterexample.

import { compileReleased } from "../mutants/apply.js";
import type { ProofSourceMutant } from "../mutants/proof.js";
import { type Proved, proveCounts, proveFreeSlot, proveIsBlank } from "./counting.js";
import { Effects } from "./effects.js";
import { type Firmware, loadFirmware } from "./firmware.js";
import { sum } from "./goals.js";
import { ExecutionError } from "./machine.js";
import { mutated, type Part, type ProofMutant } from "./mutants.js";
import { type Kind, OPERATIONS } from "./operations.js";
import { type Piece, pieces, refuteOperation } from "./proof.js";
import { brokenCount, brokenPinCheck, type Content } from "./replay.js";
import { brokenOperation, UNLOCK } from "./replayoperation.js";
import { Setting } from "./setting.js";
import type { Solver } from "./solver.js";
import { CODE, PIN, type Tally } from "./spec.js";
import { isTerm } from "./terms.js";
import { strangeCalls } from "./writers.js";

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
  const { runs, replay } = partOf(firmware, changed, solver, mutant.part);
  let goal: string | undefined;
  for (const run of runs) {
    const { refuted, counterexample } = attempt(run);
    goal ??= refuted[0]?.goal;
    if (!counterexample) continue;
    const broken = replay(changed, counterexample);
    const released = broken && replay(firmware, counterexample);
    if (released) throw new Error(`the released module breaks a promise: ${released}`);
    if (broken) return { goal: refuted[0]?.goal, broken };
  }
  return { goal, broken: undefined };
}

interface PartRuns {
  readonly runs: readonly Run[];
  /** What a module breaks on a counterexample. */
  readonly replay: (firmware: Firmware, content: Content) => string | undefined;
}

/** The runs of a part of the proof, and the replay of its counterexamples. */
function partOf(released: Firmware, changed: Firmware, solver: Solver, part: Part): PartRuns {
  if (part === "counting") return { runs: countCases(changed, solver), replay: brokenCount };
  if (part === "PIN check") return { runs: pinCases(changed, solver), replay: brokenPinCheck };
  const kind = OPERATIONS[part] as Kind;
  const one = { page: 1, ...kind.splits[0] };
  const effects = new Effects(changed);
  const { name, args } = kind.make(new Setting(changed, effects, one, kind.begins), 1);
  const call = {
    name,
    args: args.map((arg) => (isTerm(arg) ? released.layout.digits : (arg as number))),
    givesBack: GIVES_BACK.includes(part),
    wipes: part === "mount",
    ...(part === "unlock" && { opens: UNLOCK }),
  };
  return {
    // A few of the goals are quick; most mutants break one of them.
    runs: [true, false].map((areSome) => () => refuteOperation(changed, effects, solver, kind, one, areSome)),
    replay: (module, content) => brokenOperation(released, module, content, one.page, call),
  };
}

/** Operations that give tries back, if something is open. */
const GIVES_BACK: readonly Part[] = ["set-pin"];

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
  return FREE.map((freePin) => () => refuteOperation(firmware, effects, solver, kind, { page: 1, freePin }, false));
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

/** What the proof says of a mutant of the firmware: a goal that does not hold, or else a call that is in no list. */
export async function refuteSource(solver: Solver, mutant: ProofSourceMutant): Promise<string | undefined> {
  const { binary, text } = await compileReleased(mutant);
  try {
    return saidOf(loadFirmware(binary, text), solver, mutant);
  } catch (error) {
    // What is replaced, such as a check value, must be as it is taken for.
    if (error instanceof ExecutionError) return error.message;
    throw error;
  }
}

function saidOf(firmware: Firmware, solver: Solver, mutant: ProofSourceMutant): string | undefined {
  const effects = new Effects(firmware);
  const all = new Map(pieces(true).map((piece) => [piece.id, piece]));
  for (const id of mutant.pieces) {
    const { refuted } = sum((all.get(id) as Piece).run(firmware, effects, solver));
    if (refuted[0]) return refuted[0].goal;
  }
  return strangeCalls(firmware)[0];
}
