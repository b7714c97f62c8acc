// A process of the proof campaign: proves one piece after the other, as it is told to.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROOF_SOURCE_MUTANTS, type ProofSourceMutant } from "../../mutants/proof.js";
import { Effects } from "../../proof/effects.js";
import { loadFirmware } from "../../proof/firmware.js";
import { sum, type Verdict } from "../../proof/goals.js";
import { PROOF_MUTANTS } from "../../proof/mutants.js";
import { pieces } from "../../proof/proof.js";
import { refute, refuteSource } from "../../proof/refute.js";
import { Solver } from "../../proof/solver.js";

/** A piece of the proof by its id, or a mutant of the module or of the firmware by its number; `folder`: for the queries. */
export type Order =
  | { readonly kind: "piece"; readonly id: string; readonly folder: string }
  | { readonly kind: "mutant"; readonly number: number }
  | { readonly kind: "source"; readonly number: number };
export interface Answer {
  readonly verdict?: Omit<Verdict, "refuted">;
  /** Goals that do not hold. */
  readonly refuted: readonly string[];
  /** What the counterexample of a mutant breaks. */
  readonly broken?: string;
  readonly error?: string;
}

const firmware = loadFirmware();
const effects = new Effects(firmware);
const solver = await Solver.start();
const all = new Map(pieces(true).map((piece) => [piece.id, piece]));

// The solver's threads would keep it alive.
process.on("disconnect", () => process.exit());
process.on("message", async (order: Order) => process.send?.(await answer(order)));

async function answer(order: Order): Promise<Answer> {
  try {
    if (order.kind === "source") {
      const said = await refuteSource(solver, PROOF_SOURCE_MUTANTS[order.number] as ProofSourceMutant);
      return { refuted: said ? [said] : [] };
    }
    if (order.kind === "mutant") {
      const mutant = PROOF_MUTANTS[order.number];
      if (!mutant) throw new Error(`there is no mutant ${order.number}`);
      const { goal, broken } = refute(firmware, solver, mutant);
      return { refuted: goal ? [goal] : [], ...(broken && { broken }) };
    }
    const piece = all.get(order.id);
    if (!piece) throw new Error(`there is no piece ${order.id}`);
    mkdirSync(order.folder, { recursive: true });
    const keep = (name: string, text: string) => writeFileSync(join(order.folder, `${name}.smt2`), text);
    const { refuted, ...verdict } = sum(piece.run(firmware, effects, solver, keep));
    return { verdict, refuted: refuted.map(({ goal }) => goal) };
  } catch (error) {
    return { refuted: [], error: (error as Error).message };
  }
}
