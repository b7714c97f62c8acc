// The picture of the card is well-formed, shows each character by its own segments, and contains only shapes and text.

import { DOMParser } from "@xmldom/xmldom";
import * as assert from "uvu/assert";
import { KEYS, type KeyName } from "../../../sim/core/card.js";
import { SEGMENTS } from "../../../sim/drawing/characters.js";
import { cardPicture, type Shown } from "../../../sim/drawing/svg.js";
import { suite } from "../../support/suite.js";

const test = suite("picture of the card");

const ALL_SEGMENTS = "abcdefgGhijklm";

function parsed(shown: Shown) {
  const errors: string[] = [];
  const parser = new DOMParser({ onError: (_, message) => errors.push(message) });
  const { documentElement } = parser.parseFromString(cardPicture(shown), "image/svg+xml");
  assert.equal(errors, []);
  assert.ok(documentElement);
  return documentElement as NonNullable<typeof documentElement>;
}

/** The strokes in dark and in light: segments that are lit, and those that are not. */
function strokes(shown: Shown): [lit: number, unlit: number] {
  const paths = [...parsed(shown).getElementsByTagName("path")];
  const count = (at: number) => (paths[at]?.getAttribute("d") ?? "").split("M").length - 1;
  return paths.length === 1 ? [0, count(0)] : [count(1), count(0)];
}

test("each character lights the segments of its table, and no others", () => {
  for (const [char, lit] of Object.entries(SEGMENTS)) {
    assert.equal(strokes({ on: true, display: char }), [lit.length, 8 * ALL_SEGMENTS.length - lit.length], char);
    for (const segment of lit) assert.ok(ALL_SEGMENTS.includes(segment), `${char}: ${segment}`);
  }
});

test("no two characters look the same, except O and 0", () => {
  const looks = new Map<string, string>();
  for (const char of Object.keys(SEGMENTS)) {
    const { documentElement } = { documentElement: parsed({ on: true, display: char }) };
    const look = [...documentElement.getElementsByTagName("path")].map((path) => path.getAttribute("d")).join("|");
    const same = looks.get(look);
    if (same !== undefined) assert.ok(["0O", "5S"].includes(`${same}${char}`), `${same} ${char}`);
    looks.set(look, char);
  }
});

test("the text of every screen can be read out", () => {
  for (const display of ["PIN>****", "12345678", "", `<&>"'`]) {
    const [title] = [...parsed({ on: true, display }).getElementsByTagName("title")];
    assert.is(title?.textContent, `Digital Security Card+: the screen shows ${display || "nothing"}`);
  }
  const [off] = [...parsed({ on: false, display: "" }).getElementsByTagName("title")];
  assert.is(off?.textContent, "Digital Security Card+: off");
});

test("each key appears once, and a pressed one looks different", () => {
  const labels = (down: ReadonlySet<KeyName>) => {
    const texts = [...parsed({ on: true, display: "", down }).getElementsByTagName("text")];
    return new Map(texts.map((text) => [text.textContent, text.getAttribute("fill")]));
  };
  const up = labels(new Set());
  assert.is(up.size, KEYS.length + 1);
  for (const key of KEYS) {
    const label = key.toUpperCase();
    const down = labels(new Set([key]));
    assert.is.not(down.get(label), up.get(label), key);
    const others = [...up.keys()].filter((name) => name !== label);
    for (const other of others) assert.is(down.get(other), up.get(other), `${key}: ${other}`);
  }
});

test("the picture has shapes and text only: no style, no script, nothing that is loaded", () => {
  const names = new Set(
    [...parsed({ on: true, display: "PIN>" }).getElementsByTagName("*")].map(({ tagName }) => tagName),
  );
  assert.equal([...names].sort(), ["path", "rect", "text", "title"]);
  assert.not.match(cardPicture({ on: true, display: "PIN>" }).replace(/xmlns="[^"]*"/, ""), /style|href|url\(|http/);
});

test.run();
