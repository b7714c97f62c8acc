// The animated picture of a login: each step shows the screen of that moment.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DOMParser } from "@xmldom/xmldom";
import * as assert from "uvu/assert";
import { ROOT } from "../../host-tools/files/project.js";
import { suite } from "../support/suite.js";
import type { Cell } from "../support/terminal.js";
import { drawFrames } from "./terminal.js";

const test = suite("moving picture of the terminal");

const SECONDS = 2;

function frame(text: string): { rows: Cell[][]; seconds: number } {
  const row = [...text].map((char): Cell => ({ char, fg: undefined, bg: undefined, bold: false }));
  return { rows: [row], seconds: SECONDS };
}

/** The words of a picture with the class of their group; "" for none. */
function wordsIn(svg: string): [word: string, group: string][] {
  const document = new DOMParser().parseFromString(svg, "image/svg+xml");
  return Array.from(document.getElementsByTagName("text"), (text) => [
    text.textContent ?? "",
    (text.parentNode as unknown as { getAttribute(name: string): string | null }).getAttribute("class") ?? "",
  ]);
}

test("a word is shown exactly in the steps that have it", () => {
  const svg = drawFrames(["card off", "card PIN>", "card PIN>", "card off"].map(frame));
  const words = new Map(wordsIn(svg).map(([word, group]) => [`${word} ${group}`, word]));
  assert.equal([...words.keys()].sort(), ["PIN> from1to3 gone", "card ", "off from0to1 gone", "off from3to4"]);
  assert.match(svg, "@keyframes from1to3{0%{visibility:hidden}25.00%{visibility:visible}75.00%{visibility:hidden}}");
  assert.match(svg, ".from1to3{animation:from1to3 8s step-end infinite}");
});

test("a reader who prefers no motion sees the last step", () => {
  const svg = drawFrames([frame("off"), frame("on")]);
  assert.equal(wordsIn(svg), [
    ["off", "from0to1 gone"],
    ["on", "from1to2"],
  ]);
  const [still, moving] = svg.split("@media (prefers-reduced-motion:no-preference){") as [string, string];
  assert.match(still, ".gone{visibility:hidden}");
  assert.not.match(still, "animation");
  assert.match(moving, "animation");
});

test("docs/terminal.svg shows a login from a card that is off to the site's welcome", () => {
  const words = wordsIn(readFileSync(join(ROOT, "docs", "terminal.svg"), "utf8")).map(([word]) => word);
  const at = ["OFF", "PIN>", "PIN>****", "CHALLNG>", "Welcome,"].map((word) => words.indexOf(word));
  assert.ok(
    at.every((place) => place >= 0),
    at.join(),
  );
});

test.run();
