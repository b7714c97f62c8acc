// docs/web.png: the card in a browser, as the card shows its response and the site says Welcome.

import { bundle } from "../../sim/webbuilder/bundle.js";
import { serve } from "../../sim/webbuilder/server.js";
import { NO_CHROMIUM, startChromium } from "../support/browser.js";
import { passTime } from "../support/pagetime.js";
import { digitsShown, enter, openCard, script } from "../support/webcard.js";
import { openStanding } from "../support/webpage.js";

const VIEWPORT = { width: 1240, height: 800 };
/** Longer than a frame takes, in ms, so that the last change is drawn. */
const FRAME = 50;

/** Logs in and returns the picture as PNG; undefined if there is no browser. */
export async function photographPage(): Promise<Uint8Array | undefined> {
  if (NO_CHROMIUM !== undefined) return undefined;
  const serving = await serve(await bundle());
  const browser = await startChromium();
  try {
    const { page } = await openStanding(browser, serving.url, { viewport: VIEWPORT });
    const hand = script(page);
    await openCard(page, hand);
    await page.getByLabel("User name").fill("demo");
    await page.getByLabel("Password").fill("demo");
    await page.getByRole("button", { name: "Sign in" }).click();
    await enter(hand, (await page.locator("#challenge").textContent()) as string);
    await page.getByLabel("Response of the card").fill(await digitsShown(page));
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("Welcome, demo!").waitFor();
    await passTime(page, FRAME);
    return await page.screenshot();
  } finally {
    await browser.close();
    await serving.close();
  }
}
