// How long a test waits for an event. It is no verdict: it only ends a test that would hang for ever, so it is far
// longer than anything takes on a busy machine.

import { setTimeout as sleep } from "node:timers/promises";

/** In ms. On an idle machine the event comes within seconds. */
export const DEADLINE = 300_000;
const POLL = 10;

/** Polls a condition every `poll` ms until it holds. `what` names it in the error. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, poll = POLL): Promise<void> {
  const end = Date.now() + DEADLINE;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await sleep(poll);
  }
}
