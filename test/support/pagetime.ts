// A page whose time stands still but for what a test lets pass, so that no test depends on the machine's speed.

import type { BrowserContext, Frame, Page } from "playwright-core";

export type Place = Page | Frame;

/** The time that may pass in a page before it must show what is waited for, and its steps, in ms. */
const LONGEST = 40_000;
const STEP = 500;
/** Contexts whose pages have such a time. */
const standing = new WeakSet<BrowserContext>();

/**
 * Timers and frames in place of the browser's, for a page that is loaded afterwards. They come once, whatever was
 * missed: to draw each frame of the time that passes would cost more than the rest.
 */
const STANDING = `(() => {
  const FRAME = 16;
  const waiting = new Map();
  let now = 0;
  let last = 0;
  const after = (ms, run) => {
    waiting.set(++last, { at: now + ms, run });
    return last;
  };
  const cancel = (id) => void waiting.delete(id);
  const passTime = (ms) => {
    now += ms;
    const due = [...waiting].filter(([, { at }]) => at <= now).sort(([, a], [, b]) => a.at - b.at);
    for (const [id, { run }] of due) if (waiting.delete(id)) run();
  };
  performance.now = () => now;
  Object.assign(globalThis, {
    passTime,
    setTimeout: (run, ms = 0) => after(ms, run),
    clearTimeout: cancel,
    requestAnimationFrame: (run) => after(FRAME, () => run(now)),
    cancelAnimationFrame: cancel,
    passTimeUntil(selector) {
      for (let passed = 0; document.querySelector(selector) === null; passed += ${STEP}) {
        if (passed > ${LONGEST}) throw new Error(selector + ": not in ${LONGEST} ms");
        passTime(${STEP});
      }
    },
  });
})()`;

/** From now on the time of every page that this context loads stands still. */
export async function stopTime(context: BrowserContext): Promise<void> {
  await context.addInitScript(STANDING);
  standing.add(context);
}

/** Lets time pass in a page whose time stands still. */
export async function passTime(place: Place, ms: number): Promise<void> {
  await place.evaluate(`passTime(${ms})`);
}

/** Whether the time of a page stands still. */
export function stands(place: Place): boolean {
  const page = "page" in place ? place.page() : place;
  return standing.has(page.context());
}

/** Waits for an element, and lets the page's time pass meanwhile where it stands still. */
export async function until(place: Place, selector: string): Promise<void> {
  if (stands(place)) await place.evaluate(`passTimeUntil(${JSON.stringify(selector)})`);
  else await place.locator(selector).waitFor();
}
