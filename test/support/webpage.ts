// Suites of tests in pages: one Chromium and one server for a file.

import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import * as assert from "uvu/assert";
import { bundle, type Site } from "../../sim/webbuilder/bundle.js";
import { type Serving, serve } from "../../sim/webbuilder/server.js";
import { NO_CHROMIUM, openPage, startChromium, type Watched } from "./browser.js";
import { passTime, stopTime } from "./pagetime.js";
import { packageTest } from "./skipping.js";
import { suite, type Test } from "./suite.js";

/**
 * Saves time: a service worker, which only the tests without a network have, would fetch all files again for each context, and
 * each frame of a transition costs as much as a key.
 */
export const FRUGAL: BrowserContextOptions = { serviceWorkers: "block", reducedMotion: "reduce" };

/** Longer than a frame takes, in ms. */
const FRAME = 50;

/** What the tests of a file share, once the first of them runs. */
export interface Web {
  readonly test: Test;
  readonly site: Site;
  readonly serving: Serving;
  readonly browser: Browser;
  /**
   * A test in a page that was just loaded and whose time stands still. The page must report no error and send no request to
   * another server. With options it has a browser context of its own.
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
  const shared = new SharedPage(() => openStanding(web.browser, web.serving.url), begins);
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
        const watched = async ({ page, complaints, requests }: Watched) => {
          await body(page);
          assert.equal(complaints, []);
          for (const address of requests) assert.ok(address.includes(url), address);
        };
        if (options) await alone(await openStanding(web.browser, url, options), watched);
        else await shared.use(watched);
      });
    },
  };
  return web;
}

/** One page for tests that need no context of their own: it is reloaded for each, at half the cost of a new context. */
export class SharedPage {
  readonly #open: () => Promise<Watched>;
  readonly #begins: (page: Page) => Promise<void>;
  #watched: Watched | undefined;

  /** `open` opens the page the first time; `begins` waits for the page after each reload. */
  constructor(open: () => Promise<Watched>, begins: (page: Page) => Promise<void> = async () => {}) {
    this.#open = open;
    this.#begins = begins;
  }

  /** Does something in the page, freshly loaded. */
  async use(body: (watched: Watched) => Promise<void>): Promise<void> {
    const watched = this.#watched ? await this.#again(this.#watched) : await this.#open();
    this.#watched = watched;
    try {
      await body(watched);
    } catch (error) {
      // After a failure the next test begins in a new page.
      this.#watched = undefined;
      await watched.page.context().close();
      throw error;
    }
  }

  async #again(watched: Watched): Promise<Watched> {
    watched.complaints.length = watched.requests.length = 0;
    await watched.page.reload();
    await this.#begins(watched.page);
    return watched;
  }
}

/** Does something in a page, and closes its context. */
export async function alone(watched: Watched, body: (watched: Watched) => Promise<void>): Promise<void> {
  try {
    await body(watched);
  } finally {
    await watched.page.context().close();
  }
}

/** Opens a page with the card, in a context of its own whose time stands still. */
export async function openStanding(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const watched = await openPage(browser, url, { ...FRUGAL, ...options }, stopTime);
  await begins(watched.page);
  return watched;
}

/** Waits for the card. Its first picture comes with a frame, and frames come only as the page's time passes. */
export async function begins(page: Page): Promise<void> {
  await page.locator("svg.card").waitFor({ state: "attached" });
  await passTime(page, FRAME);
}
