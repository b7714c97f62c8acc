// Suites of tests in pages: one Chromium and one server for a file.

import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import * as assert from "uvu/assert";
import { bundle, type Site } from "../../sim/webbuilder/bundle.js";
import { type Serving, serve } from "../../sim/webbuilder/server.js";
import { NO_CHROMIUM, openPage, startChromium, type Watched } from "./browser.js";
import { packageTest } from "./skipping.js";
import { suite, type Test } from "./suite.js";
import { pauseTime } from "./webcard.js";

/** The service worker fetches all files once more for each context; the tests of the page without a network have it. */
const NO_WORKER: BrowserContextOptions = { serviceWorkers: "block" };

/** Longer than a frame takes, in ms. */
const FRAME = 50;

/** What the tests of a file share, once the first of them runs. */
export interface Web {
  readonly test: Test;
  readonly site: Site;
  readonly serving: Serving;
  readonly browser: Browser;
  /**
   * A test in a page that was just loaded and whose time stands still: it must neither complain nor ask for anything
   * elsewhere. With options it has a browser context of its own.
   */
  inPage(name: string, body: (page: Page) => Promise<void>, options?: BrowserContextOptions): void;
}

/** A suite of tests in pages. */
export function webSuite(title: string): Web {
  const test = suite(title);
  let site: Site | undefined;
  let serving: Serving | undefined;
  let browser: Browser | undefined;
  test.before(async () => {
    if (NO_CHROMIUM !== undefined) return;
    site = await bundle();
    serving = await serve(site);
    browser = await startChromium();
  });
  test.after(async () => {
    await browser?.close();
    await serving?.close();
  });
  const begun = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("no test runs yet");
    return value;
  };
  /** The page of the tests that need no context of their own: loaded anew for each, which costs half of a new context. */
  let shared: Watched | undefined;
  const cleared = async (): Promise<Watched> => {
    if (!shared) {
      shared = await openPaused(web.browser, web.serving.url, {});
      return shared;
    }
    const { page, complaints, requests } = shared;
    complaints.length = requests.length = 0;
    await page.goto(web.serving.url);
    await page.locator("svg.card").waitFor();
    // The page's first picture needs a frame, and frames come only when its stopped time is advanced.
    await page.clock.fastForward(FRAME);
    return shared;
  };
  const web: Web = {
    test,
    get site() {
      return begun(site);
    },
    get serving() {
      return begun(serving);
    },
    get browser() {
      return begun(browser);
    },
    inPage(name, body, options) {
      packageTest(test, NO_CHROMIUM, name, async () => {
        const { url } = web.serving;
        const watched = options ? await openPaused(web.browser, url, options) : await cleared();
        const { page, complaints, requests } = watched;
        try {
          await body(page);
          assert.equal(complaints, []);
          for (const address of requests) assert.ok(address.includes(url), address);
        } catch (error) {
          // The next test begins in a fresh page.
          shared = undefined;
          throw error;
        } finally {
          if (watched !== shared) await page.context().close();
        }
      });
    },
  };
  return web;
}

async function openPaused(browser: Browser, url: string, options: BrowserContextOptions): Promise<Watched> {
  const watched = await openPage(browser, url, { ...NO_WORKER, ...options });
  await watched.page.locator("svg.card").waitFor();
  await pauseTime(watched.page);
  return watched;
}
