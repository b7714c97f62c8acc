// Battery thresholds (docs/DESIGN.md, battery).

import * as host from "./host";

/** Below this, in millivolts, the card says BATT LOW when it turns on. */
export const LOW: u32 = 2400;
/** Below this, in millivolts, the card turns off or does not turn on: a flash write could fail half-way. */
export const EMPTY: u32 = 2100;

/** Whether the battery can run the card. */
export function usable(): bool {
  return host.battery() >= EMPTY;
}

/** Whether the card warns the owner. */
export function low(): bool {
  return host.battery() < LOW;
}
