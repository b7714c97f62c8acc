// Ctrl-C: the signal that ends whatever waits, and the error that it ends a command with, which says what that leaves
// behind.

/** What the work that is going on leaves behind; a process has one command, and so one of these. */
let leftBehind: string | undefined;

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
