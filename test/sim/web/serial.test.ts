// A board in the page: its front panel and its facts, over a Web Serial that is connected to a simulator's serial line.

import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Browser, Page } from "playwright-core";
import * as assert from "uvu/assert";
import { openPort } from "../../../host-tools/card/port.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import type { KeyName } from "../../../sim/core/card.js";
import { DEMO } from "../../../sim/session/demo.js";
import { bundle } from "../../../sim/webbuilder/bundle.js";
import { type Serving, serve } from "../../../sim/webbuilder/server.js";
import { NO_CHROMIUM, openPage, startChromium } from "../../support/browser.js";
import { scratchFolder } from "../../support/scratch.js";
import { SimProcess } from "../../support/simprocess.js";
import { packageTest } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";
import { digitsShown, type Hand, script, shows } from "../../support/webcard.js";
import { FRUGAL, openStanding } from "../../support/webpage.js";

const test = suite("board in a browser");

const CHALLENGE = "673854";
/** After this time without a change of the screen a key counts as lost, in ms. */
const LOST = 5000;

/** A Web Serial with one port, whose bytes go to and come from the test; `plug` ends its line. */
const FAKE_SERIAL = `(() => {
  const port = {
    async open() {
      port.readable = new ReadableStream({ start: (controller) => { window.fromCard = controller; } });
      port.writable = new WritableStream({ write: (bytes) => window.toCard([...bytes]) });
    },
    async close() {},
  };
  Object.defineProperty(navigator, "serial", { value: { requestPort: async () => port } });
})()`;

let serving: Serving;
let browser: Browser;
let sim: SimProcess;
let port: Duplex;

test.before(async () => {
  if (NO_CHROMIUM !== undefined) return;
  serving = await serve(await bundle());
  browser = await startChromium();
  sim = await SimProcess.start(join(scratchFolder(), "line"), "--demo", "--seed", "1");
  port = await openPort(sim.port);
});

test.after(async () => {
  port?.destroy();
  await sim?.kill();
  await browser?.close();
  await serving?.close();
});

async function connected(): Promise<{ page: Page; complaints: string[] }> {
  const { page, complaints } = await openPage(browser, serving.url, FRUGAL, async (context) => {
    await context.addInitScript(FAKE_SERIAL);
    await context.exposeFunction("toCard", (bytes: number[]) => {
      port.write(Uint8Array.from(bytes));
    });
  });
  port.on("data", (chunk: Uint8Array) => {
    page.evaluate(`window.fromCard?.enqueue(Uint8Array.from([${[...chunk]}]))`).catch(() => {});
  });
  await page.getByRole("button", { name: "Connect a board" }).click();
  await page.getByText("Connected.").waitFor();
  return { page, complaints };
}

/**
 * Types digits and OK on the board, whose time is real: if the computer pauses during a tap, both ends of it may reach
 * the card at once, and it ignores them as bounce. So a key is pressed again until the screen has changed.
 */
async function type(page: Page, hand: Hand, digits: string): Promise<void> {
  for (const key of [...digits, "ok"] as KeyName[]) {
    const before = await page.locator("svg.card").getAttribute("data-display");
    const changed = page.locator(`svg.card:not([data-display="${before}"])`);
    do await hand.press(key);
    while (
      !(await changed.waitFor({ state: "attached", timeout: LOST }).then(
        () => true,
        () => false,
      ))
    );
  }
}

packageTest(
  test,
  NO_CHROMIUM,
  "the page logs in on a board's card, shows its facts, and returns to its own card",
  async () => {
    const { page, complaints } = await connected();
    const hand = script(page);
    await hand.hold("press", "PIN>");
    await type(page, hand, DEMO.pin);
    await type(page, hand, CHALLENGE);
    assert.is(await digitsShown(page), ocra(DEMO.suite, DEMO.key, { challenge: CHALLENGE }));
    await page.getByRole("button", { name: "Read its facts" }).click();
    await page.locator("dd", { hasText: DEMO.serial }).waitFor();
    for (const fact of [DEMO.suite, "checked by the card, 5 of 5 tries left", "the simulator", "the public test keys"])
      assert.is(await page.locator("dd", { hasText: fact }).count(), 1, fact);
    assert.ok(await page.getByLabel("Battery").isDisabled(), "a board's battery is its own");
    await page.getByRole("button", { name: "Disconnect" }).click();
    await page.getByText("Disconnected.").waitFor();
    await shows(page, "");
    await hand.hold("press", "PIN>");
    assert.is.not((await sim.run("show")).state, "PIN", "the key was not the board's");
    assert.equal(complaints, []);
    await page.context().close();
  },
);

packageTest(test, NO_CHROMIUM, "an unplugged board is reported, and the page returns to its own card", async () => {
  const { page } = await connected();
  await page.evaluate('window.fromCard.error(new Error("unplugged"))');
  await page.getByText("The board is gone; the line was closed.").waitFor();
  await script(page).hold("press", "PIN>");
  await page.context().close();
});

packageTest(test, NO_CHROMIUM, "without Web Serial the page does not mention boards", async () => {
  const { page } = await openStanding(browser, serving.url.replace("127.0.0.1", "card.test"));
  assert.is(await page.getByText("Connect a board").count(), 0);
  await page.context().close();
});

test.run();
