// Every mutant of the firmware that a test or a campaign compiles.

import type { Mutant } from "./apply.js";
import { ALL_FAULT_MUTANTS } from "./faults.js";
import { FORMER_FAULTS } from "./firstrelease.js";
import { FUZZING_MUTANTS } from "./fuzzing.js";
import { MODEL_MUTANTS } from "./model.js";
import { POWER_CUT_MUTANTS } from "./powercuts.js";
import { PROOF_SOURCE_MUTANTS } from "./proof.js";
import { SKIPPED_WIPES } from "./residue.js";
import { SCENARIO_MUTANTS } from "./scenarios.js";
import { aesFailsAt, NOT_READ_BACK, TRAPS_AT_A_KEY, WITHOUT_ID_AND_HOST } from "./single.js";
import { TIMING_MUTANTS } from "./timing.js";
import { UNSEEN_MUTANTS } from "./unseen.js";

/** By the name of their list. */
export const CATALOGUE: Readonly<Record<string, readonly Mutant[]>> = {
  scenarios: SCENARIO_MUTANTS,
  unseen: UNSEEN_MUTANTS,
  model: Object.values(MODEL_MUTANTS).map(({ mutant }) => mutant),
  "first release": Object.values(FORMER_FAULTS),
  faults: ALL_FAULT_MUTANTS,
  "power cuts": POWER_CUT_MUTANTS,
  fuzzing: FUZZING_MUTANTS,
  timing: TIMING_MUTANTS,
  proof: PROOF_SOURCE_MUTANTS,
  residue: SKIPPED_WIPES,
  single: [WITHOUT_ID_AND_HOST, TRAPS_AT_A_KEY, NOT_READ_BACK, aesFailsAt(2999)],
};
