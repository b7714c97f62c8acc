// The time of a register never runs back. The register keeps the latest time that it has seen. If the clock is slightly
// behind that time, the register's time stands still. If it is far behind, the clock is refused until an operator
// states which of the two is wrong.

import type { Kysely } from "kysely";
import { RegisterError } from "./errors.js";
import { getMeta, putMeta } from "./meta.js";
import type { Tables } from "./schema.js";

/** How far a clock may be behind the latest time (ms). */
export const CLOCK_TOLERANCE = 2000;

/**
 * The time of a transaction, ms since 1970, from the engine's time `now`: never earlier than the latest stored time.
 * Throws a RegisterError ("clock") if the clock went back.
 */
export async function timeOf(db: Kysely<Tables>, now: number): Promise<number> {
  const latest = await latestTime(db);
  if (now < latest - CLOCK_TOLERANCE)
    throw new RegisterError(
      `the clock says ${saying(now)}, but the register has seen ${saying(latest)}; correct the clock, or, if the later ` +
        "time was wrong, run dsc register clock --accept",
      "clock",
    );
  return Math.max(now, latest);
}

/**
 * Stores the time as the latest one if it is later by more than `lag` ms. Frequent callers pass a lag, so that few of
 * their transactions change the row.
 */
export async function keepTime(db: Kysely<Tables>, at: number, lag = 0): Promise<void> {
  if (at > (await latestTime(db)) + lag) await acceptTime(db, at);
}

/** Stores the time as the latest one even if it is earlier. */
export function acceptTime(db: Kysely<Tables>, at: number): Promise<void> {
  return putMeta(db, "clock", Buffer.from(String(at)));
}

/** 0: none has been stored yet. */
export async function latestTime(db: Kysely<Tables>): Promise<number> {
  const kept = await getMeta(db, "clock");
  const time = Number(kept?.toString("latin1") ?? 0);
  if (!Number.isSafeInteger(time))
    throw new RegisterError("the register's record of the latest time is damaged; restore a backup", "damaged");
  return time;
}

function saying(at: number): string {
  return new Date(at).toISOString();
}
