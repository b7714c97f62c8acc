// Writes a finding as a command file, which `dsc-sim run` plays up to the difference, where an `expect` fails.

import { NEVER, State, Tag } from "../../../firmware/wire.js";
import { Flash } from "../../core/flash.js";
import { SILENCE } from "../../core/model/commands.js";
import type { Model } from "../../core/model/model.js";
import { firstFailure } from "../playing.js";
import { Session } from "../session.js";
import { unreadableFlash } from "./beginnings.js";
import { type Comparison, Disagreement, statusExpected } from "./comparison.js";
import { Host } from "./host.js";
import { type Finding, playOf } from "./monkey.js";
import type { PlayOptions } from "./play.js";
import { TAP } from "./steps.js";

/** Ways to make a difference visible that the screen does not show yet, the shortest first. */
type After = (both: Comparison, model: Model) => string[];
const HOLD_PRESS = ["down press", "wait 1000", "up press", "wait 40"];
const PRESS_KEY = 11;

/** The last line if neither screen nor answer shows the difference: the file does not fail. */
const NOTHING_SHOWS = "# neither the screen nor an answer shows it";

/** Whether a command file fails in its last line, and only there, on a card of that module. */
export function shows(module: WebAssembly.Module, lines: readonly string[]): boolean {
  const openFlash = () => new Flash(unreadableFlash());
  return firstFailure({ name: "finding", lines }, new Session({ module, seed: 0, openFlash }))?.line === lines.length;
}

/** The lines of a command file that plays a finding. */
export function scriptOf(module: WebAssembly.Module, finding: Finding, options: PlayOptions = {}): string[] {
  const lines: string[] = [];
  const play = playOf(module, finding, { ...options, onLine: (line) => lines.push(line) });
  try {
    for (const step of finding.steps) play.step(step);
  } catch (error) {
    if (!(error instanceof Disagreement)) throw error;
    if (finding.difference.what === "I14") armCut(lines);
    return [...headOf(finding), ...shortened([...lines, ...expectations(play.both, error)])];
  }
  throw new Error("the finding does not show any more");
}

function headOf({ difference: { what, expected, actual } }: Finding): string[] {
  return [`# ${what}: ${expected} expected,`, `# found: ${actual}`];
}

/** A forbidden write is cut off: a card that writes loses its power there, and does not answer. */
function armCut(lines: string[]): void {
  lines.splice(-1, 0, "cut-at 1 clean");
}

// ---- the lines that fail ----

/** Expectations from the model: the answer, the screen, or the status. */
function expectations(both: Comparison, { difference, models }: Disagreement): string[] {
  const model = models[0] as Model;
  // The card traps in the previous line, which ends the file.
  if (difference.what === "I10") return [];
  return (
    onAnswer(both) ??
    onScreen(both, model) ??
    onStatus(both, model) ??
    onLockCode(both) ??
    (difference.what === "I14" ? onAnswerThatIsCut(both) : undefined) ?? [NOTHING_SHOWS]
  );
}

function onAnswer(both: Comparison): string[] | undefined {
  const pattern = answerExpected(both);
  const last = both.answered || both.answeredBefore;
  return pattern === undefined || new RegExp(pattern).test(last) ? undefined : [`expect-answer /${pattern}/`];
}

/** The card gives the right answer, except that the cut comes before it. */
function onAnswerThatIsCut(both: Comparison): string[] | undefined {
  const pattern = answerExpected(both);
  const isSame = pattern === undefined || new RegExp(pattern).test(both.answeredBefore);
  return isSame ? undefined : [`expect-answer /${pattern}/`];
}

/**
 * The expected last answer, as a regular expression; undefined if the last action was no frame. If the card should be
 * silent, or answer later, that is the previous answer.
 */
function answerExpected({ expected, answeredBefore }: Comparison): string | undefined {
  if (!expected) return undefined;
  if (expected === SILENCE || expected.heldBack) return `^${answeredBefore}$`;
  const words = expected.sw.map((one) => one.toString(16).padStart(4, "0"));
  const sw = words.length > 0 ? `(${words.join("|")})` : "";
  const data = expected.data && !expected.secured ? Buffer.from(expected.data).toString("hex") : ".*";
  return `^${data}${sw}$`;
}

function onScreen(both: Comparison, model: Model): string[] | undefined {
  for (const after of AFTER) {
    const lines = after(both, model);
    if (lines.includes(`wait ${NEVER}`)) continue;
    const shown = displayAfter(model, lines);
    if (shown !== undefined && shown !== cardAfter(both, lines)) return [...lines, `expect ${shown}`.trim()];
  }
  return undefined;
}

/** A lock code that is wrong. */
function onLockCode({ card }: Comparison): string[] | undefined {
  return card.state === State[State.LOCK_CODE] ? [`expect /^(?!${card.display})/`] : undefined;
}

/** GET DATA DF20 alone, after a SELECT that closes a channel. */
function onStatus({ status }: Comparison, model: Model): string[] | undefined {
  const host = new Host();
  const select = host.command({ ins: "SELECT", application: "default" }, model.kept, "plain");
  const ask = host.command({ ins: "GET_DATA", tag: Tag.STATUS }, model.kept, "plain");
  const expected = Buffer.from(statusExpected(model)).toString("hex");
  if (!status || Buffer.from(status).toString("hex") === expected) return undefined;
  const power = model.battery === 0 ? ["battery 3000"] : [];
  const lines = [select, ask].map(({ bytes }) => `serial ${Buffer.from(bytes).toString("hex")}`);
  return [...power, ...lines, `expect-answer /^${expected}/`];
}

/** At once; when the model or the card does something by itself; after the card is turned on again. */
const AFTER: readonly After[] = [
  () => [],
  (_, model) => [`wait ${model.due}`],
  ({ card }) => [`wait ${card.due}`],
  ({ card }, model) => [`wait ${Math.min(card.due, model.due) + 1}`],
  () => ["wait 820"],
  () => HOLD_PRESS,
  ({ card }) => [`wait ${card.due}`, ...HOLD_PRESS],
];

function displayAfter(model: Model, lines: readonly string[]): string | undefined {
  const copy = model.copy();
  copy.onMove = undefined;
  for (const line of lines) {
    const [name, word = ""] = line.split(" ");
    if (name === "wait") copy.wait(Number(word));
    else copy.contact(PRESS_KEY, name === "down");
  }
  return copy.display;
}

function cardAfter({ card }: Comparison, lines: readonly string[]): string {
  card.save("after");
  for (const line of lines) {
    const [name, word = ""] = line.split(" ");
    if (name === "wait") card.wait(Number(word));
    else if (name === "down") card.down("press");
    else card.up("press");
  }
  const { display } = card;
  card.load("after");
  return display;
}

// ---- fewer lines ----

/** The same lines with whole presses written as `4`, `hold press 1000` and `type 4071`. */
function shortened(lines: readonly string[]): string[] {
  const short: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const press = pressAt(lines, at);
    if (press === undefined) short.push(lines[at++] as string);
    else {
      add(short, press);
      at += PRESS_LINES;
    }
  }
  return short;
}

/** The number of lines for a key that goes down and up again. */
const PRESS_LINES = 4;

/** The line that replaces these four: down, wait, up, wait. */
function pressAt(lines: readonly string[], at: number): string | undefined {
  const four = lines.slice(at, at + PRESS_LINES).join("\n");
  const [, key, ms, up] = /^down (\w+)\nwait (\d+)\nup (\w+)\nwait 40$/.exec(four) ?? [];
  if (key === undefined || key !== up) return undefined;
  return Number(ms) === TAP ? key : `hold ${key} ${ms}`;
}

/** Collects digits into one line, from the first two on. */
function add(lines: string[], press: string): void {
  const last = lines.at(-1) ?? "";
  const digits = /^(?:type )?(\d+)$/.exec(last)?.[1];
  if (digits !== undefined && /^\d$/.test(press)) lines[lines.length - 1] = `type ${digits}${press}`;
  else lines.push(press);
}
