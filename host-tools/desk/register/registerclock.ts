// The time of a register never runs back. It keeps the latest time that it has seen; a clock that is a little behind that
// counts as standing still, and one that is far behind is refused until somebody says which of the two is wrong.

import type { Kysely } from "kysely";
import { RegisterError } from "./errors.js";
import { getMeta, putMeta } from "./meta.js";
import type { Tables } from "./schema.js";

/** How far a clock may be behind the latest time that was seen (ms). */
export const CLOCK_TOLERANCE = 2000;

/**
 * The time of a transaction, ms since 1970, by the engine's time `now`: never before the latest one that was kept. Throws a
 * RegisterError ("clock") where the clock went back.
 */
export async function timeOf(db: Kysely<Tables>, now: number): Promise<number> {
  const latest = await latestTime(db);
  if (now < latest - CLOCK_TOLERANCE)
    throw new RegisterError(
      `the clock says ${saying(now)}, and the register has seen ${saying(latest)}: set the clock right, or, if the later ` +
        "time was wrong, dsc register clock --accept",
      "clock",
    );
  return Math.max(now, latest);
}

/**
 * Keeps it as the latest time, where it is later by more than `lag` ms. Who comes often gives a lag, so that not every
 * transaction changes the same row.
 */
export async function keepTime(db: Kysely<Tables>, at: number, lag = 0): Promise<void> {
  if (at > (await latestTime(db)) + lag) await acceptTime(db, at);
}

/** From now on that is the latest time, though it may be an earlier one. */
export function acceptTime(db: Kysely<Tables>, at: number): Promise<void> {
  return putMeta(db, "clock", Buffer.from(String(at)));
}

/** 0: none was kept yet. */
export async function latestTime(db: Kysely<Tables>): Promise<number> {
  const kept = await getMeta(db, "clock");
  const time = Number(kept?.toString("latin1") ?? 0);
  if (!Number.isSafeInteger(time))
    throw new RegisterError("the latest time that the register has seen is damaged", "damaged");
  return time;
}

function saying(at: number): string {
  return new Date(at).toISOString();
}
