// Signals that end the program, as an exit: what is to be gone at the end of the process is gone then, too.

export const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/** The exit code that tells of a signal. */
export function exitCodeOf(number: number): number {
  return 128 + number;
}

/** Makes each of them call `leave` with the exit code, until the function it returns is called. */
export function onSignals(leave: (code: number) => void): () => void {
  const onSignal = (_name: NodeJS.Signals, number: number) => leave(exitCodeOf(number));
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}
