// Ends commands that run until they are stopped.

import { onParentGone } from "../session/parent.js";
import { exitCodeOf, onSignals } from "../session/signals.js";

/** The number of SIGHUP: a closing terminal sends it, and the end of the parent counts as the same. */
const HANGUP = 1;

/**
 * Ends this process on a signal, or when its parent ends. Clean-up is registered with `atExit`. Returns a function that
 * stops the watching.
 */
export function endWithOthers(): () => void {
  const leave = (code: number) => process.exit(code);
  const disarmSignals = onSignals(leave);
  const disarmParent = onParentGone(() => leave(exitCodeOf(HANGUP)));
  return () => {
    disarmSignals();
    disarmParent();
  };
}
