// Waits: a wait of more than a few seconds is announced, and a wait that must end has a limit.

import { isScreen } from "./commandline.js";

/** The time before a wait is announced (ms). */
export const FEW_SECONDS = 3000;

/** Overwrites a progress bar on the line. */
const OVER_BAR = "\r\x1b[K";

/** Calls `call` after `ms`, unless the returned function is called first. */
export type Timer = (ms: number, call: () => void) => () => void;

export const realTimer: Timer = (ms, call) => {
  const timeout = setTimeout(call, ms);
  return () => clearTimeout(timeout);
};

/** Does `work`. If that takes more than a few seconds, calls `say` once. */
export async function saying<T>(say: () => void, work: () => Promise<T>, timer: Timer = realTimer): Promise<T> {
  const stop = timer(FEW_SECONDS, say);
  try {
    return await work();
  } finally {
    stop();
  }
}

/** Does `work`, which ends early if its signal is aborted. Rejects with `late` after `ms`, whether or not it ended. */
export function within<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  late: () => Error,
  timer: Timer = realTimer,
): Promise<T> {
  const abort = new AbortController();
  return new Promise((resolve, reject) => {
    const stop = timer(ms, () => {
      reject(late());
      abort.abort();
    });
    work(abort.signal).finally(stop).then(resolve, reject);
  });
}

/** Prints a line on stderr about a wait. */
export function sayWaiting(what: string): void {
  process.stderr.write(`${isScreen(process.stderr) ? OVER_BAR : ""}still waiting: ${what}\n`);
}
