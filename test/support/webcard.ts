// The card in a page, as a person uses it. Each step waits for the screen that it leads to.

import type { Frame, Page } from "playwright-core";
import type { KeyName } from "../../sim/core/card.js";
import { DEMO } from "../../sim/session/demo.js";

type Place = Page | Frame;

/** The time that may pass in a page before the screen must show the expected text, and its steps, in ms. */
const LONGEST = 40_000;
const STEP = 500;
/** Pages whose time stands still but for what a test lets pass. */
const paused = new WeakSet<Place>();

/**
 * From now on the page's time passes only while a test waits for a screen, so that no test depends on the machine's
 * speed.
 */
export async function pauseTime(page: Page): Promise<void> {
  await page.clock.pauseAt(Date.now() + 60_000);
  paused.add(page);
}

/** A key of the card. */
export function keyOf(place: Place, key: KeyName) {
  return place.locator(`[data-key="${key}"]`);
}

/** Waits until the screen shows a text. */
export async function shows(place: Place, display: string): Promise<void> {
  await until(place, `svg[data-display="${display}"]`);
}

/** Waits for an element, and lets the page's time pass meanwhile where it stands still. */
async function until(place: Place, selector: string): Promise<void> {
  if (!paused.has(place)) return place.locator(selector).waitFor();
  const { clock } = place as Page;
  for (let passed = 0; (await place.locator(selector).count()) === 0; passed += STEP) {
    if (passed > LONGEST) throw new Error(`${selector}: not in ${LONGEST} ms`);
    // Timers and the next frame come once, whatever was missed: to draw each frame of the time would cost more than the rest.
    await clock.fastForward(STEP);
  }
}

/** Waits for eight digits on the screen and returns them. */
export async function digitsShown(place: Place): Promise<string> {
  await until(place, "svg:is([data-state=RESPONSE], [data-state=LOCK_CODE])");
  return (await place.locator("svg.card").getAttribute("data-display")) as string;
}

/** Three ways to press a key: each holds PRESS until the screen shows a text, and types digits. */
export interface Hand {
  hold(key: KeyName, display: string): Promise<void>;
  press(...keys: KeyName[]): Promise<void>;
}

/** A real mouse, moved to where the key is: playwright's own click waits two frames for each key, in case it moves. */
export function mouse(page: Page): Hand {
  const aim = async (key: KeyName) => {
    const { x, y } = (await page.evaluate(`(() => {
      const key = document.querySelector('[data-key="${key}"]');
      key.scrollIntoView({ block: "nearest" });
      const { x, y, width, height } = key.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    })()`)) as { x: number; y: number };
    await page.mouse.move(x, y);
  };
  return {
    async hold(key, display) {
      await aim(key);
      await page.mouse.down();
      await shows(page, display);
      await page.mouse.up();
    },
    async press(...keys) {
      for (const key of keys) {
        await aim(key);
        await page.mouse.down();
        await page.mouse.up();
      }
    },
  };
}

/** Fingers, by the browser's own protocol, since playwright's tap cannot hold. */
export async function fingers(page: Page): Promise<Hand> {
  const session = await page.context().newCDPSession(page);
  const touch = (type: "touchStart" | "touchEnd", points: { x: number; y: number }[]) =>
    session.send("Input.dispatchTouchEvent", { type, touchPoints: points });
  const middle = async (key: KeyName) => {
    await keyOf(page, key).scrollIntoViewIfNeeded();
    const box = (await keyOf(page, key).boundingBox()) as { x: number; y: number; width: number; height: number };
    return [{ x: box.x + box.width / 2, y: box.y + box.height / 2 }];
  };
  return {
    async hold(key, display) {
      await touch("touchStart", await middle(key));
      await shows(page, display);
      await touch("touchEnd", []);
    },
    async press(...keys) {
      for (const key of keys) {
        await touch("touchStart", await middle(key));
        await touch("touchEnd", []);
      }
    },
  };
}

/** The keyboard alone: Tab to the card's first key, then letters and digits. */
export function keyboard(page: Page): Hand {
  const code = (key: KeyName) => (key === "press" ? "p" : key === "ok" ? "o" : key);
  const reachCard = async () => {
    const onCard = () => page.evaluate("document.activeElement.closest('svg.card') !== null");
    while (!(await onCard())) await page.keyboard.press("Shift+Tab");
  };
  return {
    async hold(key, display) {
      await reachCard();
      await page.keyboard.down(code(key));
      await shows(page, display);
      await page.keyboard.up(code(key));
    },
    async press(...keys) {
      await reachCard();
      await page.keyboard.type(keys.map(code).join(""));
    },
  };
}

/** Types digits and OK. */
export function enter(hand: Hand, digits: string): Promise<void> {
  return hand.press(...([...digits] as KeyName[]), "ok");
}

/** From a card that is off to its challenge. */
export async function openCard(page: Page, hand: Hand, pin = DEMO.pin): Promise<void> {
  await hand.hold("press", "PIN>");
  await enter(hand, pin);
  await shows(page, "CHALLNG>");
}
