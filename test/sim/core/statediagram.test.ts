// The state diagram of docs/CARD.md: it has every state of firmware/wire.ts and every transition of the reference model,
// and no other.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { State } from "../../../firmware/wire.js";
import { ROOT } from "../../../host-tools/files/project.js";
import { walk } from "../../support/modelwalk.js";
import { statesOf, transitionsOf } from "../../support/statediagram.js";
import { suite } from "../../support/suite.js";

const test = suite("state diagram");
const CARD = readFileSync(join(ROOT, "docs", "CARD.md"), "utf8");
const STATES = Object.values(State).filter((name): name is string => typeof name === "string");
/** A walk that reached fewer places has stopped early, so its transitions are incomplete. */
const LEAST_PLACES = 500;

test("the diagram has the states of the firmware", () => {
  assert.equal([...statesOf(CARD)].sort(), [...STATES].sort());
});

test("its arrows are the transitions of the model", () => {
  const { transitions, places } = walk();
  assert.ok(places >= LEAST_PLACES, `the walk came to ${places} places`);
  assert.equal([...transitionsOf(CARD)].sort(), [...transitions].sort());
});

test("its dashed states are those that follow only as a successor", () => {
  const dashed = [...CARD.matchAll(/^ *class (.*) message$/gm)].flatMap(([, names = ""]) => names.split(", "));
  const turnedOff = new Set(
    [...transitionsOf(CARD)].filter((one) => one.endsWith(" to OFF")).map((one) => one.split(" ")[0]),
  );
  const messages = STATES.filter((name) => name !== "OFF" && !turnedOff.has(name));
  // NO_KEY is a message, and off is its successor.
  assert.equal([...new Set(dashed)].sort(), [...messages, "NO_KEY"].sort());
});

test("a diagram is read with its groups and choices, and a line that cannot be parsed is an error", () => {
  const diagram = (...lines: string[]) => ["```mermaid", "stateDiagram-v2", ...lines, "```"].join("\n");
  const read = diagram(
    ...['state "a" as A', 'state "b" as B', 'state "c" as C', "state X <<choice>>", 'state "both" as G'],
    ...["%% G = A B", "[*] --> A", "A --> X : key", "X --> B : odd", "X --> C", "G --> C"],
  );
  assert.equal([...statesOf(read)], ["A", "B", "C"]);
  assert.equal([...transitionsOf(read)].sort(), ["A to B", "A to C", "B to C"]);
  assert.throws(() => transitionsOf(diagram("A -> B")), /A -> B/);
  assert.throws(() => transitionsOf(diagram("A --> B")), /A/);
});

test.run();
