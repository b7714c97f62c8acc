// Plays keys on the front panel of a card elsewhere, and compares its screen with the models.
//
// The card's time passes by itself. On a slow or busy computer the span in which a key may have arrived is longer, so
// more screens are accepted. That can hide a difference but never causes one.

import { setTimeout as sleep } from "node:timers/promises";
import { State } from "../../../firmware/wire.js";
import { KEYS, type KeyName } from "../../core/card.js";
import type { Model } from "../../core/model/model.js";
import type { Panel } from "../panel.js";
import { PanelError } from "../panelport.js";
import type { Counts } from "./counts.js";
import type { Difference } from "./invariants.js";
import { digitsOf } from "./play.js";
import { type Span, within } from "./span.js";
import { type Step, TAP, UP } from "./steps.js";

export interface PanelOptions {
  readonly counts: Counts;
  /** Lines of the command language, as they are played. */
  readonly onLine: (line: string) => void;
}

/**
 * How often a screen that fits no model is checked again before it counts as a difference, since a report may be from
 * before.
 */
const LOOKS = 3;
/** The possible error of a card's clock, as a part of the time since the last check, and at least this many ms. */
const DRIFT = 0.01;
const LEAST_DRIFT = 5;
/** The time for a key to settle, with reserve, in ms. */
const SETTLED = 30;

/** The difference, and the closest model. */
export class PanelDisagreement extends Error {
  override name = "PanelDisagreement";
  constructor(
    readonly difference: Difference,
    readonly model: Model,
  ) {
    super(`${difference.what}: ${difference.expected} expected, ${difference.actual} found`);
  }
}

export class PanelPlay {
  readonly #panel: Panel;
  readonly #options: PanelOptions;
  readonly #began = performance.now();
  #models: readonly Model[];
  /** When the last line was sent, and when the card was last checked. */
  #told = 0;
  #looked = 0;

  /** `models`: what the card may be. It is off. */
  constructor(panel: Panel, models: readonly Model[], options: PanelOptions) {
    this.#panel = panel;
    this.#models = models;
    this.#options = options;
  }

  /** A model that the card may be. */
  get model(): Model {
    return this.#models[0] as Model;
  }

  /** Plays a step. Throws a PanelDisagreement if the card's screen fits no model. */
  async step(step: Step): Promise<void> {
    switch (step.do) {
      case "contact":
        await this.#contact(step.key, step.closed);
        break;
      case "press":
        await this.#press(step.key, step.ms);
        break;
      case "type":
        for (const digit of digitsOf(step.typed, this.model)) await this.#press(Number(digit), TAP);
        break;
      case "wait":
        await sleep(step.ms);
        break;
      default:
        throw new Error(`${step.do}: a front panel has only keys`);
    }
    await sleep(SETTLED);
    await this.#look();
  }

  async #press(key: number, ms: number): Promise<void> {
    await this.#contact(key, true);
    await sleep(ms);
    await this.#contact(key, false);
    await sleep(UP);
  }

  /** A card that reports a screen has processed the contacts before that report. */
  async #contact(key: number, closed: boolean): Promise<void> {
    const name = KEYS[key] as KeyName;
    if (this.#panel.isDown(name) === closed) return;
    const from = this.#now;
    this.#tell(`${closed ? "down" : "up"} ${name}`);
    if (closed) this.#panel.down(name);
    else this.#panel.up(name);
    await this.#shown();
    this.#models = within(this.#models, this.#span(from), (model) => model.contact(key, closed));
    this.#options.counts.actions++;
    await this.#look();
  }

  /** Compares the screen with the models; those with another screen are dropped. */
  async #look(): Promise<void> {
    for (let looks = 1; ; looks++) {
      const from = this.#now;
      await this.#shown();
      const possible = within(this.#models, this.#span(from));
      for (const model of possible) this.#learn(model);
      const left = possible.filter((model) => !this.#difference(model));
      if (left.length > 0) return this.#keep(left);
      const [model] = possible as [Model];
      if (looks === LOOKS) throw new PanelDisagreement(this.#difference(model) as Difference, model);
    }
  }

  #keep(models: readonly Model[]): void {
    const { counts } = this.#options;
    const [before, after] = [this.model.state, (models[0] as Model).state];
    this.#models = models;
    counts.states.set(State[after] as string, (counts.states.get(State[after] as string) ?? 0) + 1);
    counts.moved(before, after);
  }

  #difference(model: Model): Difference | undefined {
    const { on, state, display } = this.#panel;
    const expected = State[model.state] as string;
    if (state !== expected) return { what: "state", expected, actual: state };
    const shown = model.display;
    if (shown !== undefined && shown !== display) return { what: "display", expected: shown, actual: display };
    if (on !== model.on) return { what: "power", expected: String(model.on), actual: String(on) };
    return undefined;
  }

  /** The model learns a lock code from the card's screen. */
  #learn(model: Model): void {
    const { state, display } = this.#panel;
    if (state !== "LOCK_CODE" || model.state !== State.LOCK_CODE || model.kept.lockCode !== undefined) return;
    model.kept = { ...model.kept, lockCode: display };
  }

  /** Waits for a report of the current screen, or of a slightly later one. */
  async #shown(): Promise<void> {
    if (await this.#panel.look()) return;
    throw new PanelError("the card no longer answers");
  }

  /** ms since this play began, on this computer's clock. */
  get #now(): number {
    return Math.round(performance.now() - this.#began);
  }

  /** From a moment until now, widened by the possible error of the card's clock. */
  #span(from: number): Span {
    const now = this.#now;
    const drift = Math.ceil(Math.max(LEAST_DRIFT, (now - this.#looked) * DRIFT));
    this.#looked = now;
    return { from: from - drift, to: now + drift };
  }

  #tell(line: string): void {
    const now = this.#now;
    if (now > this.#told) this.#options.onLine(`wait ${now - this.#told}`);
    this.#told = now;
    this.#options.onLine(line);
  }
}
