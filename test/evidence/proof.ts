// Campaign proof: the count of tries, for every content of flash, and every operation that writes flash, for every one that
// satisfies the invariant, proved on the released module (docs/PROOF.md); and mutants of the module, each refuted.
//
// Two processes prove pieces until none is left. The queries to the solver are kept as SMT-LIB files in build/proof,
// for another solver. Ids are those of the pieces, such as pin/2/17, and of mutants, such as mutant/3.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { BUILD } from "../../host-tools/files/project.js";
import { PROOF_SOURCE_MUTANTS, type ProofSourceMutant } from "../mutants/proof.js";
import { type Firmware, loadFirmware } from "../proof/firmware.js";
import { NOTHING, sum } from "../proof/goals.js";
import { PROOF_MUTANTS } from "../proof/mutants.js";
import { type Kind, OPERATIONS } from "../proof/operations.js";
import { ASSUMPTIONS, pieces } from "../proof/proof.js";
import { compareAll } from "../proof/trials.js";
import { BEFORE_OPERATIONS, callsOf, strangeCalls } from "../proof/writers.js";
import type { Campaign, Failure, Options, Result } from "./campaign.js";
import type { Answer, Order } from "./proof/worker.js";

const PROCESSES = 2;
const QUERIES = join(BUILD, "proof");
/** Runs of each function in V8 and in the executor. */
const COMPARISONS = { usual: 12, long: 200 };
const EXECUTOR = "executor";
const WRITERS = "writers";

export const PROOF: Campaign = {
  name: "proof",
  title: "on the released module: every operation that writes flash keeps the invariant, wherever power fails",
  run,
};

interface Done {
  readonly id: string;
  readonly order: Order;
  readonly answer: Answer;
}

async function run({ long, only, log }: Options): Promise<Result> {
  const wanted = (id: string) => only === undefined || only === id;
  const failures: Failure[] = [];
  const firmware = loadFirmware();
  const compared = wanted(EXECUTOR) ? compareAll(firmware, long ? COMPARISONS.long : COMPARISONS.usual) : undefined;
  for (const what of compared?.differences.slice(0, 3) ?? []) failures.push({ id: EXECUTOR, what });
  for (const what of wanted(WRITERS) ? strangeCalls(firmware) : []) failures.push({ id: WRITERS, what });
  rmSync(QUERIES, { recursive: true, force: true });
  const orders = [...ordersOf(long || only !== undefined)].filter(([id]) => wanted(id));
  if (only !== undefined && orders.length === 0 && ![EXECUTOR, WRITERS].includes(only))
    failures.push({ id: only, what: "no piece has this id" });
  const done = await inProcesses(orders, log);
  for (const one of done) {
    const what = wrongIn(one);
    if (what) failures.push({ id: one.id, what });
  }
  if (only === undefined) for (const what of missingIn(firmware, done)) failures.push({ id: WRITERS, what });
  for (const assumption of ASSUMPTIONS) log(`assumed: ${assumption}`);
  const total = sum(done.map(({ answer }) => ({ ...NOTHING, ...answer.verdict })));
  if (only !== undefined) for (const name of total.unreachable) log(`cannot be taken: ${name}`);
  const refuted = done.filter(({ order, answer }) => order.kind === "mutant" && answer.broken);
  return {
    failures,
    figures: [
      { name: "proof_cases", value: done.filter(({ order }) => order.kind === "piece").length, unit: "pieces" },
      { name: "proof_goals", value: total.goals, unit: "goals" },
      { name: "proof_by_rewriting", value: total.byRewriting, unit: "goals decided by rewriting" },
      { name: "proof_by_solver", value: total.bySolver, unit: "goals decided by the solver" },
      { name: "proof_queries", value: total.queries, unit: "queries to the solver" },
      { name: "proof_paths", value: total.reachable, unit: "paths that can be taken" },
      { name: "proof_paths_not", value: total.unreachable.length, unit: "paths that cannot be taken" },
      { name: "proof_assumptions", value: ASSUMPTIONS.length, unit: "assumptions" },
      { name: "proof_mutants", value: PROOF_MUTANTS.length, unit: "mutants" },
      {
        name: "proof_mutants_refuted",
        value: refuted.length,
        unit: "mutants refuted by a counterexample that breaks a promise",
      },
      { name: "proof_firmware_mutants", value: PROOF_SOURCE_MUTANTS.length, unit: "mutants of the firmware" },
      { name: "proof_runs_compared", value: compared?.runs ?? 0, unit: "runs compared with V8" },
      { name: "proof_instructions", value: compared?.steps ?? 0, unit: "instructions in them" },
    ],
  };
}

function* ordersOf(isWhole: boolean): Generator<[id: string, order: Order]> {
  for (const { id } of pieces(isWhole)) yield [id, { kind: "piece", id, folder: QUERIES }];
  for (const number of PROOF_MUTANTS.keys()) yield [`mutant/${number}`, { kind: "mutant", number }];
  for (const number of PROOF_SOURCE_MUTANTS.keys()) yield [`firmware/${number}`, { kind: "source", number }];
}

/** What is wrong with an answer; undefined if it is right. */
function wrongIn({ order, answer }: Done): string | undefined {
  if (answer.error) return answer.error;
  if (order.kind === "piece") {
    if (answer.refuted.length > 0) return `does not hold: ${answer.refuted[0]}`;
    const { reachable = 0, unreachable = [] } = answer.verdict ?? {};
    if (reachable === 0) return "no path can be taken: nothing is proved";
    const expected = kindOf(order.id)?.impossible ?? [];
    const isExpected =
      new Set(unreachable).size === unreachable.length && unreachable.every((one) => expected.includes(one));
    return isExpected ? undefined : `paths that cannot be taken: ${unreachable.join("; ")}`;
  }
  if (order.kind === "source") {
    const { breaks, says } = PROOF_SOURCE_MUTANTS[order.number] as ProofSourceMutant;
    const [said = "nothing"] = answer.refuted;
    return says.test(said) ? undefined : `not refuted: ${breaks}: ${said}`;
  }
  const mutant = PROOF_MUTANTS[order.number];
  if (mutant?.equivalent) return answer.broken ? `not equivalent: ${answer.broken}` : undefined;
  return answer.broken ? undefined : `not refuted: ${mutant?.breaks}`;
}

/** What no piece reached: results of operations, and calls into the functions that write flash. */
function missingIn(firmware: Firmware, done: readonly Done[]): readonly string[] {
  const verdicts = done.filter(({ order }) => order.kind === "piece").map(({ answer }) => answer.verdict);
  const results = Object.entries(OPERATIONS).flatMap(([name, { ends }]) => {
    const found = new Set(done.flatMap(({ id, answer }) => (nameOf(id) === name ? (answer.verdict?.ends ?? []) : [])));
    return ends.filter((end) => !found.has(end)).map((end) => `${name} never ends with ${end}`);
  });
  const executed = new Set(verdicts.flatMap((verdict) => verdict?.calls ?? []));
  const calls = [...callsOf(firmware).values()].filter((name) => !executed.has(name));
  const missing = calls.filter((name) => !BEFORE_OPERATIONS.includes(name)).map((name) => `no operation: ${name}`);
  return [...results, ...missing];
}

function nameOf(id: string): string {
  return id.split("/")[0] as string;
}

function kindOf(id: string): Kind | undefined {
  return OPERATIONS[nameOf(id)];
}

/** Has all orders done by processes. Returns the result of each. */
async function inProcesses(
  orders: readonly (readonly [string, Order])[],
  log: (line: string) => void,
): Promise<readonly Done[]> {
  const queue = [...orders];
  const done: Done[] = [];
  const work = async () => {
    if (queue.length === 0) return;
    const child = fork(new URL("./proof/worker.js", import.meta.url));
    try {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const [id, order] = next;
        done.push({ id, order, answer: await answerOf(child, order) });
        if (done.length % 50 === 0) log(`${done.length} of ${orders.length}`);
      }
    } finally {
      child.kill("SIGKILL");
    }
  };
  await Promise.all(Array.from({ length: Math.min(PROCESSES, orders.length) }, work));
  return done;
}

async function answerOf(child: ChildProcess, order: Order): Promise<Answer> {
  const ended = new AbortController();
  child.once("exit", () => ended.abort());
  child.send(order);
  try {
    const [answer] = (await once(child, "message", { signal: ended.signal })) as [Answer];
    return answer;
  } catch {
    throw new Error("a process of the proof ended before it answered");
  } finally {
    child.removeAllListeners("exit");
  }
}
