// Checks every cell of the table of a port at work on a batch, against rules that are written independently here.

import * as assert from "uvu/assert";
import {
  EVENTS,
  type Event,
  isOver,
  MOST_FAILURES,
  type Port,
  START,
  STATES,
  type State,
  step,
  TABLE,
} from "../../../../host-tools/desk/batch/portmachine.js";
import { atLeast } from "../../../support/atleast.js";
import { suite } from "../../../support/suite.js";

const test = suite("port machine");

/** The states with a card. */
const WITH_CARD: readonly State[] = ["asking", "seeding", "done", "refused", "waiting"];
const OVER: readonly State[] = ["stopped", "ended"];

/** The action of each state, whatever event led to it. */
const WORK: Record<State, string> = {
  away: "open",
  empty: "look",
  asking: "ask",
  seeding: "seed",
  done: "take out",
  refused: "take out",
  waiting: "wait",
  stopped: "close",
  ended: "close",
};

/** The state that must follow, by the meaning of the event; undefined: it cannot happen there, and changes nothing. */
function following(state: State, event: Event): State | undefined {
  if (OVER.includes(state)) return undefined;
  if (event === "end") return "ended";
  // The seeding of a card is finished in any case.
  if (event === "complete") return state === "seeding" ? undefined : "ended";
  if (event === "lost") return state === "away" ? undefined : "away";
  if (event === "opened") return state === "away" ? "empty" : undefined;
  if (event === "card") return state === "empty" ? "asking" : undefined;
  // A dead card is noticed when a port looks at a card; a third failure is possible wherever a failure is.
  if (event === "dead") return state === "empty" || state === "asking" ? "refused" : undefined;
  if (event === "third") return ["empty", "asking", "seeding"].includes(state) ? "stopped" : undefined;
  if (event === "gone") return WITH_CARD.includes(state) ? "empty" : undefined;
  if (event === "swapped") return WITH_CARD.includes(state) ? "asking" : undefined;
  if (event === "again") return state === "waiting" ? "asking" : undefined;
  const answers: Partial<Record<Event, State>> = { row: "seeding", known: "done", foreign: "refused", none: "waiting" };
  if (answers[event]) return state === "asking" ? answers[event] : undefined;
  const ends: Partial<Record<Event, State>> = { seeded: "done", failed: "refused" };
  return state === "seeding" ? ends[event] : undefined;
}

test("every cell of the table has its action and its next state", () => {
  let cells = 0;
  for (const state of STATES)
    for (const event of EVENTS) {
      const [action, next] = TABLE[state][event];
      const wanted = following(state, event);
      assert.is(next, wanted ?? state, `${state}, ${event}`);
      assert.is(action, wanted === undefined ? "go on" : WORK[next], `${state}, ${event}`);
      cells++;
    }
  assert.is(cells, Object.keys(WORK).length * EVENTS.length);
});

test("a card is written only after the register gave a row for that card", () => {
  const seeds = STATES.flatMap((state) =>
    EVENTS.filter((event) => TABLE[state][event][0] === "seed").map((event) => [state, event]),
  );
  assert.equal(seeds, [["asking", "row"]]);
});

/** A port in some state. */
const at = (state: State, failures = 0): Port => ({ state, action: "look", failures });

test("three failures in a row stop a port, and a finished card resets the count", () => {
  for (const failure of ["failed", "gone", "swapped", "lost"] as const) {
    let port = at("seeding");
    for (let count = 1; count < MOST_FAILURES; count++) {
      port = step({ ...port, state: "seeding" }, failure);
      assert.not.ok(isOver(port), failure);
    }
    assert.is(step({ ...port, state: "seeding" }, "seeded").failures, 0);
    assert.is(step({ ...port, state: "seeding" }, failure).state, "stopped", failure);
  }
  assert.is(step(at("empty", MOST_FAILURES - 1), "dead").state, "stopped");
  assert.is(step(at("asking", MOST_FAILURES - 1), "dead").state, "stopped");
});

test("events that are no failure of a port or a card are not counted", () => {
  for (const state of STATES)
    for (const event of atLeast(
      9,
      EVENTS.filter((each) => each !== "dead"),
    )) {
      const before = at(state, 2);
      const after = step(before, event);
      const counts = state === "seeding" && ["failed", "gone", "swapped", "lost"].includes(event);
      assert.is(after.failures, counts ? 3 : event === "seeded" ? 0 : 2, `${state}, ${event}`);
    }
});

test("every state can be reached from the start, and the end from every state", () => {
  const reached = new Set<State>([START.state]);
  for (let size = 0; size < reached.size; ) {
    size = reached.size;
    for (const state of [...reached]) for (const event of EVENTS) reached.add(TABLE[state][event][1]);
  }
  assert.equal([...reached].sort(), [...STATES].sort());
  for (const state of STATES.filter((each) => !OVER.includes(each))) assert.is(step(at(state), "end").state, "ended");
});

test("an event without a new action keeps the current one", () => {
  const port: Port = { state: "seeding", action: "seed", failures: 1 };
  assert.equal(step(port, "complete"), port);
});

test.run();
