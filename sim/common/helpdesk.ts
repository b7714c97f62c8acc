// The demo's help desk: computes the unlock code for the lock code that an owner reads out (CARD.md, "locked").
//
// It knows only the unlock key of the demo card, just as the demo site knows only its token key.

import { UNLOCK_SUITE } from "../../host-tools/seeds/suite.js";
import { DEMO_CARD } from "../core/democard.js";
import type { SiteTools } from "./site.js";

/** The number of digits of a lock code and of an unlock code. */
export const CODE_LENGTH = 8;

/** The unlock code for the demo card's lock code; undefined if that is not 8 digits. */
export function unlockCode(lockCode: string, response: SiteTools["response"]): string | undefined {
  if (!/^[0-9]{8}$/.test(lockCode)) return undefined;
  return response(UNLOCK_SUITE, DEMO_CARD.unlockKey, lockCode);
}
