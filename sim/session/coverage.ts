// Coverage: which states and transitions of the model a run visited.

import { FULL_BATTERY } from "../core/card.js";
import { WARNING } from "../core/model/model.js";
import { STATES, TRANSITIONS } from "../core/model/transitions.js";
import type { Subject } from "../core/subject.js";

export class Coverage {
  readonly states = new Set<string>();
  readonly transitions = new Set<string>();

  /** Watches a card from now on. A power cut or a restored card is no transition. */
  watch(card: Subject): void {
    let last = card.state;
    this.states.add(last);
    const jumped = () => {
      last = card.state;
    };
    const moved = () => {
      const { state } = card;
      if (card.battery === 0) return jumped();
      if (state !== last) this.#note(last, state, card);
      last = state;
    };
    card.watchers.push({ display: moved, power: moved, kept: jumped });
  }

  /** What was visited and what was not, in per cent and by name. */
  lines(): string[] {
    return [...summary("states", STATES, this.states), ...summary("transitions", TRANSITIONS, this.transitions)];
  }

  #note(from: string, to: string, { battery = FULL_BATTERY }: Subject): void {
    this.states.add(to);
    // A command of the bench test turned the card on, so the screen in between is never seen.
    const between = from === "OFF" && to === "TEST" ? (battery < WARNING ? "BATT_LOW" : "NO_KEY") : undefined;
    if (between) this.#note(from, between, { battery } as Subject);
    this.transitions.add(`${between ?? from} to ${to}`);
  }
}

function summary(what: string, all: readonly string[], visited: ReadonlySet<string>): string[] {
  const seen = all.filter((name) => visited.has(name));
  const missed = all.filter((name) => !visited.has(name));
  const unknown = [...visited].filter((name) => !all.includes(name));
  const share = Math.floor((100 * seen.length) / all.length);
  return [
    `${what}: ${seen.length} of ${all.length}, ${share} %`,
    ...listed("visited", seen),
    ...listed("not visited", missed),
    ...listed("not in the table", unknown),
  ];
}

function listed(what: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`  ${what}: ${names.join(", ")}`];
}
