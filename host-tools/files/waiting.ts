// Waits: whoever waits for more than a few seconds is told what for, and what must not wait longer has a limit.

import { isScreen } from "./commandline.js";

/** How long nothing is said (ms). */
export const FEW_SECONDS = 3000;

/** From the left, over what a progress bar may have drawn there. */
const OVER_BAR = "\r\x1b[K";

/** Calls `call` after `ms`, unless the function it returns is called before. */
export type Timer = (ms: number, call: () => void) => () => void;

export const realTimer: Timer = (ms, call) => {
  const timeout = setTimeout(call, ms);
  return () => clearTimeout(timeout);
};

/** Does `work`. Where that takes more than a few seconds, `say` is called, once. */
export async function saying<T>(say: () => void, work: () => Promise<T>, timer: Timer = realTimer): Promise<T> {
  const stop = timer(FEW_SECONDS, say);
  try {
    return await work();
  } finally {
    stop();
  }
}

/** Does `work`, which ends early where its signal says so. Rejects with `late` after `ms`, whether it ended or not. */
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

/** A line on stderr: what is waited for, and why. */
export function sayWaiting(what: string): void {
  process.stderr.write(`${isScreen(process.stderr) ? OVER_BAR : ""}still waiting: ${what}\n`);
}
