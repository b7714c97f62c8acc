// Ctrl-C: the signal that ends whatever waits, and the error that it ends a command with, which says what that leaves
// behind.

/** What the work that is going on leaves behind; a process has one command, and so one of these. */
let leftBehind: string | undefined;

/** How long what waits for a card may take to notice that its line is gone (ms). */
const LAST_WORDS = 1000;
let timeToEnd = LAST_WORDS;

const controller = new AbortController();

/** Aborted by Ctrl-C. Whatever waits for what may never come waits for this, too. */
export const interruption: AbortSignal = controller.signal;

/** Ends whatever waits. */
export function interrupt(): void {
  controller.abort(new Interrupted());
}

/** Whoever interrupts from now on is told what that leaves behind. */
export function leaves(what: string | undefined): void {
  leftBehind = what;
}

/** So long (ms) what goes on may take to come to its end once it is interrupted, and no longer. */
export function endsWithin(ms: number): void {
  timeToEnd = ms;
}

/** Calls `end` where an interrupted command has not ended by itself in its time. */
export function endLater(end: () => void): void {
  setTimeout(end, timeToEnd).unref();
}

/** Runs `work`. Whoever interrupts it, before its end or after it failed, is told what that leaves behind. */
export async function leaving<T>(what: string, work: () => Promise<T>): Promise<T> {
  leaves(what);
  const result = await work();
  leaves(undefined);
  return result;
}

/** Someone pressed Ctrl-C. */
export class Interrupted extends Error {
  override name = "Interrupted";
  constructor() {
    super(leftBehind === undefined ? "interrupted" : `interrupted: ${leftBehind}`);
  }
}
