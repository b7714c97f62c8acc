// Makes a run that found something as short as it can be: steps are left out, halves first and then ever smaller parts
// (delta debugging), and the remaining steps get simpler values. A shorter run counts only if it shows the same
// difference.
//
// This file only decides which run to try next; its callers decide how and on which card to try it.

import { Level } from "../../../firmware/wire.js";
import { FULL_BATTERY } from "../../core/card.js";
import type { Meant } from "./host.js";
import { type Finding, type Run, replay, type Shown } from "./monkey.js";
import type { PlayOptions } from "./play.js";
import { LONG, type Start, type Step, TAP } from "./steps.js";

/** Round times that are tried first, in ms, since they read better than the shortest one. */
const ROUND = [1, 20, 100, 800, 1_000, 30_000, 60_000, 300_000];
/** Initial cards, the simplest first. */
const SIMPLE_STARTS: readonly Start[] = [
  { seed: 1, card: "blank" },
  { seed: 1, card: "demo" },
  { seed: 1, card: "unreadable" },
];

/** Yields runs to try, takes the result of each, and returns the shortest that shows the same difference. */
export type Shrinking = Generator<Run, Finding, Shown | undefined>;
/** A part of that, which returns whether the last tried run is now the best. */
type Trying<T = void> = Generator<Run, T, Shown | undefined>;

/** The shortest run that still shows the same difference. */
export function shrink(module: WebAssembly.Module, finding: Finding, options: PlayOptions = {}): Finding {
  const shrinking = shrinkings(finding);
  for (let next = shrinking.next(); ; ) {
    if (next.done) return next.value;
    next = shrinking.next(replay(module, next.value, options));
  }
}

/** The runs to try for a finding. */
export function* shrinkings(finding: Finding): Shrinking {
  const best = new Best(finding);
  for (let before = -1; before !== best.changes; ) {
    before = best.changes;
    yield* leaveOut(best);
    yield* simplifyStart(best);
    yield* simplifySteps(best);
  }
  return best.finding;
}

/** The shortest run so far. */
class Best {
  /** How often a shorter or simpler run replaced it. */
  changes = 0;

  constructor(public finding: Finding) {}

  get steps(): readonly Step[] {
    return this.finding.steps;
  }

  /** Tries a change. Returns whether the changed run shows the same difference and is now the best. */
  *attempt(change: Partial<Run>): Trying<boolean> {
    const { difference, ...run } = { ...this.finding, ...change };
    const shown = yield run;
    if (shown?.difference.what !== difference.what) return false;
    this.changes++;
    this.finding = { ...run, steps: run.steps.slice(0, shown.at + 1), difference: shown.difference };
    return true;
  }

  /** Tries another step in place of one. */
  *replace(at: number, step: Step): Trying<boolean> {
    if (at >= this.steps.length) return false;
    return yield* this.attempt({ steps: this.steps.map((one, index) => (index === at ? step : one)) });
  }
}

// ---- fewer steps ----

function* leaveOut(best: Best): Trying {
  for (let part = Math.ceil(best.steps.length / 2); part >= 1; part = Math.floor(part / 2)) {
    for (let at = 0; at < best.steps.length; ) {
      const without = [...best.steps.slice(0, at), ...best.steps.slice(at + part)];
      if (!(yield* best.attempt({ steps: without }))) at += part;
    }
  }
}

// ---- simpler values ----

function* simplifyStart(best: Best): Trying {
  for (const simpler of SIMPLE_STARTS) {
    if (sizeOfStart(simpler) >= sizeOfStart(best.finding.start)) return;
    if (yield* best.attempt({ start: simpler })) return;
  }
}

function sizeOfStart({ seed, card }: Start): number {
  return SIMPLE_STARTS.findIndex((simple) => simple.card === card) + seed / 1_000;
}

function* simplifySteps(best: Best): Trying {
  for (let at = 0; at < best.steps.length; at++) {
    const step = best.steps[at] as Step;
    if (step.do === "wait") yield* shorten(best, at, step.ms);
    else yield* simplify(best, at);
  }
}

/** Continues as long as something simpler shows it. */
function* simplify(best: Best, at: number): Trying {
  for (let before = -1; before !== best.changes; ) {
    before = best.changes;
    yield* simplifyOnce(best, at);
  }
}

function* simplifyOnce(best: Best, at: number): Trying {
  for (const simpler of simplerThan(best.steps[at])) if (yield* best.replace(at, simpler)) return;
}

/** A round time that works, otherwise the shortest, by halving the interval between too short and long enough. */
function* shorten(best: Best, at: number, ms: number): Trying {
  for (const round of ROUND.filter((one) => one < ms)) {
    if (yield* best.replace(at, { do: "wait", ms: round })) return;
  }
  if (ROUND.includes(ms)) return;
  for (let [short, long] = [0, ms]; long - short > 1; ) {
    const middle = Math.floor((short + long) / 2);
    if (yield* best.replace(at, { do: "wait", ms: middle })) long = middle;
    else short = middle;
  }
}

/** Simpler steps, the simplest first; none if the run has become shorter. */
function simplerThan(step: Step | undefined): Step[] {
  switch (step?.do) {
    case "press":
      return [TAP, LONG].filter((ms) => ms !== step.ms && step.ms !== TAP).map((ms) => ({ ...step, ms }));
    case "type":
      return step.typed.what === "some" ? shorterDigits(step.typed.digits) : [];
    case "battery":
      return step.millivolts === FULL_BATTERY || step.millivolts === 0 ? [] : [{ ...step, millivolts: FULL_BATTERY }];
    case "cut":
      return simplerCuts(step);
    case "begin":
      return step.version === "any" ? [] : [{ ...step, version: "any" }];
    case "authenticate":
      return simplerAuthentications(step);
    case "command":
      return simplerCommands(step);
    default:
      return [];
  }
}

function shorterDigits(digits: string): Step[] {
  const shorter = Array.from({ length: digits.length - 1 }, (_, i) => digits.slice(digits.length - 1 - i));
  return shorter.map((left) => ({ do: "type", typed: { what: "some", digits: left } }));
}

function simplerCuts({ count, torn }: Extract<Step, { do: "cut" }>): Step[] {
  const lower = [1, Math.floor(count / 2), count - 1].filter((one) => one >= 1 && one < count);
  const cuts: Step[] = lower.map((one) => ({ do: "cut", count: one, torn }));
  return torn ? [{ do: "cut", count, torn: false }, ...cuts] : cuts;
}

function simplerAuthentications(step: Extract<Step, { do: "authenticate" }>): Step[] {
  const simpler: Step[] = [];
  if (step.spoilt) simpler.push({ ...step, spoilt: false });
  if (step.keys === "wrong") simpler.push({ ...step, keys: "right" });
  if (step.level !== Level.FULL) simpler.push({ ...step, level: Level.FULL });
  return simpler;
}

function simplerCommands(step: Extract<Step, { do: "command" }>): Step[] {
  const { spoilt, ...unspoilt } = step;
  const simpler: Step[] = spoilt === undefined ? [] : [unspoilt];
  if (step.via !== "plain") simpler.push({ ...step, via: "plain" });
  if (step.via !== "plain" && step.via !== "channel") simpler.push({ ...step, via: "channel" });
  const meant = withoutFault(step.meant);
  if (meant) simpler.push({ ...step, meant });
  return simpler;
}

/** The command without the fault in its contents; undefined if it has none. */
function withoutFault(meant: Meant): Meant | undefined {
  if (!("wrong" in meant) || meant.wrong === undefined) return undefined;
  const { wrong, ...right } = meant;
  return right as Meant;
}
