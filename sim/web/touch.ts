// The keys of the drawing under fingers, mouse and keyboard: a key is down as long as something holds it.

import { KEYS, type KeyName } from "../core/card.js";
import type { CardDrawing } from "./carddrawing.js";

/** Callbacks for the keys. */
export interface Hands {
  /** A key is held from now on; the previous one is released. */
  grab(key: KeyName): void;
  /** The key is released. */
  release(): void;
  /** A key was pressed by something that cannot hold it: a screen reader's click. */
  tap(key: KeyName): void;
}

/** The letters for PRESS and OK, while the card has the focus. */
const LETTERS: Readonly<Record<string, KeyName>> = { p: "press", o: "ok" };

/** The prefix for a pointer that holds a key; a key of the keyboard is named by its code. */
const POINTER = "pointer ";

/** Listens to the drawing. */
export function listen(drawing: CardDrawing, hands: Hands): void {
  const { svg } = drawing;
  /** The pointer or the key of the keyboard that holds the key. */
  let holder: string | undefined;
  const grab = (by: string, key: KeyName) => {
    holder = by;
    hands.grab(key);
  };
  const release = (by: string | undefined) => {
    if (holder === undefined || by !== holder) return;
    holder = undefined;
    hands.release();
  };
  svg.addEventListener("pointerdown", (event) => {
    const key = drawing.keyAt(event.target);
    if (!key || event.button !== 0) return;
    // The release is reported here, wherever the pointer is then.
    svg.setPointerCapture(event.pointerId);
    grab(`${POINTER}${event.pointerId}`, key);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"] as const)
    svg.addEventListener(end, (event) => release(`${POINTER}${event.pointerId}`));
  // A resting finger must not open a menu.
  svg.addEventListener("contextmenu", (event) => event.preventDefault());
  svg.addEventListener("click", (event) => {
    const key = drawing.keyAt(event.target);
    if (key && event.detail === 0) hands.tap(key);
  });
  svg.addEventListener("keydown", (event) => {
    const key = keyOf(event, drawing);
    if (!key) return;
    event.preventDefault();
    if (!event.repeat) grab(event.code, key);
  });
  svg.addEventListener("keyup", (event) => release(event.code));
  // Losing the focus releases the key, since its release may not be reported. A pointer's release is always reported,
  // and its press moves the focus.
  svg.addEventListener("focusout", () => {
    if (!holder?.startsWith(POINTER)) release(holder);
  });
  window.addEventListener("blur", () => release(holder));
}

/** The card's key for a key of the keyboard. */
function keyOf(event: KeyboardEvent, drawing: CardDrawing): KeyName | undefined {
  if (event.ctrlKey || event.altKey || event.metaKey) return undefined;
  if (event.key === "Enter" || event.key === " ") return drawing.keyAt(event.target);
  return KEYS.find((key) => key === event.key) ?? LETTERS[event.key.toLowerCase()];
}
