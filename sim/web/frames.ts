// Work that is done once before the next frame is drawn, however often it is asked for.

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
