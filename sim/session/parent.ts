// Watches the parent process. A program that plays for hours or listens on a port must not outlive it.

/** How often the parent is checked, in ms. */
const LOOK_TIME = 250;
/** The parent at the start of this process. A process whose parent has ended gets another one. */
const PARENT = process.ppid;

/** Calls `leave` once the parent has ended in any way, unless the returned function is called before. */
export function onParentGone(leave: () => void): () => void {
  const looking = setInterval(() => {
    if (process.ppid === PARENT) return;
    clearInterval(looking);
    leave();
  }, LOOK_TIME);
  looking.unref();
  return () => clearInterval(looking);
}
