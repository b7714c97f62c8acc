// The computer's time in a browser.

import type { Timer } from "../common/cardtime.js";

export const REAL_TIME: Timer = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timeout = setTimeout(run, ms);
    return () => clearTimeout(timeout);
  },
};
