// Headless Chromium, for the tests of the card in a browser. One for each test file, since it takes a second to start.

import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { DEADLINE } from "./deadline.js";

/** The headless shell takes half the time; the whole browser works too. */
const SHELL = "/usr/bin/chromium-headless-shell";
const CHROMIUM = [SHELL, "/usr/bin/chromium"].find((path) => existsSync(path));
/** What playwright itself writes to the console of a context that may have no service worker. */
const NO_COMPLAINT = "Service Worker registration blocked by Playwright";

/** A reason to skip; undefined if it is installed. */
export const NO_CHROMIUM = CHROMIUM === undefined ? "apt-get install chromium-headless-shell" : undefined;

/** Starts it. A name that ends in .test resolves to loopback, but the browser treats it as a remote server over plain HTTP. */
export function startChromium(): Promise<Browser> {
  const args = ["--host-resolver-rules=MAP *.test 127.0.0.1", "--disable-dev-shm-usage", "--disable-gpu"];
  // The superuser of a container has no sandbox.
  if (process.getuid?.() === 0) args.push("--no-sandbox");
  return chromium.launch({ executablePath: CHROMIUM ?? SHELL, args });
}

/** A page that records every error and every request. */
export interface Watched {
  readonly page: Page;
  /** What it wrote to the console as an error, or threw. */
  readonly complaints: string[];
  /** The addresses that it requested. */
  readonly requests: string[];
}

/** Opens an address in a new page of a new context. `prepare` is called with the context first. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
  prepare: (context: BrowserContext) => Promise<void> = async () => {},
): Promise<Watched> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(DEADLINE);
  await prepare(context);
  const page = await context.newPage();
  const watched: Watched = { page, complaints: [], requests: [] };
  page.on("console", (message) => {
    const text = message.text();
    if (["error", "warning"].includes(message.type()) && text !== NO_COMPLAINT) watched.complaints.push(text);
  });
  page.on("pageerror", (error) => watched.complaints.push(String(error)));
  context.on("request", (request) => watched.requests.push(request.url()));
  await page.goto(url);
  return watched;
}
