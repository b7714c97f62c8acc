// Ctrl-C: a signal that ends all waits, and an error that ends the command and names the unfinished work.

import { setMaxListeners } from "node:events";

/**
 * The text about the work that an interruption leaves unfinished. A process runs one command, so one text is enough.
 */
let leftBehind: string | undefined;

/** The time that a wait for a card may take to notice that its line is closed (ms). */
const LAST_WORDS = 1000;
let timeToEnd = LAST_WORDS;

const controller = new AbortController();
// Any number of ports wait for it; Node warns of more than ten listeners.
setMaxListeners(0, controller.signal);

/** Aborted by Ctrl-C. Every wait that may never end also waits for this signal. */
export const interruption: AbortSignal = controller.signal;

/** Ends all waiting. */
export function interrupt(): void {
  controller.abort(new Interrupted());
}

/** Sets the text about unfinished work that an interruption prints from now on. */
export function leaves(what: string | undefined): void {
  leftBehind = what;
}

/** Sets the time (ms) that the current work may take to end after an interruption. */
export function endsWithin(ms: number): void {
  timeToEnd = ms;
}

/** Calls `end` if an interrupted command has not ended in time. */
export function endLater(end: () => void): void {
  setTimeout(end, timeToEnd).unref();
}

/** Runs `work`. An interruption before its end, or after it failed, reports the unfinished work. */
export async function leaving<T>(what: string, work: () => Promise<T>): Promise<T> {
  leaves(what);
  const result = await work();
  leaves(undefined);
  return result;
}

/** The user pressed Ctrl-C. */
export class Interrupted extends Error {
  override name = "Interrupted";
  constructor() {
    super(leftBehind === undefined ? "interrupted" : `interrupted: ${leftBehind}`);
  }
}
