// Whatever ends the program, the terminal is restored first.

import { constants } from "node:os";
import { exitCodeOf, onSignals } from "../session/signals.js";
import { UserError } from "../session/usererror.js";

/**
 * Until the function it returns is called: a signal restores and exits with 128 + its number; an error
 * that nobody caught restores, is printed, and exits with 1 (or its own code); so does a terminal that is gone.
 */
export function guardTerminal(restore: () => void): () => void {
  const leave = (code: number, text = "") => {
    attempt(restore);
    if (text) attempt(() => process.stderr.write(`${text}\n`));
    process.exit(code);
  };
  const crash = (error: unknown) => leave(error instanceof UserError ? error.exitCode : 1, describe(error));
  const gone = () => leave(exitCodeOf(constants.signals.SIGHUP));

  const disarmSignals = onSignals(leave);
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
  // Before whoever would tell the user of it on that very terminal.
  process.stdout.prependListener("error", gone);
  process.stdin.on("error", gone);
  process.stdin.on("end", gone);
  return () => {
    disarmSignals();
    process.off("uncaughtException", crash);
    process.off("unhandledRejection", crash);
    process.stdout.off("error", gone);
    process.stdin.off("error", gone);
    process.stdin.off("end", gone);
  };
}

function describe(error: unknown): string {
  if (error instanceof UserError) return `dsc-sim: ${error.message}`;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `dsc-sim: ${text}`;
}

/** The terminal may be gone: what fails here has nobody to be told to. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {}
}
