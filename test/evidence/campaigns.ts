// All campaigns, in the order in which docs/EVIDENCE.md tells of them.

import type { Campaign } from "./campaign.js";
import { hostside } from "./hostside.js";

export const CAMPAIGNS: readonly Campaign[] = [hostside];
