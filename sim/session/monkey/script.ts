// A finding as a command file, which `dsc-sim run` plays up to the difference and fails there, with an `expect`.

import { NEVER, State, StatusAt, Tag } from "../../../firmware/wire.js";
import { statusOf } from "../../core/model/commands.js";
import type { Model } from "../../core/model/model.js";
import { Host } from "./host.js";
import type { Finding } from "./monkey.js";
import { Disagreement, Play, type PlayOptions } from "./play.js";

/** What makes a difference visible that the screen does not show yet, the shortest first. */
type After = (play: Play, model: Model) => string[];
const HOLD_PRESS = ["down press", "wait 1000", "up press", "wait 40"];

/** The lines of a command file that plays a finding. */
export function scriptOf(module: WebAssembly.Module, finding: Finding, options: PlayOptions = {}): string[] {
  const lines: string[] = [];
  const play = new Play(module, finding.start, { ...options, onLine: (line) => lines.push(line) });
  try {
    for (const step of finding.steps) play.step(step);
  } catch (error) {
    if (!(error instanceof Disagreement)) throw error;
    return [...headOf(finding), ...lines, ...expectations(play, error)];
  }
  throw new Error("the finding does not show any more");
}

function headOf({ difference: { what, expected, actual } }: Finding): string[] {
  return [`# ${what}: ${expected} expected,`, `# found: ${actual}`];
}

/** The lines that fail, made of what the model says: of the answer, the screen, or the status. */
function expectations(play: Play, { models }: Disagreement): string[] {
  const model = models[0] as Model;
  return (
    onAnswer(play) ??
    onScreen(play, model) ??
    onStatus(play, model) ??
    onLockCode(play) ?? ["# neither screen nor answer"]
  );
}

function onAnswer({ expected, answered }: Play): string[] | undefined {
  if (!expected || expected.heldBack) return undefined;
  const words = expected.sw.map((one) => one.toString(16).padStart(4, "0"));
  const sw = words.length > 0 ? `(${words.join("|")})` : "";
  const data = expected.data && !expected.secured ? Buffer.from(expected.data).toString("hex") : ".*";
  const pattern = sw === "" && !expected.data ? "^$" : `^${data}${sw}$`;
  return new RegExp(pattern).test(answered) ? undefined : [`expect-answer /${pattern}/`];
}

function onScreen(play: Play, model: Model): string[] | undefined {
  for (const after of AFTER) {
    const lines = after(play, model);
    if (lines.includes(`wait ${NEVER}`)) continue;
    const shown = displayAfter(model, lines);
    if (shown !== undefined && shown !== cardAfter(play, lines)) return [...lines, `expect ${shown}`.trim()];
  }
  return undefined;
}

/** A lock code that it should not be. */
function onLockCode({ card }: Play): string[] | undefined {
  return card.state === State[State.LOCK_CODE] ? [`expect /^(?!${card.display})/`] : undefined;
}

/** GET DATA DF20 by itself, behind a SELECT that closes a channel. */
function onStatus({ status }: Play, model: Model): string[] | undefined {
  const host = new Host();
  const select = host.command({ ins: "SELECT", application: "default" }, model.kept, "plain");
  const ask = host.command({ ins: "GET_DATA", tag: Tag.STATUS }, model.kept, "plain");
  const error = model.on ? model.ram.error : model.errorAtPowerOn;
  const expected = Buffer.from(statusOf(model.kept, error, 0).slice(0, StatusAt.BATTERY)).toString("hex");
  if (!status || Buffer.from(status).toString("hex") === expected) return undefined;
  const power = model.battery === 0 ? ["battery 3000"] : [];
  const lines = [select, ask].map(({ bytes }) => `serial ${Buffer.from(bytes).toString("hex")}`);
  return [...power, ...lines, `expect-answer /^${expected}/`];
}

/** At once; when the model or the card does something by itself; after the card is turned on again. */
const AFTER: readonly After[] = [
  () => [],
  (_, model) => [`wait ${model.due}`],
  (play) => [`wait ${play.card.due}`],
  (play, model) => [`wait ${Math.min(play.card.due, model.due) + 1}`],
  () => ["wait 820"],
  () => HOLD_PRESS,
  (play) => [`wait ${play.card.due}`, ...HOLD_PRESS],
];

function displayAfter(model: Model, lines: readonly string[]): string | undefined {
  const copy = model.copy();
  copy.onMove = undefined;
  for (const line of lines) {
    const [name, word = ""] = line.split(" ");
    if (name === "wait") copy.wait(Number(word));
    else copy.contact(11, name === "down");
  }
  return copy.display;
}

function cardAfter(play: Play, lines: readonly string[]): string {
  const { card } = play;
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
