// Work that is done once before the next frame is drawn, however often it is asked for; and whether things may move by
// themselves.

/** Returns what asks for `work`. */
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

/** Whether things may move that nobody touches: not where the user wants reduced motion. */
export function mayMove(): boolean {
  return !matchMedia("(prefers-reduced-motion: reduce)").matches;
}
