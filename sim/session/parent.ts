// The process that started this one. What plays for hours, or listens on a port, must not stay behind alone.

/** How often it is looked for, in ms. */
const LOOK_TIME = 250;
/** At the start of this process. One whose parent has ended gets another. */
const PARENT = process.ppid;

/** Calls `leave` once the parent has ended, however that came, unless the function that is returned is called before. */
export function onParentGone(leave: () => void): () => void {
  const looking = setInterval(() => {
    if (process.ppid === PARENT) return;
    clearInterval(looking);
    leave();
  }, LOOK_TIME);
  looking.unref();
  return () => clearInterval(looking);
}
