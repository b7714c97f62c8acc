// All campaigns, in the order in which docs/EVIDENCE.md tells of them.

import type { Campaign } from "./campaign.js";
import { faultsThumb } from "./faultsthumb.js";
import { hostside } from "./hostside.js";
import { KNOWN_ANSWERS } from "./knownanswers.js";
import { PARSERS } from "./parsers.js";
import { powerCuts } from "./powercuts.js";
import { timing } from "./timing.js";

export const CAMPAIGNS: readonly Campaign[] = [powerCuts, PARSERS, KNOWN_ANSWERS, hostside, timing, faultsThumb];
