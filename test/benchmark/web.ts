// How long the page takes from its address to a card that takes a key, in a fresh browser context: nothing is in a cache.

import { bundle } from "../../sim/webbuilder/bundle.js";
import { serve } from "../../sim/webbuilder/server.js";
import { NO_CHROMIUM, startChromium } from "../support/browser.js";
import type { Figure } from "./interfaces.js";

const ROUNDS = 5;

/** Presses PRESS as soon as there is a card. Once the key is lit, returns the time since the address was opened. */
const WORKING = `window.working = new Promise((resolve, reject) => {
  const look = () => {
    const key = document.querySelector('[data-key="press"]');
    if (!key) return requestAnimationFrame(look);
    const { x, y } = key.getBoundingClientRect();
    key.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true, pointerId: 1, clientX: x, clientY: y }));
    requestAnimationFrame(() => {
      if (key.classList.contains("down")) resolve(performance.now());
      else reject(new Error("the key does not light"));
    });
  };
  look();
})`;

/** Why the page cannot be measured here; undefined if it can. */
export function webMissing(): string | undefined {
  return NO_CHROMIUM;
}

export async function webFigures(): Promise<Figure[]> {
  const serving = await serve(await bundle());
  const browser = await startChromium();
  let best = Number.POSITIVE_INFINITY;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.addInitScript(WORKING);
      await page.goto(serving.url);
      best = Math.min(best, await page.evaluate<number>("window.working"));
      await context.close();
    }
  } finally {
    await browser.close();
    await serving.close();
  }
  return [
    { name: "web_ms_to_working_card", value: Math.round(best), unit: "ms from its address to a key that lights" },
  ];
}
