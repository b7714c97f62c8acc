// The card in a page, operated as by a person. Each step waits for its screen.

import type { Page } from "playwright-core";
import type { KeyName } from "../../sim/core/card.js";
import { DEMO } from "../../sim/session/demo.js";
import { type Place, until } from "./pagetime.js";

/** A key of the card. */
export function keyOf(place: Place, key: KeyName) {
  return place.locator(`[data-key="${key}"]`);
}

/** Waits until the screen shows a text. */
export async function shows(place: Place, display: string): Promise<void> {
  await until(place, `svg[data-display="${display}"]`);
}

/** Waits for eight digits on the screen and returns them. */
export async function digitsShown(place: Place): Promise<string> {
  await until(place, "svg:is([data-state=RESPONSE], [data-state=LOCK_CODE])");
  return (await place.locator("svg.card").getAttribute("data-display")) as string;
}

/** A way to press keys: it holds PRESS until the screen shows a text, and types digits. */
export interface Hand {
  hold(key: KeyName, display: string): Promise<void>;
  press(...keys: KeyName[]): Promise<void>;
}

/** A real mouse, moved to where the key is: playwright's own click waits two frames for each key, in case it moves. */
export function mouse(page: Page): Hand {
  const aim = async (key: KeyName) => {
    const { x, y } = await middleOf(page, key);
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
  return {
    async hold(key, display) {
      await touch("touchStart", [await middleOf(page, key)]);
      await shows(page, display);
      await touch("touchEnd", []);
    },
    async press(...keys) {
      for (const key of keys) {
        await touch("touchStart", [await middleOf(page, key)]);
        await touch("touchEnd", []);
      }
    },
  };
}

/** The centre of a key, after scrolling it into view. */
function middleOf(page: Page, key: KeyName): Promise<{ x: number; y: number }> {
  return page.evaluate(`(() => {
    const key = document.querySelector('[data-key="${key}"]');
    key.scrollIntoView({ block: "nearest" });
    const { x, y, width, height } = key.getBoundingClientRect();
    return { x: x + width / 2, y: y + height / 2 };
  })()`);
}

/** The keyboard alone: Tab to the card's first key, then letters and digits. */
export function keyboard(page: Page): Hand {
  const reachCard = async () => {
    const onCard = () => page.evaluate("document.activeElement.closest('svg.card') !== null");
    while (!(await onCard())) await page.keyboard.press("Shift+Tab");
  };
  return {
    async hold(key, display) {
      await reachCard();
      await page.keyboard.down(letterOf(key));
      await shows(page, display);
      await page.keyboard.up(letterOf(key));
    },
    async press(...keys) {
      await reachCard();
      await page.keyboard.type(keys.map(letterOf).join(""));
    },
  };
}

/**
 * Keys of a keyboard whose events are made in the page, many in one call, for tests of what follows a key: real events
 * cost a browser far more time than the card does. No tap becomes a hold, however busy the machine is.
 */
export function script(place: Place): Hand {
  const send = async (...events: { readonly type: "keydown" | "keyup"; readonly key: string }[]) => {
    await place.evaluate(`for (const { type, key } of ${JSON.stringify(events)})
      document.querySelector("svg.card").dispatchEvent(new KeyboardEvent(type, { key, code: key, bubbles: true }))`);
  };
  const down = (key: KeyName) => ({ type: "keydown", key: letterOf(key) }) as const;
  const up = (key: KeyName) => ({ type: "keyup", key: letterOf(key) }) as const;
  return {
    async hold(key, display) {
      await send(down(key));
      await shows(place, display);
      await send(up(key));
    },
    press: (...keys) => send(...keys.flatMap((key) => [down(key), up(key)])),
  };
}

/** The key of the keyboard that is a key of the card while the card has the focus. */
function letterOf(key: KeyName): string {
  return key === "press" ? "p" : key === "ok" ? "o" : key;
}

/** Types digits and OK. */
export function enter(hand: Hand, digits: string): Promise<void> {
  return hand.press(...([...digits] as KeyName[]), "ok");
}

/** From a card that is off to its challenge. */
export async function openCard(place: Place, hand: Hand, pin = DEMO.pin): Promise<void> {
  await hand.hold("press", "PIN>");
  await enter(hand, pin);
  await shows(place, "CHALLNG>");
}
