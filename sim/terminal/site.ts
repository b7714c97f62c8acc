// The demo site of the terminal: its rules are in common/site.ts, its randomness and algorithms are Node's.

import { randomInt } from "node:crypto";
import { ocra } from "../../host-tools/seeds/ocra.js";
import { same } from "../../host-tools/site/verify.js";
import { type Account, DEMO_ACCOUNT, Site } from "../common/site.js";

/** A site with one account; `now` is a clock in ms, `draw` draws a challenge. */
export function terminalSite(
  account: Account = DEMO_ACCOUNT,
  now: () => number = () => performance.now(),
  draw = drawChallenge,
): Site {
  const response = (suite: string, key: Uint8Array, challenge: string) => ocra(suite, key, { challenge });
  return new Site(account, { now, draw, same, response });
}

function drawChallenge(): string {
  return String(randomInt(1_000_000)).padStart(6, "0");
}
