// Weak PINs: all 10,000 PINs against the rule.

import * as assert from "uvu/assert";
import { isWeakPin } from "../../../host-tools/desk/weakpin.js";
import { suite } from "../../support/suite.js";

const test = suite("weakpin");

const ALL = Array.from({ length: 10_000 }, (_, pin) => String(pin).padStart(4, "0"));

/** The card's rule (docs/CARD.md, "Weak PINs"), written as lists. */
function weakPins(): Set<string> {
  const digits = [..."0123456789"];
  const up = "0123456789012";
  const down = [...up].reverse().join("");
  const runs = [up, down].flatMap((run) => digits.map((_, at) => run.slice(at, at + 4)));
  const hundred = ALL.slice(0, 100).map((pin) => pin.slice(2));
  const years = hundred.flatMap((year) => [`19${year}`, `20${year}`]);
  return new Set([...runs, ...years, ...hundred.map((pair) => pair + pair)]);
}

test("PINs of equal digits, runs, years and repeated pairs are weak, and no others", () => {
  const weak = weakPins();
  assert.is(weak.size, 318);
  for (const pin of ALL) assert.is(isWeakPin(pin), weak.has(pin), pin);
});

test("the examples of weak and good PINs are judged right", () => {
  for (const pin of ["0000", "1234", "9876", "8901", "1098", "1999", "2024", "1212"]) assert.ok(isWeakPin(pin), pin);
  for (const pin of ["4071", "1357", "2112", "1123", "1800"]) assert.not(isWeakPin(pin), pin);
});

test.run();
