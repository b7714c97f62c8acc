// What time it is for a register, and how a wrong date in the future ends: somebody says that the clock is right.

import { changeApproved, isApprovalSet, type Subject } from "./approvals.js";
import { changeAtAnyTime } from "./change.js";
import { CLOCK_COMMAND } from "./operators.js";
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

/**
 * From now on the clock counts, though the register has seen a later time. The journal says so. Needs an approval where the
 * setting says so.
 */
export function acceptClock(register: Register): Promise<RegisterTimes> {
  return changeApproved(
    register,
    async ({ db }) => ((await isApprovalSet(db, "approval.clock")) ? subjectOf(await latestTime(db)) : undefined),
    async ({ db, at: now, note }) => {
      const latest = await latestTime(db);
      await acceptTime(db, now);
      await note({ action: CLOCK_COMMAND, detail: { before: saying(latest) } });
      return { now, latest };
    },
    changeAtAnyTime,
  );
}

/** Which time is given up is known; which one comes in its place is that of the clock when it is done. */
function subjectOf(latest: number): Subject {
  return { command: CLOCK_COMMAND, arguments: { "time that is given up": saying(latest) }, cards: [], recipient: null };
}

function saying(time: number): string {
  return new Date(time).toISOString();
}
