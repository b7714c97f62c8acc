// The card in Firefox: a login by mouse.

import * as assert from "uvu/assert";
import { DEMO } from "../../../sim/session/demo.js";
import { bundle } from "../../../sim/webbuilder/bundle.js";
import { serve } from "../../../sim/webbuilder/server.js";
import { Firefox, NO_FIREFOX } from "../../support/firefox.js";
import { packageTest } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";
import { enter } from "../../support/webcard.js";

const test = suite("card in Firefox");

packageTest(test, NO_FIREFOX, "a login works by mouse", async () => {
  const serving = await serve(await bundle());
  const firefox = await Firefox.start();
  try {
    await firefox.command("WebDriver:Navigate", { url: serving.url });
    const shown = 'document.querySelector("svg.card").dataset';
    await firefox.until('document.querySelector("svg.card") !== null');
    const hand = firefox.mouse;
    await hand.hold("press", "PIN>");
    await enter(hand, DEMO.pin);
    await firefox.until(`${shown}.display === "CHALLNG>"`);
    await firefox.use("#user", "demo");
    await firefox.use("#password", "demo");
    await firefox.use("#password", "\uE007");
    await firefox.until('document.querySelector("#challenge").textContent !== ""');
    await enter(hand, (await firefox.evaluate('document.querySelector("#challenge").textContent')) as string);
    await firefox.until(`${shown}.state === "RESPONSE"`);
    await firefox.use("#response", (await firefox.evaluate(`${shown}.display`)) as string);
    await firefox.use("#response", "\uE007");
    await firefox.until('document.querySelector("[data-outcome=welcome]") !== null');
    assert.is(await firefox.evaluate('document.querySelector("[data-outcome=welcome]").textContent'), "Welcome, demo!");
  } finally {
    await firefox.close();
    await serving.close();
  }
});

test.run();
