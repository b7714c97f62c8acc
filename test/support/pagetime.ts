// A page whose time passes only when a test says so, so that no test depends on the machine's speed.

import type { BrowserContext, Frame, Page } from "playwright-core";

export type Place = Page | Frame;

/** The longest time that passes in a page while a test waits for something, and the steps of it, in ms. */
const LONGEST = 40_000;
const STEP = 500;
/** Contexts in whose pages the time stands still. */
const standing = new WeakSet<BrowserContext>();

/**
 * Replaces the browser's timers and frames in a page that is loaded afterwards. After a step of time each of them is called
 * once, however many were due: drawing every frame of that time would cost more than all the rest.
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

/** Waits for an element; if the page's time stands still, lets it pass meanwhile. */
export async function until(place: Place, selector: string): Promise<void> {
  if (stands(place)) await place.evaluate(`passTimeUntil(${JSON.stringify(selector)})`);
  else await place.locator(selector).waitFor();
}
