// The demo's help desk: it turns the lock code that an owner reads to it into the unlock code (CARD.md, "locked").
//
// It knows the unlock key of the demo card only, as the demo site knows its token key only.

import { UNLOCK_SUITE } from "../../host-tools/seeds/suite.js";
import { DEMO_CARD } from "../core/democard.js";
import type { SiteTools } from "./site.js";

/** Digits of a lock code, and of an unlock code. */
export const CODE_LENGTH = 8;

/** The unlock code for the demo card's lock code; undefined where that is not 8 digits. */
export function unlockCode(lockCode: string, response: SiteTools["response"]): string | undefined {
  if (!/^[0-9]{8}$/.test(lockCode)) return undefined;
  return response(UNLOCK_SUITE, DEMO_CARD.unlockKey, lockCode);
}
