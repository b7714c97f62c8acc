// The card in a browser, in Chromium as people use it: by mouse, by touch, by keyboard, on screens of all sizes.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import * as assert from "uvu/assert";
import { DEMO } from "../../../sim/session/demo.js";
import { bundle } from "../../../sim/webbuilder/bundle.js";
import { Axe } from "../../support/axe.js";
import { NO_CHROMIUM, openPage } from "../../support/browser.js";
import { passTime } from "../../support/pagetime.js";
import { scratchFolder } from "../../support/scratch.js";
import { packageTest } from "../../support/skipping.js";
import {
  digitsShown,
  enter,
  fingers,
  type Hand,
  keyboard,
  keyOf,
  mouse,
  openCard,
  script,
  shows,
} from "../../support/webcard.js";
import { begins, openStanding, webSuite } from "../../support/webpage.js";

const web = webSuite("card in a browser");
const { test, inPage } = web;

/** The size of all files together, compressed by gzip. */
const MOST_BYTES = 60 * 1024;
const WRONG_PIN = "1111";
const NEW_PIN = "5806";
/** The rules of axe that depend on colours or sizes; the others give the same result at each width and in each scheme. */
const RULES_ON_LOOKS = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"];
/** No style depends on both the width and the scheme, so each is tried with one value of the other. */
const LOOKS = [
  { width: 320, colorScheme: "light", rules: undefined },
  { width: 2560, colorScheme: "dark", rules: RULES_ON_LOOKS },
] as const;

/** Signs in on the demo site and returns its challenge. */
async function signIn(page: Page): Promise<string> {
  await page.getByLabel("User name").fill("demo");
  await page.getByLabel("Password").fill("demo");
  await page.getByRole("button", { name: "Sign in" }).click();
  return (await page.locator("#challenge").textContent()) as string;
}

/** Fills in the fields of a form and submits it, in one call. */
async function submit(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  await page.evaluate(`(() => {
    const fields = Object.entries(${JSON.stringify(fields)}).map(([id, value]) =>
      Object.assign(document.getElementById(id), { value }));
    fields[0].form.requestSubmit();
  })()`);
}

async function logIn(page: Page, hand: Hand): Promise<void> {
  await openCard(page, hand);
  const challenge = await signIn(page);
  assert.match(challenge, /^\d{6}$/);
  await enter(hand, challenge);
  await page.getByLabel("Response of the card").fill(await digitsShown(page));
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("Welcome, demo!").waitFor();
}

inPage("a login works by mouse", (page) => logIn(page, mouse(page)));

inPage("a login works by touch", async (page) => logIn(page, await fingers(page)), {
  hasTouch: true,
  isMobile: true,
  viewport: { width: 390, height: 844 },
});

inPage("a login works by keyboard alone", async (page) => {
  const hand = keyboard(page);
  await openCard(page, hand);
  const focus = async (id: string) => {
    while ((await page.evaluate("document.activeElement.id")) !== id) await page.keyboard.press("Tab");
  };
  await focus("user");
  await page.keyboard.type("demo");
  await focus("password");
  await page.keyboard.type("demo");
  await page.keyboard.press("Enter");
  await enter(hand, (await page.locator("#challenge").textContent()) as string);
  const response = await digitsShown(page);
  await focus("response");
  await page.keyboard.type(response);
  await page.keyboard.press("Enter");
  await page.getByText("Welcome, demo!").waitFor();
});

inPage("Enter and the space bar press the focused key as long as they are held", async (page) => {
  for (const code of ["Enter", " "]) {
    await keyOf(page, "press").focus();
    await page.keyboard.down(code);
    await shows(page, "PIN>");
    assert.match((await keyOf(page, "press").getAttribute("class")) ?? "", /down/);
    await page.keyboard.up(code);
    await keyOf(page, "4").focus();
    await page.keyboard.press(code);
    await shows(page, "PIN>*");
    assert.not.match((await keyOf(page, "press").getAttribute("class")) ?? "", /down/);
    await script(page).hold("press", "");
  }
});

inPage("a screen reader's click presses a key, and buttons do the holds", async (page) => {
  await page.getByRole("button", { name: "Hold PRESS" }).click();
  await shows(page, "PIN>");
  await page.locator('[data-key="7"]').dispatchEvent("click", { detail: 0 });
  await shows(page, "PIN>*");
});

inPage("a site refuses a wrong response, and locks after too many", async (page) => {
  for (let refusal = 1; refusal <= 5; refusal++) {
    await submit(page, { user: "demo", password: "demo" });
    await submit(page, { response: "00000000" });
    await page.getByText(refusal < 5 ? "Refused: wrong response." : "Locked: too many refusals.").waitFor();
    assert.is(await page.getByLabel("User name").inputValue(), "");
  }
});

inPage("the help desk unlocks a locked card, which takes a new PIN", async (page) => {
  const hand = script(page);
  await hand.hold("press", "PIN>");
  for (let left = DEMO.tries - 1; left >= 0; left--) {
    await enter(hand, WRONG_PIN);
    await shows(page, left > 0 ? `LEFT ${left}` : "LOCKED");
    if (left > 0) await shows(page, "PIN>");
  }
  await hand.press("ok");
  await page.getByLabel("Lock code", { exact: true }).fill(await digitsShown(page));
  await page.getByRole("button", { name: "Compute" }).click();
  const code = (await page.locator("#unlock-code").textContent()) as string;
  assert.match(code, /^\d{8}$/);
  await hand.press("ok");
  await shows(page, "UNLOCK>");
  await enter(hand, code);
  await shows(page, "NEW>");
  await enter(hand, NEW_PIN);
  await shows(page, "REP>");
  await enter(hand, NEW_PIN);
  await shows(page, "PIN>");
  await enter(hand, NEW_PIN);
  await shows(page, "CHALLNG>");
});

inPage("an owner changes the PIN", async (page) => {
  const hand = script(page);
  await openCard(page, hand);
  await hand.hold("ok", "NEW>");
  await enter(hand, NEW_PIN);
  await shows(page, "REP>");
  await enter(hand, NEW_PIN);
  await shows(page, "PIN>");
  await enter(hand, NEW_PIN);
  await shows(page, "CHALLNG>");
});

inPage("battery, power cut and fast-forward work", async (page) => {
  const hand = script(page);
  const state = (label: string) => page.locator("dl div", { hasText: label }).locator("dd");
  await page.getByLabel("Battery").selectOption("2300");
  await hand.hold("press", "BATT LOW");
  await shows(page, "PIN>");
  await page.getByLabel("Battery").selectOption("0");
  await shows(page, "");
  assert.is(await state("Power").textContent(), "off");
  await page.getByLabel("Battery").selectOption("3000");
  await hand.hold("press", "PIN>");
  await page.getByRole("button", { name: "Cut power at the next flash write" }).click();
  await enter(hand, DEMO.pin);
  await shows(page, "");
  assert.is(await state("Battery").textContent(), "none");
  await page.getByLabel("Battery").selectOption("3000");
  await hand.hold("press", "PIN>");
  await page.getByRole("button", { name: "Fast-forward" }).click();
  await shows(page, "");
  assert.match((await page.locator(".log").textContent()) ?? "", /power failed at a cut/);
});

inPage("log and state have no digit that was typed or shown", async (page) => {
  await logIn(page, script(page));
  const response = await digitsShown(page);
  const told = `${await page.locator(".log").textContent()} ${await page.locator(".state").textContent()}`;
  assert.match(told, /shows a response/);
  for (const secret of [response, DEMO.pin]) assert.not.ok(told.includes(secret), secret);
});

packageTest(test, NO_CHROMIUM, "a key lights in the frame after its event", async () => {
  const { page, complaints } = await openPage(web.browser, web.serving.url, { serviceWorkers: "block" });
  await page.locator("svg.card").waitFor();
  // The listener runs before the next frame is drawn, whatever the machine does meanwhile.
  const lit = await page.evaluate(`new Promise((resolve) => {
    const key = document.querySelector('[data-key="5"]');
    const cap = key.querySelector("rect");
    const dark = getComputedStyle(cap).fill;
    requestAnimationFrame(() => {
      const { x, y } = key.getBoundingClientRect();
      key.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true, pointerId: 1, clientX: x, clientY: y }));
      requestAnimationFrame(() => resolve(getComputedStyle(cap).fill !== dark));
    });
  })`);
  assert.ok(lit);
  assert.equal(complaints, []);
  await page.context().close();
});

inPage("the screen is announced in words", async (page) => {
  const status = page.locator(".cardbox [role=status]");
  assert.is(await status.textContent(), "The card is off.");
  const hand = script(page);
  await hand.hold("press", "PIN>");
  assert.is(await status.textContent(), "PIN: enter it.");
  await hand.press("4", "0");
  await shows(page, "PIN>**");
  assert.is(await status.textContent(), "PIN: 2 digits.");
  await enter(hand, "71");
  await shows(page, "CHALLNG>");
  assert.is(await status.textContent(), "Challenge: enter it.");
  await enter(hand, "123456");
  const response = await digitsShown(page);
  assert.is(await status.textContent(), response.split("").join(" "));
});

/** Narrow and light, then wide and dark: nothing is cut off, and axe finds nothing, by all its rules and by those on looks. */
async function isWellMade(page: Page, axe: Axe, where: string): Promise<void> {
  const { height } = page.viewportSize() as { height: number };
  for (const { width, colorScheme, rules } of LOOKS) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    const beyond = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert.is(beyond, 0, `${where}, ${width} px`);
    assert.equal(await axe.complaints(rules), [], `${where}, ${width} px, ${colorScheme}`);
  }
}

inPage(
  "in every state, narrow or wide, light or dark, nothing is cut off and axe finds nothing",
  async (page) => {
    const hand = script(page);
    const axe = await Axe.in(page);
    await isWellMade(page, axe, "off");
    await hand.hold("press", "PIN>");
    await hand.press("4");
    await isWellMade(page, axe, "PIN");
    await hand.press("0", "7", "1", "ok");
    await shows(page, "CHALLNG>");
    await enter(hand, await signIn(page));
    await digitsShown(page);
    await isWellMade(page, axe, "response, and the site's second step");
    await page.getByLabel("Response of the card").fill("00000000");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("Refused: wrong response.").waitFor();
    await page.getByLabel("Battery").selectOption("0");
    await isWellMade(page, axe, "no battery, and a refusal");
    const buffer = Buffer.from("demo\nhold press\nexpect CHALLNG>\n");
    await page.getByLabel("Replay a session").setInputFiles({ name: "x.dsc", mimeType: "", buffer });
    await page.getByText("x.dsc:3:").waitFor();
    await isWellMade(page, axe, "a replay that failed");
  },
  {},
);

inPage("with reduced motion nothing moves, otherwise it does", async (page) => {
  const durations = [];
  for (const reducedMotion of ["no-preference", "reduce"] as const) {
    await page.emulateMedia({ reducedMotion });
    durations.push(await page.evaluate('getComputedStyle(document.querySelector(".cap")).transitionDuration'));
  }
  assert.equal(durations, ["0.06s", "0s"]);
});

inPage("a card is saved under a name, continues as it was, and is deleted", async (page) => {
  const hand = script(page);
  await page.getByLabel("Keep it in this browser as").fill("mine");
  await page.getByRole("button", { name: "Keep" }).click();
  await page.getByText("Kept, and updated after each change.").waitFor();
  const before = await keptFlash(page);
  await hand.hold("press", "PIN>");
  await enter(hand, WRONG_PIN);
  await shows(page, "LEFT 4");
  while ((await keptFlash(page)) === before);
  await page.reload();
  await page.getByLabel("Card", { exact: true }).selectOption("mine");
  // The card can be forgotten as soon as it is shown.
  await page.getByRole("button", { name: "Forget it", disabled: false }).waitFor();
  await hand.hold("press", "PIN>");
  await passTime(page, 100);
  assert.is(await page.locator("dd", { hasText: "4 left" }).count(), 1);
  await page.getByRole("button", { name: "Forget it" }).click();
  await page.getByText("Forgotten").waitFor();
  await page.reload();
  await page.locator("svg.card").waitFor();
  assert.is(await page.getByLabel("Card", { exact: true }).locator("option").count(), 1);
});

/** What the browser stores of the card "mine". */
function keptFlash(page: Page): Promise<string> {
  return page.evaluate(`new Promise((resolve, reject) => {
    const opening = indexedDB.open("dsc");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const asked = opening.result.transaction("cards").objectStore("cards").get("mine");
      asked.onsuccess = () => {
        opening.result.close();
        resolve(String(asked.result));
      };
    };
  })`);
}

inPage("an invalid flash file is refused, and the card stays", async (page) => {
  await script(page).hold("press", "PIN>");
  for (const buffer of [Buffer.alloc(10), Buffer.alloc(4096)]) {
    await page.getByLabel("Open a flash file").setInputFiles({ name: "x.bin", mimeType: "", buffer });
    await page.getByText("That is not the flash of a card.").waitFor();
  }
  await shows(page, "PIN>");
});

packageTest(test, NO_CHROMIUM, "all files together are below 60 KB gzipped, and none is fetched later", async () => {
  const sizes = [...web.site].map(([name, bytes]) => [name, gzipSync(bytes).length] as const);
  const sum = sizes.reduce((all, [, size]) => all + size, 0);
  assert.ok(sum < MOST_BYTES, JSON.stringify([...sizes, ["all", sum]]));
  for (const [name, bytes] of web.site) {
    if (!name.endsWith(".js") || name === "sw.js") continue;
    assert.not.match(
      Buffer.from(bytes).toString("utf8"),
      /\bfetch\(|XMLHttpRequest|import\(|WebSocket|crypto\.subtle/,
      name,
    );
  }
});

packageTest(test, NO_CHROMIUM, "each page allows only its own files", () => {
  for (const name of ["index.html", "card.html", "embed.html"]) {
    const [, policy] = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(text(name)) ?? [];
    const rules = new Map(policy?.split("; ").map((rule) => [rule.split(" ")[0], rule.split(" ").slice(1).join(" ")]));
    assert.is(rules.get("default-src"), "'none'", name);
    assert.match(rules.get("script-src") ?? "", /^'self'( 'wasm-unsafe-eval')?$/, name);
    for (const sources of rules.values()) assert.match(sources, /^('none'|'self'( 'wasm-unsafe-eval')?)$/, name);
    assert.not.match(text(name), /<style|<script(?! src="[a-z]+\.js" defer><\/script>)|\son\w+=|https?:/, name);
  }
});

packageTest(test, NO_CHROMIUM, "two builds of the same sources are the same bytes", async () => {
  for (const [name, bytes] of await bundle()) assert.equal(bytes, web.site.get(name), name);
});

packageTest(test, NO_CHROMIUM, "a login works over plain HTTP, where the browser has no cryptography", async () => {
  const { page, complaints } = await openStanding(web.browser, web.serving.url.replace("127.0.0.1", "card.test"));
  try {
    assert.is(await page.evaluate("isSecureContext || crypto.subtle !== undefined"), false);
    await logIn(page, script(page));
    assert.equal(complaints, []);
  } finally {
    await page.context().close();
  }
});

packageTest(test, NO_CHROMIUM, "the page and the card alone work from the disk", async () => {
  const folder = scratchFolder();
  for (const [name, bytes] of web.site) writeFileSync(join(folder, name), bytes);
  const { page, complaints, requests } = await openStanding(web.browser, pathToFileURL(join(folder, "card.html")).href);
  try {
    await openCard(page, script(page));
    await page.goto(pathToFileURL(join(folder, "index.html")).href);
    await begins(page);
    await logIn(page, script(page));
    assert.equal(complaints, []);
    for (const address of requests) assert.match(address, /^file:/);
  } finally {
    await page.context().close();
  }
});

function text(name: string): string {
  return Buffer.from(web.site.get(name) as Uint8Array).toString("utf8");
}

test.run();
