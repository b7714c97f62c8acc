// Counts what a random run has covered: states, transitions, and commands in each state, life and level. A run that
// never reached a place proves nothing about it, so the tests require these counts.

import { Ins, Life, State } from "../../../firmware/wire.js";
import type { Answer } from "../../core/model/commands.js";
import type { Model } from "../../core/model/model.js";
import type { Action } from "./invariants.js";
import { remembering } from "./remembering.js";

/** What is counted of each command. The names are made once, since a known string is counted faster than a new one. */
const namesOf = remembering((ins) => {
  const name = Ins[ins] ?? "unknown";
  return {
    inState: remembering((state) => `${name} in ${State[state]}`),
    onLife: remembering((life) => `${name} on ${Life[life]}`),
    atLevel: remembering((level) => `${name} at ${level.toString(16)}`),
  };
});
const transitionFrom = remembering((from) => remembering((to) => `${State[from]} to ${State[to]}`));

export class Counts {
  steps = 0;
  /** Contacts, waits, frames and voltages: a step has one or more. */
  actions = 0;
  cuts = 0;
  /** How often each name was seen, such as "SELECT in PIN". */
  readonly states = new Map<string, number>();
  readonly transitions = new Map<string, number>();
  readonly commands = new Map<string, number>();
  readonly levels = new Map<string, number>();
  readonly lives = new Map<string, number>();

  /** Records an action; `before` is the state before it. */
  note(action: Action, before: State, model: Model, answer: Answer | undefined): void {
    this.actions++;
    count(this.states, State[model.state] as string);
    if (action.kind !== "frame" || action.frame.kind !== "command") return;
    const { asked } = action.frame;
    const names = namesOf(asked.ins);
    count(this.commands, names.inState(before));
    count(this.lives, names.onLife(model.kept.life));
    const level = answer?.secured ? (model.ram.channel?.level ?? 0) : 0;
    count(this.levels, names.atLevel(level));
  }

  moved(from: State, to: State): void {
    if (from !== to) count(this.transitions, transitionFrom(from)(to));
  }

  /** Adds the counts of another run. */
  add(other: Counts): void {
    this.steps += other.steps;
    this.actions += other.actions;
    this.cuts += other.cuts;
    for (const [mine, its] of [
      [this.states, other.states],
      [this.transitions, other.transitions],
      [this.commands, other.commands],
      [this.levels, other.levels],
      [this.lives, other.lives],
    ] as const) {
      for (const [name, times] of its) mine.set(name, (mine.get(name) ?? 0) + times);
    }
  }
}

function count(map: Map<string, number>, name: string): void {
  map.set(name, (map.get(name) ?? 0) + 1);
}
