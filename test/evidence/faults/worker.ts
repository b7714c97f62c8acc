// A thread of the faults campaign: tries the faults of one scenario after the other, on request.

import { parentPort } from "node:worker_threads";
import { released } from "./instrument.js";
import { SCENARIOS, type Scenario } from "./scenarios.js";
import { newTally, type Plan, type Tally, tryFaults } from "./tally.js";
import { Trial } from "./trial.js";

/** The request to a thread. It answers with a Tally. */
export interface Order {
  readonly scenario: string;
  readonly plan: Plan;
}

const instrumented = await released();

parentPort?.on("message", ({ scenario, plan }: Order) => {
  const tally: Tally = newTally();
  const chosen = SCENARIOS.find(({ name }) => name === scenario) as Scenario;
  tryFaults(new Trial(instrumented, chosen), instrumented, plan, tally);
  parentPort?.postMessage(tally);
});
