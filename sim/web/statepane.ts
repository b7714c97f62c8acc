// The state of the card, for testers, and the log. Neither shows a typed or displayed digit.

import { counted } from "../../host-tools/files/counted.js";
import { type EventLog, seconds } from "../common/eventlog.js";
import type { Subject } from "../core/subject.js";
import { element, setText } from "./dom.js";

/** The most entries of the log that are shown. */
const ENTRIES = 100;
/** Shown for what a card does not report. */
const UNKNOWN = "–";
const LABELS = ["Power", "State", "Tries", "Battery", "Flash", "Time"] as const;

export class StatePane {
  readonly root: HTMLElement;
  readonly #values = LABELS.map(() => element("dd"));

  constructor() {
    const rows = LABELS.map((label, at) =>
      element("div", {}, element("dt", {}, label), this.#values[at] as HTMLElement),
    );
    this.root = element(
      "section",
      { class: "pane state", "aria-labelledby": "state-title" },
      element("h2", { id: "state-title" }, "State"),
      element("dl", {}, ...rows),
    );
  }

  /** Shows a card; `speed` is how fast its time runs. */
  show(card: Subject, speed: number): void {
    const values = valuesOf(card, speed);
    for (const [at, place] of this.#values.entries()) setText(place, values[at] ?? UNKNOWN);
  }
}

/** The values to show, in the order of the labels. */
function valuesOf(card: Subject, speed: number): string[] {
  const { tries, battery, flash } = card;
  const time = `${Math.floor(card.time / 1000)} s`;
  return [
    card.on ? "on" : "off",
    card.state,
    tries === undefined ? UNKNOWN : `${tries} left`,
    battery === undefined ? UNKNOWN : battery === 0 ? "none" : `${battery} mV`,
    flash ? counted(flash.operations, "operation") : UNKNOWN,
    speed > 1 ? `${time}, ×${speed}` : time,
  ];
}

export class LogPane {
  readonly root: HTMLElement;
  readonly #list = element("ol", { tabindex: 0, role: "list", "aria-labelledby": "log-title" });
  #changes = -1;

  constructor() {
    this.root = element(
      "section",
      { class: "pane log", "aria-labelledby": "log-title" },
      element("h2", { id: "log-title" }, "Log"),
      this.#list,
    );
  }

  /** Shows the last entries, the newest first. */
  show(log: EventLog): void {
    if (log.changes === this.#changes) return;
    this.#changes = log.changes;
    const lines = log.last(ENTRIES).map(({ time, text, count }) => {
      const said = count > 1 ? `${text} ×${count}` : text;
      return element("li", {}, element("span", { class: "time" }, seconds(time, 3)), ` ${said}`);
    });
    this.#list.replaceChildren(...lines.reverse());
  }
}
