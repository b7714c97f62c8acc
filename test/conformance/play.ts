// Plays a scenario on a target and compares all that can be seen of it with the simulator, step by step.

import { answersOnChannel0, describeAnswer, nameOfOp, type Observed, Splitter } from "../support/development.js";
import { Conversation } from "./conversation.js";
import { type Play, ScriptError, type Shown, type Step } from "./script.js";
import { SimTarget } from "./simtarget.js";
import type { Target } from "./target.js";

/** Steps that may be under way at a time, where the target keeps what it cannot take yet. */
const AHEAD = 256;

/** The first step that came out differently. */
export interface Difference {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  readonly simulator: readonly string[];
  readonly target: readonly string[];
}

/** What the simulator shows at each step, given the very same bytes; checked against its own plain session. */
export function expectedOf(play: Play, module: WebAssembly.Module): Observed[] {
  const observed: Observed[] = [];
  const target = new SimTarget(module);
  const splitter = new Splitter((one) => observed.push(one));
  target.onBytes = (bytes) => splitter.take(bytes);
  for (const step of play.steps) target.send(Buffer.concat([step.bytes, step.command]));
  if (observed.length !== play.steps.length) throw new ScriptError(`${play.name}: the simulator missed a command`);
  for (const shown of play.shown) mustAgree(play, shown, observed);
  return observed;
}

/** The steps of a line must end where the line ends in a plain session. */
function mustAgree(play: Play, shown: Shown, observed: readonly Observed[]): void {
  const last = observed[shown.steps - 1];
  if (!last) return;
  const { on, state, display } = shown;
  const steps = observed.filter((_, index) => play.steps[index]?.line === shown.line);
  const same = last.answer.on === on && describeAnswer(last.answer).includes(`, ${state}, ${JSON.stringify(display)}`);
  // A card that is loaded again says again what it said before.
  const sent = shown.text.trim().startsWith("load") ? [] : steps.flatMap((step) => answersOnChannel0(step.sent));
  if (same && sent.join() === answersOnChannel0(shown.sent).join()) return;
  throw new ScriptError(
    `${play.name}:${shown.line}: ${shown.text}: ${describeAnswer(last.answer)} when played by frames, ` +
      `${on ? "on" : "off"}, ${state}, ${JSON.stringify(display)} otherwise`,
  );
}

/** Plays it; returns the first difference, or nothing. After a difference the target is of no more use. */
export async function play(target: Target, play: Play, expected: readonly Observed[]): Promise<Difference | undefined> {
  const conversation = new Conversation(target);
  let sent = 0;
  for (const [index, step] of play.steps.entries()) {
    const should = expected[index] as Observed;
    if (target.careful) await conversation.sendCarefully(step, should);
    else if (sent - index < AHEAD / 2) {
      const next = play.steps.slice(sent, index + AHEAD);
      target.send(Buffer.concat(next.flatMap(({ bytes, command }) => [bytes, command])));
      sent += next.length;
    }
    const is = await conversation.next();
    const difference = compare(play, step, should, is);
    if (difference) return difference;
  }
  return undefined;
}

function compare(play: Play, step: Step, should: Observed, is: Observed | string): Difference | undefined {
  if (typeof is !== "string" && (!step.counts || isSame(should, is))) return undefined;
  return {
    file: play.name,
    line: step.line,
    text: step.text,
    simulator: describe(should),
    target: typeof is === "string" ? [is] : [...lost(should, is), ...describe(is)],
  };
}

/** An answer to another command than the last: one before it never came, or was never answered. */
function lost({ answer: { op: asked } }: Observed, { answer: { op: answered } }: Observed): string[] {
  return asked === answered ? [] : [`answers ${nameOfOp(answered)} instead of ${nameOfOp(asked)}: a command was lost`];
}

/** All but the time that is due, which the simulator does not tell. */
function isSame(a: Observed, b: Observed): boolean {
  const seen = ({ answer: { due, ...rest } }: Observed) => JSON.stringify(rest);
  return seen(a) === seen(b) && a.sent.equals(b.sent);
}

function describe(observed: Observed): string[] {
  return [describeAnswer(observed.answer), `sent ${observed.sent.toString("hex") || "nothing"}`];
}

/** A difference for people. */
export function describeDifference(difference: Difference, name: string): string {
  const { file, line, text, simulator, target } = difference;
  const width = Math.max(name.length, "simulator".length) + 1;
  const rows = (who: string, said: readonly string[]) =>
    said.map((words, index) => `  ${(index === 0 ? `${who}:` : "").padEnd(width)} ${words}`);
  return [`${file}:${line}: ${text}`, ...rows("simulator", simulator), ...rows(name, target)].join("\n");
}
