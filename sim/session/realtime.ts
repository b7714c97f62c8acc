// The computer's time, by Node's timers.

import type { Timer } from "../common/cardtime.js";

export const REAL_TIME: Timer = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timeout = setTimeout(run, ms);
    return () => clearTimeout(timeout);
  },
};
