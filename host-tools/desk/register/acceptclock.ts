// The time of a register. If it has seen a wrong date in the future, an operator confirms that the clock is right.

import { changeApproved, isApprovalSet, type Subject } from "./approvals.js";
import { changeAtAnyTime } from "./change.js";
import { CLOCK_COMMAND } from "./operators.js";
import type { Register } from "./register.js";
import { acceptTime, latestTime } from "./registerclock.js";

/** Both in ms since 1970. */
export interface RegisterTimes {
  /** The time of the engine's clock. */
  readonly now: number;
  /** The latest time that the register has seen; 0: none. */
  readonly latest: number;
}

export function readClock({ engine }: Register): Promise<RegisterTimes> {
  return engine.read(async (db) => ({ now: await engine.now(db), latest: await latestTime(db) }));
}

/**
 * Sets the register's time back to the clock, although it has seen a later time, and records that in the journal. Needs
 * an approval if the settings require one.
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

/** The request names the discarded time. The new time is not known yet, since it is the clock's at execution. */
function subjectOf(latest: number): Subject {
  return { command: CLOCK_COMMAND, arguments: { "time that is given up": saying(latest) }, cards: [], recipient: null };
}

function saying(time: number): string {
  return new Date(time).toISOString();
}
