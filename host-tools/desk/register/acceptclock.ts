// What time it is for a register, and how a wrong date in the future ends: somebody says that the clock is right.

import { append } from "./journal.js";
import type { Register } from "./register.js";
import { acceptTime, latestTime } from "./registerclock.js";

/** Both in ms since 1970. */
export interface RegisterTimes {
  /** What the engine's clock says. */
  readonly now: number;
  /** The latest time that the register has seen; 0: it has seen none. */
  readonly latest: number;
}

export function readClock({ engine }: Register): Promise<RegisterTimes> {
  return engine.read(async (db) => ({ now: await engine.now(db), latest: await latestTime(db) }));
}

/** From now on the clock counts, though the register has seen a later time. The journal says so. */
export function acceptClock({ engine, journal, actor }: Register): Promise<RegisterTimes> {
  return engine.write(async (db) => {
    const latest = await latestTime(db);
    const now = await engine.now(db);
    await acceptTime(db, now);
    const detail = { before: new Date(latest).toISOString() };
    await append(db, journal, { at: now, actor, action: "register clock", detail });
    return { now, latest };
  });
}
