// Whatever ends the program, the terminal is restored first.

import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Until the function it returns is called: a signal restores and exits with 128 + its number; an error
 * that nobody caught restores, is printed, and exits with 1; so does a terminal that is gone.
 */
export function guardTerminal(restore: () => void): () => void {
  const leave = (code: number, text = "") => {
    attempt(restore);
    if (text) attempt(() => process.stderr.write(`${text}\n`));
    process.exit(code);
  };
  const crash = (error: unknown) => leave(1, describe(error));
  const gone = () => leave(128 + constants.signals.SIGHUP);
  const onSignal = (_name: NodeJS.Signals, number: number) => leave(128 + number);

  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
  process.stdout.on("error", gone);
  process.stdin.on("error", gone);
  process.stdin.on("end", gone);
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off("uncaughtException", crash);
    process.off("unhandledRejection", crash);
    process.stdout.off("error", gone);
    process.stdin.off("error", gone);
    process.stdin.off("end", gone);
  };
}

function describe(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `dsc-sim: ${text}`;
}

/** The terminal may be gone: what fails here has nobody to be told to. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {}
}
