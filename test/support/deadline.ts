// How long a test waits for what must come. It is no verdict: a test waits for an event, and this only ends one that would
// hang for ever, so that it is far longer than anything takes on a busy machine.

import { setTimeout as sleep } from "node:timers/promises";

/** In ms. What is waited for comes within seconds where the machine is idle. */
export const DEADLINE = 300_000;
const POLL = 10;

/** Waits until a condition holds that nobody tells of, and looks every `poll` ms. `what` names it in the error. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, poll = POLL): Promise<void> {
  const end = Date.now() + DEADLINE;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await sleep(poll);
  }
}
