// Schedules work for the next frame, once however often it is requested, and says whether animations are allowed.

/** Returns a function that requests `work` before the next frame. */
export function beforeNextFrame(work: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}

/** Whether animations are allowed: not if the user prefers reduced motion. */
export function mayMove(): boolean {
  return !matchMedia("(prefers-reduced-motion: reduce)").matches;
}
