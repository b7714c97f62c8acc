// All campaigns, in the order in which docs/EVIDENCE.md tells of them.

import type { Campaign } from "./campaign.js";
import { FAULTS } from "./faults.js";

export const CAMPAIGNS: readonly Campaign[] = [FAULTS];
