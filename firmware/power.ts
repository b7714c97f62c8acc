// Battery thresholds (docs/DESIGN.md, battery).

import * as host from "./host";

/** Below this, in millivolts, the card says BATT LOW when it turns on. */
export const LOW: u32 = 2400;
/** Below this it stays or turns off: a flash write could fail half way. */
export const EMPTY: u32 = 2100;

/** Whether the battery can carry the card at all. */
export function usable(): bool {
  return host.battery() >= EMPTY;
}

/** Whether the owner should be told. */
export function low(): bool {
  return host.battery() < LOW;
}
