// Clean-up at the end of the process, however it ends; only kill -9 prevents it.

const actions = new Set<() => void>();

process.on("exit", () => {
  for (const action of actions) attempt(action);
});

/** Registers `action` for the end of the process. Returns a function that runs it at once instead. */
export function atExit(action: () => void): () => void {
  actions.add(action);
  return () => {
    if (actions.delete(action)) action();
  };
}

/** A failing action must not prevent the others. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {}
}
