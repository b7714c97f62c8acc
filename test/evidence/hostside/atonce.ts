// Two `dsc personalize` at once: on one port, on one register with a card each, and for one serial number.
//
// The first is stopped at one of its frames while the second runs, so that each overlap happens on purpose.
//   port:FLOW:N     the second comes to the port while the first is before operation N
//   late:FLOW       the second has read the register when the first begins, and opens the port when that is done
//   register:N      the second personalizes its card on the same register while the first is before operation N
//   serial:N        the same, and it wants the same serial number for its card
//   crowd:N         N of them at once, each with the next serial number, and none is stopped

import { contentsOf, REGISTER } from "./deskregister.js";
import { argsFor, BLANK, benchOf, brokenPromise, type Flow, notDone, SECRETS, SERIAL, type Verdict } from "./flows.js";
import { lifeOf } from "./keysoncard.js";
import { FIRST_SEED, goOn, type Launcher, type Outcome, type SimulatedBench, untilStopped } from "./simulatedbench.js";

const OTHER = "IB3000124";
const PORT_ERROR = 3;
const FILE_ERROR = 6;

/** The first ended before its operation, so that the two never ran together. */
export const NEVER_MET = "never met";

/** The second is refused in one line, and the first finishes. */
export async function samePort(flow: Flow, at: number, launcher?: Launcher): Promise<Verdict> {
  const bench = benchOf(flow.stage, launcher);
  try {
    const first = bench.start(flow.args, { stop: [at] });
    if (!(await untilStopped(first))) return NEVER_MET;
    const second = await bench.run(flow.args);
    goOn(first);
    const { code, stderr } = await first.ended;
    if (code !== 0) return `the first ended with ${code}: ${stderr}`;
    return notRefused(second, PORT_ERROR) ?? (await flow.unfinished(bench));
  } finally {
    bench.close();
  }
}

/** The second finds the card done, or personalizes it again: either way card and register agree. */
export async function lateToPort(flow: Flow, launcher?: Launcher): Promise<Verdict> {
  const bench = benchOf(flow.stage, launcher);
  try {
    const second = bench.start(flow.args, { stopAtPort: "PORT" });
    if (!(await untilStopped(second))) return NEVER_MET;
    const first = await bench.run(flow.args);
    goOn(second);
    const late = await second.ended;
    if (first.code !== 0) return `the first ended with ${first.code}: ${first.stderr}`;
    if (late.code !== 0) return `the second ended with ${late.code}: ${late.stderr}`;
    return await flow.unfinished(bench);
  } finally {
    bench.close();
  }
}

/** Both finish. */
export async function sameRegister(flow: Flow, at: number, launcher?: Launcher): Promise<Verdict> {
  return meet(flow, at, OTHER, launcher, async (desk, other, [first, second]) => {
    if (first.code !== 0) return `the first ended with ${first.code}: ${first.stderr}`;
    if (second.code !== 0) return `the second ended with ${second.code}: ${second.stderr}`;
    return (await notDone(desk, desk.flash, SERIAL)) ?? (await notDone(desk, other.flash, OTHER));
  });
}

/** One of the two finishes. The other one is refused in one line, and nothing was sent to its card. */
export async function sameSerial(flow: Flow, at: number, launcher?: Launcher): Promise<Verdict> {
  return meet(flow, at, SERIAL, launcher, async (desk, other, [first, second]) => {
    const [winner, card, refused, blank] =
      first.code === 0 ? [first, desk, second, other] : [second, other, first, desk];
    if (winner.code !== 0) return `nobody finished: ${first.stderr}${second.stderr}`;
    const { life } = lifeOf(blank.flash);
    if (life !== "blank") return `the card of the one that was refused is ${life}`;
    return notRefused(refused, FILE_ERROR) ?? (await notDone(desk, card.flash, SERIAL));
  });
}

/** A bench with a blank card that no other bench has. */
function blankBench(number: number, launcher: Launcher | undefined): SimulatedBench {
  return benchOf({ flash: BLANK, files: SECRETS }, launcher, FIRST_SEED + number);
}

type Judge = (desk: SimulatedBench, other: SimulatedBench, outcomes: readonly [Outcome, Outcome]) => Promise<Verdict>;

/** The first is stopped before an operation until the second, with a card of its own, has ended. */
async function meet(
  flow: Flow,
  at: number,
  serial: string,
  launcher: Launcher | undefined,
  judge: Judge,
): Promise<Verdict> {
  const desk = benchOf(flow.stage, launcher);
  const other = blankBench(1, launcher);
  try {
    const first = desk.start(flow.args, { stop: [at] });
    if (!(await untilStopped(first))) return NEVER_MET;
    const second = await other.run(argsFor(desk, "--serial", serial));
    goOn(first);
    const outcomes = [await first.ended, second] as const;
    const broken = await brokenPromise(desk);
    return broken ?? (await brokenPromise(desk, other.flash, serial)) ?? (await judge(desk, other, outcomes));
  } finally {
    desk.close();
    other.close();
  }
}

/** `count` at once on one register: each card gets its own serial number and its own key. */
export async function crowd(flow: Flow, count: number, launcher?: Launcher): Promise<Verdict> {
  const desk = benchOf(flow.stage, launcher);
  const benches = Array.from({ length: count }, (_, at) => blankBench(at + 1, launcher));
  try {
    const outcomes = await Promise.all(benches.map((bench) => bench.run(argsFor(desk, "--next"))));
    const failed = outcomes.find(({ code }) => code !== 0);
    if (failed) return `one ended with ${failed.code}: ${failed.stderr}`;
    const serials = benches.map((bench) => lifeOf(bench.flash).serial);
    if (new Set(serials).size !== count) return `serial numbers were given twice: ${serials.join(", ")}`;
    for (const [at, bench] of benches.entries()) {
      const wrong = await notDone(desk, bench.flash, serials[at] as string);
      if (wrong) return `${serials[at]}: ${wrong}`;
    }
    const { keys } = await contentsOf(desk.at(REGISTER));
    const different = new Set(keys.map(({ key }) => key.toString("hex"))).size;
    return different === keys.length ? undefined : "two cards have one key";
  } finally {
    for (const bench of [desk, ...benches]) bench.close();
  }
}

/** Expects one line on stderr, apart from warnings, and this exit code. */
function notRefused({ code, stderr, stdout }: Outcome, wanted: number): Verdict {
  const lines = stderr
    .trimEnd()
    .split("\n")
    .filter((line) => !line.startsWith("warning: "));
  if (code !== wanted) return `the one that had to be refused ended with ${code}, not ${wanted}: ${lines.join(" | ")}`;
  return lines.length === 1 && stdout === "" ? undefined : `it was refused in more than a line: ${lines.join(" | ")}`;
}
