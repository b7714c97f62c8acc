// Two `dsc personalize` at once: on one port, and on one seed file with a card each.
//
// The first is stopped at one of its operations while the second runs, so that each overlap is had on purpose.
//   port:N          the second comes to the port while the first is before operation N
//   late:FLOW       the second has read its files when the first begins, and opens the port when that is done
//   file:append:N   the second adds its card to the file while the first is before operation N
//   crowd:N         N of them at once, nobody stopped

import { argsFor, BLANK, benchOf, brokenPromise, type Flow, SECRETS, SEED_KEY, SERIAL, unfinished } from "./flows.js";
import { lifeOf, recordsIn } from "./keysoncard.js";
import {
  goOn,
  type Launcher,
  type Outcome,
  type SimulatedBench,
  untilStopped,
  untilWaiting,
} from "./simulatedbench.js";

const OTHER = "IB3000124";
const PORT_ERROR = 3;
/** The card is personalized by then, and nobody insisted. */
const CARD_REFUSED = 5;
const FILE_ERROR = 6;
/** The card has new transport keys by then. */
const WRONG_KEYS = 4;
/** How often the second finds the lock taken before the first goes on. */
const LOOKS = 3;

/** What is wrong, in a line; nothing where nothing is. */
export type Verdict = string | undefined;

/** The first ended before its operation, so that the second met nobody. */
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
    return notRefused(second, PORT_ERROR) ?? unfinished(flow, bench);
  } finally {
    bench.close();
  }
}

/** The second decided on what it read before the first did all of its work. */
export async function lateToPort(flow: Flow, launcher?: Launcher): Promise<Verdict> {
  const bench = benchOf(flow.stage, launcher);
  try {
    const second = bench.start(flow.args, { stopAtPort: "PORT" });
    if (!(await untilStopped(second))) return NEVER_MET;
    const first = await bench.run(flow.args);
    goOn(second);
    const refused = notRefused(await second.ended, lateRefusal(flow));
    if (first.code !== 0) return `the first ended with ${first.code}: ${first.stderr}`;
    return refused ?? unfinished(flow, bench);
  } finally {
    bench.close();
  }
}

/** The exit code of whoever comes late: what the card is by then, or, where it may be seeded again, what the file says. */
function lateRefusal({ name, args }: Flow): number {
  if (name === "rekey") return WRONG_KEYS;
  return args.includes("--reseed") ? FILE_ERROR : CARD_REFUSED;
}

/** Both finish, or one is refused in one line; and who finished has its record. */
export async function sameFile(flow: Flow, at: number, launcher?: Launcher, looks = LOOKS): Promise<Verdict> {
  const bench = benchOf(flow.stage, launcher);
  const other = benchOf({ flash: BLANK, files: SECRETS }, launcher);
  try {
    const first = bench.start(flow.args, { stop: [at] });
    if (!(await untilStopped(first))) return NEVER_MET;
    const append = flow.args.includes("--append") ? ["--append"] : [];
    const second = other.start(argsFor(OTHER, bench.at("seeds.xml"), ...append), {});
    await untilWaiting(second, looks);
    goOn(first);
    const outcomes = await Promise.all([first.ended, second.ended]);
    return judge(bench, [
      [bench, SERIAL, outcomes[0]],
      [other, OTHER, outcomes[1]],
    ]);
  } finally {
    bench.close();
    other.close();
  }
}

/** So many at once add their cards to one file, whatever comes first. */
export async function crowd(flow: Flow, count: number, launcher?: Launcher): Promise<Verdict> {
  const desk = benchOf(flow.stage, launcher);
  const benches = Array.from({ length: count }, () => benchOf({ flash: BLANK, files: SECRETS }, launcher));
  try {
    const serials = benches.map((_, index) => `IB30002${String(index).padStart(2, "0")}`);
    const run = (bench: SimulatedBench, index: number) =>
      bench.run(argsFor(serials[index] as string, desk.at("seeds.xml"), "--append"));
    const outcomes = await Promise.all(benches.map(run));
    return judge(
      desk,
      benches.map((bench, index) => [bench, serials[index] as string, outcomes[index] as Outcome] as const),
    );
  } finally {
    for (const bench of [desk, ...benches]) bench.close();
  }
}

/** One line on stderr, besides warnings, and that exit code. */
function notRefused({ code, stderr, stdout }: Outcome, wanted: number): Verdict {
  const lines = stderr
    .trimEnd()
    .split("\n")
    .filter((line) => !line.startsWith("warning: "));
  if (code !== wanted) return `the second ended with ${code}, not ${wanted}: ${lines.join(" | ")}`;
  return lines.length === 1 && stdout === "" ? undefined : `the second said more than a line: ${lines.join(" | ")}`;
}

function judge(desk: SimulatedBench, cards: readonly (readonly [SimulatedBench, string, Outcome])[]): Verdict {
  for (const [bench, serial, outcome] of cards) {
    const wrong = outcome.code === 0 ? notFinished(desk, bench, serial) : notRefused(outcome, FILE_ERROR);
    const broken = brokenPromise(desk, bench.flash, serial);
    if (broken ?? wrong) return `${serial}: ${broken ?? wrong}`;
  }
  return cards.some(([, , { code }]) => code === 0) ? undefined : "nobody finished";
}

function notFinished(desk: SimulatedBench, bench: SimulatedBench, serial: string): Verdict {
  const records = recordsIn(desk.at("seeds.xml"), SEED_KEY).filter((record) => record.serial === serial);
  if (records.length !== 1 || records[0]?.state !== "done") return "the file does not say that the card is done";
  const { life } = lifeOf(bench.flash);
  return life === "personalized" ? undefined : `the card is ${life}`;
}
