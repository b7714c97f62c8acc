// The card in other pages: across origins, by messages and as an element; and without a network.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import * as assert from "uvu/assert";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { DEMO } from "../../../sim/session/demo.js";
import { bundle } from "../../../sim/webbuilder/bundle.js";
import { type Serving, serve } from "../../../sim/webbuilder/server.js";
import { NO_CHROMIUM, openPage, startChromium } from "../../support/browser.js";
import { passTime, stopTime } from "../../support/pagetime.js";
import { packageTest } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";
import { openCard, script, shows } from "../../support/webcard.js";
import { begins, FRUGAL, openStanding, SharedPage } from "../../support/webpage.js";

const test = suite("embedded card");

const CHALLENGE = "673854";
/** Bytes by which memory may differ between two moments without a leak. */
const NOISE = 256 * 1024;

let card: Serving;
let browser: Browser;
/** Another site, with a page of its own around the card. */
let other: Server;
let around: string;

test.before(async () => {
  if (NO_CHROMIUM !== undefined) return;
  card = await serve(await bundle());
  other = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end(
      `<!doctype html><title>around</title><script src="${card.url}element.js"></script><dsc-card></dsc-card>`,
    );
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  around = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
  browser = await startChromium();
});

test.after(async () => {
  await browser?.close();
  await card?.close();
  other?.close();
  other?.closeAllConnections();
});

const otherPage = new SharedPage(() => openPage(browser, around, FRUGAL));

/** A test in the page of the other site. */
function inOtherPage(name: string, body: (page: Page) => Promise<void>, complaint = /^$/): void {
  packageTest(test, NO_CHROMIUM, name, () =>
    otherPage.use(async ({ page, complaints }) => {
      await body(page);
      for (const said of complaints) assert.match(said, complaint);
    }),
  );
}

/** Does something with the element `card`. */
function withElement<T>(page: Page, body: string): Promise<T> {
  return page.evaluate(`(async () => { const card = document.querySelector("dsc-card"); ${body} })()`) as Promise<T>;
}

const LOG_IN = `
  await card.hold("press");
  await card.type("${DEMO.pin}");
  await card.press("ok");
  await card.type("${CHALLENGE}");
  const { display } = await card.press("ok");`;

inOtherPage("another site's page logs in by the element, and gets each screen", async (page) => {
  const told = await withElement<{ display: string; heard: string[] }>(
    page,
    `const heard = [];
     card.addEventListener("screen", ({ detail }) => heard.push(detail.display));
     ${LOG_IN}
     return { display, heard };`,
  );
  assert.is(told.display, ocra(DEMO.suite, DEMO.key, { challenge: CHALLENGE }));
  const digits = [...CHALLENGE].map((_, at) => CHALLENGE.slice(0, at + 1));
  assert.equal(told.heard, ["PIN>", "PIN>*", "PIN>**", "PIN>***", "PIN>****", "CHALLNG>", ...digits, told.display]);
});

inOtherPage("a message advances the time, and an invalid request is answered with the reason", async (page) => {
  const answers = await withElement<{ before: number; after: number; errors: string[] }>(
    page,
    `const { time: before } = await card.screen();
     const { time: after } = await card.time(60000);
     const errors = [];
     for (const wrong of [() => card.press("x"), () => card.type("12a"), () => card.time(-1), () => card.hold("ok", 1e9)])
       await wrong().then(() => errors.push("none"), (error) => errors.push(error.message));
     return { before, after, errors };`,
  );
  assert.ok(answers.after - answers.before >= 60_000);
  assert.equal(answers.errors, [
    "key is press, ok or a digit",
    "digits is a text of 1 to 64 digits",
    "ms is a whole number from 0 to 600000",
    "ms is a whole number from 0 to 600000",
  ]);
});

inOtherPage(
  "a card listens to its parent window and the origin in its address, and to nobody else",
  async (page) => {
    const heard = await page.evaluate(`(async () => {
    const home = ${JSON.stringify(card.url)};
    const frame = (address) => new Promise((resolve) => {
      const made = document.createElement("iframe");
      made.onload = () => resolve(made);
      made.src = address;
      document.body.append(made);
    });
    const from = new Map();
    addEventListener("message", ({ source, data }) => {
      for (const [name, window] of from) if (window === source) answers.push(name + " " + (data.event ?? "answer"));
    });
    const answers = [];
    const named = await frame(home + "card.html?origin=" + location.origin);
    const unnamed = await frame(home + "card.html");
    const wrong = await frame(home + "card.html?origin=https://else.example");
    const star = await frame(home + "card.html?origin=*");
    const all = { named, unnamed, wrong, star };
    for (const [name, { contentWindow }] of Object.entries(all)) from.set(name, contentWindow);
    for (const { contentWindow } of Object.values(all)) contentWindow.postMessage({ dsc: 1, id: 1, command: "hold", key: "press" }, "*");
    // The card that answers is asked last; the others have had their turn before it.
    await new Promise((resolve) => {
      addEventListener("message", ({ source, data }) => source === named.contentWindow && data.id === 2 && resolve());
      named.contentWindow.postMessage({ dsc: 1, id: 2, command: "screen" }, "*");
    });
    return answers.filter((answer) => answer.endsWith("answer"));
  })()`);
    assert.equal(heard, ["named answer", "named answer"]);
    for (const frame of page.frames().filter((one) => one.url().includes("card.html"))) {
      // A card that obeyed is on, even if its answer went elsewhere. Its picture comes a frame later.
      await frame.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
      const display = await frame.locator("svg.card").getAttribute("data-display");
      const obeys = frame.url() === `${card.url}card.html?origin=${around.slice(0, -1)}`;
      assert.is(display, obeys ? "PIN>" : "", frame.url());
    }
  },
  /target origin provided .* does not match/,
);

inOtherPage("an element listens only to its own frame", async (page) => {
  await withElement(page, "await card.screen();");
  const events = await page.evaluate(`(async () => {
    const card = document.querySelector("dsc-card");
    let events = 0;
    card.addEventListener("screen", () => events++);
    const screen = { on: true, state: "PIN", display: "FORGED", time: 0 };
    window.postMessage({ dsc: 1, event: "screen", screen }, "*");
    await card.screen();
    return events;
  })()`);
  assert.is(events, 0);
});

inOtherPage("a card removed from the page answers no more, and one put back is new", async (page) => {
  const outcome = await withElement<string[]>(
    page,
    `await card.hold("press");
     const pending = card.time(1000).catch((error) => error.message);
     await Promise.resolve();
     card.remove();
     const first = await pending;
     const none = await card.screen().catch((error) => error.message);
     document.body.append(card);
     return [first, none, (await card.screen()).state];`,
  );
  assert.equal(outcome, ["the card was removed from the page", "the card is not in a page", "OFF"]);
});

packageTest(test, NO_CHROMIUM, "the page of examples shows the card as an element and as a frame", async () => {
  const { page, complaints } = await openPage(browser, `${card.url}embed.html`, FRUGAL, stopTime);
  await page.getByRole("button", { name: "Log in by messages" }).click();
  await page.locator("output", { hasText: ocra(DEMO.suite, DEMO.key, { challenge: "123456" }) }).waitFor();
  const frame = page.frames().find((one) => one.url() === `${card.url}card.html`);
  assert.ok(frame);
  await frame?.locator('[data-key="press"]').hover();
  await page.mouse.down();
  await shows(frame as NonNullable<typeof frame>, "PIN>");
  await page.mouse.up();
  assert.equal(complaints, []);
  await page.context().close();
});

packageTest(test, NO_CHROMIUM, "a thousand logins leak no memory", async () => {
  const { page } = await openPage(browser, `${card.url}embed.html`, FRUGAL, stopTime);
  const session = await page.context().newCDPSession(page);
  // Many at once, because waiting for each takes longer than the login.
  const logIn = (times: number) =>
    withElement(
      page,
      `for (let left = ${times}; left > 0; left -= 50) {
         let last;
         for (let n = 0; n < 50; n++) {
           card.hold("press");
           card.type("${DEMO.pin}");
           card.press("ok");
           card.type("${CHALLENGE}");
           last = card.press("ok");
           card.hold("press");
         }
         const { state } = await last;
         if (state !== "RESPONSE") throw new Error(state);
       }`,
    );
  const used = async () => {
    // Draws what is left for the next frame.
    for (const frame of page.frames()) await passTime(frame, 1000);
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = (await session.send("Runtime.getHeapUsage")) as { usedSize: number };
    return usedSize;
  };
  await logIn(100);
  const before = await used();
  await logIn(1000);
  const grown = (await used()) - before;
  assert.ok(grown < NOISE, `${grown} bytes`);
  await page.context().close();
});

packageTest(test, NO_CHROMIUM, "after the first visit the page works without its server", async () => {
  const own = await serve(await bundle());
  const { page, complaints } = await openStanding(browser, own.url, { serviceWorkers: "allow" });
  await page.evaluate("navigator.serviceWorker.ready");
  await own.close();
  await page.reload();
  await begins(page);
  await openCard(page, script(page));
  await page.goto(`${own.url}card.html`);
  await page.locator("svg.card").waitFor();
  assert.equal(complaints, []);
  await page.context().close();
});

test.run();
