// How commands end that run until somebody ends them.

import { onParentGone } from "../session/parent.js";
import { exitCodeOf, onSignals } from "../session/signals.js";

/** The number of SIGHUP: a terminal that goes away sends it, and so does, in effect, a parent that does. */
const HANGUP = 1;

/** Ends this process by a signal, or with its parent. What is to be gone with it is (`atExit`). Returns what ends that. */
export function endWithOthers(): () => void {
  const leave = (code: number) => process.exit(code);
  const disarmSignals = onSignals(leave);
  const disarmParent = onParentGone(() => leave(exitCodeOf(HANGUP)));
  return () => {
    disarmSignals();
    disarmParent();
  };
}
