// The terminal's pictures are those of test/golden/, and each screen shows what docs/CARD.md says.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { ROOT } from "../../host-tools/files/project.js";
import { suite } from "../support/suite.js";
import { pictureOf, pictures, SCREENS } from "./pictures.js";

const FOLDER = join(ROOT, "test", "golden");

const test = suite("golden screens");

test("each screen shows what its name says", () => {
  for (const [name, screen] of Object.entries(SCREENS)) {
    const { display } = pictureOf(screen).card;
    if (screen.shows instanceof RegExp) assert.match(display, screen.shows, name);
    else assert.is(display, screen.shows, name);
  }
});

test("the terminal draws the recorded screens; `npm run golden` records them anew", () => {
  const drawn = pictures();
  assert.equal(
    readdirSync(FOLDER)
      .filter((name) => name.endsWith(".txt"))
      .sort(),
    [...drawn.keys()].sort(),
  );
  for (const [name, picture] of drawn) assert.fixture(picture, readFileSync(join(FOLDER, name), "utf8"), name);
});

test("a picture fits its terminal, and is ASCII if the terminal is", () => {
  for (const [name, picture] of pictures()) {
    const lines = picture.split("\n").slice(0, -1);
    const [, columns = 80, rows = 24] = (/(\d+)x(\d+)/.exec(name) ?? []).map(Number);
    assert.is(lines.length, rows, name);
    for (const line of lines) assert.ok(line.length <= columns, name);
    if (name.includes("ascii")) assert.match(picture, /^[\n -~]*$/, name);
  }
});

test.run();
