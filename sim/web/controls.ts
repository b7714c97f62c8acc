// A tester's actions on a card besides its keys: battery, power cut, time.

import { FULL_BATTERY, type KeyName } from "../core/card.js";
import type { Subject } from "../core/subject.js";
import { button, element } from "./dom.js";
import { labelled } from "./loginpane.js";

const BATTERIES: readonly (readonly [millivolts: number, label: string])[] = [
  [FULL_BATTERY, "3000 mV, fresh"],
  [2300, "2300 mV, low"],
  [2000, "2000 mV, too low"],
  [0, "none"],
];

/** What the controls do. */
export interface Deeds {
  hold(key: KeyName): void;
  battery(millivolts: number): void;
  /** Cuts the power in the middle of the next flash operation. */
  cut(): void;
  fast(): void;
}

export class Controls {
  readonly root: HTMLElement;
  readonly #battery = element("select", { id: "battery" });
  readonly #fast: HTMLButtonElement;
  readonly #simulated: readonly (HTMLButtonElement | HTMLSelectElement)[];

  constructor(deeds: Deeds) {
    this.#battery.append(...BATTERIES.map(([value, label]) => element("option", { value }, label)));
    this.#battery.addEventListener("change", () => deeds.battery(Number(this.#battery.value)));
    this.#fast = button("Fast-forward", () => deeds.fast(), { "aria-pressed": "false" });
    const cut = button("Cut power at the next flash write", () => deeds.cut());
    this.#simulated = [this.#battery, this.#fast, cut];
    this.root = element(
      "section",
      { class: "pane", "aria-labelledby": "controls-title" },
      element("h2", { id: "controls-title" }, "Controls"),
      element(
        "div",
        { class: "row" },
        button("Hold PRESS", () => deeds.hold("press")),
        button("Hold OK", () => deeds.hold("ok")),
        this.#fast,
      ),
      labelled("Battery", this.#battery),
      element("div", { class: "row" }, cut),
    );
  }

  /** Shows what can be done to a card. */
  show(card: Subject, speed: number): void {
    const { battery } = card;
    for (const control of this.#simulated) control.disabled = battery === undefined;
    const known = BATTERIES.some(([value]) => value === battery);
    if (battery !== undefined && known) this.#battery.value = String(battery);
    this.#fast.setAttribute("aria-pressed", String(speed > 1));
  }
}
