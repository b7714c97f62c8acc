// What must not outlive the process, however it ends; only a kill -9 leaves it behind.

const actions = new Set<() => void>();

process.on("exit", () => {
  for (const action of actions) attempt(action);
});

/** Has `action` done at the end of the process. Returns what does it at once, and then no more. */
export function atExit(action: () => void): () => void {
  actions.add(action);
  return () => {
    if (actions.delete(action)) action();
  };
}

/** One that fails must not keep the others from being done. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {}
}
