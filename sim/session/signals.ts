// Turns signals that end the program into an exit, so that clean-up at the end of the process is done.

export const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/** The exit code that stands for a signal. */
export function exitCodeOf(number: number): number {
  return 128 + number;
}

/** Makes each signal call `leave` with the exit code, until the returned function is called. */
export function onSignals(leave: (code: number) => void): () => void {
  const onSignal = (_name: NodeJS.Signals, number: number) => leave(exitCodeOf(number));
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}
