// All campaigns, in the order of docs/EVIDENCE.md.

import type { Campaign } from "./campaign.js";
import { DESK } from "./desk.js";
import { FAULTS } from "./faults.js";
import { FAULTS_THUMB } from "./faultsthumb.js";
import { FUZZING } from "./fuzzing.js";
import { HOST_SIDE } from "./hostside.js";
import { KNOWN_ANSWERS } from "./knownanswers.js";
import { MODEL } from "./model.js";
import { MONKEY } from "./monkey.js";
import { PARSERS } from "./parsers.js";
import { POWER_CUTS } from "./powercuts.js";
import { PROOF } from "./proof.js";
import { REGISTER } from "./register.js";
import { TIMING } from "./timing.js";

export const CAMPAIGNS: readonly Campaign[] = [
  POWER_CUTS,
  FAULTS,
  FAULTS_THUMB,
  FUZZING,
  MODEL,
  MONKEY,
  TIMING,
  PARSERS,
  KNOWN_ANSWERS,
  HOST_SIDE,
  REGISTER,
  DESK,
  PROOF,
];
