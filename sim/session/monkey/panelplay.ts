// Plays keys on the front panel of a card that is elsewhere, and compares what its screen shows with the models.
//
// Its time passes by itself. A computer that is slow, or busy, makes the spans longer in which a key may have arrived, so
// that more is in order; it makes no difference where there is none.

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

/** How often a screen that no model shows is looked at again, before that is a difference: what came may be of before. */
const LOOKS = 3;
/** A card's clock may be wrong by so much, as a part of the time since it was looked at, and by so much at least, in ms. */
const DRIFT = 0.01;
const LEAST_DRIFT = 5;
/** How long a key takes to settle, and a little, in ms. */
const SETTLED = 30;

/** What was found, and the model that came nearest. */
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
  /** When the last thing was sent, as lines tell it; and when the card was looked at last. */
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

  /** Plays a step. Throws a PanelDisagreement where no model shows what the card shows. */
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

  /** The card has taken it once it has shown its screen after it. */
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

  /** Compares the screen with the models; those that show another are dropped. */
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

  /** A lock code is what the card shows. */
  #learn(model: Model): void {
    const { state, display } = this.#panel;
    if (state !== "LOCK_CODE" || model.state !== State.LOCK_CODE || model.kept.lockCode !== undefined) return;
    model.kept = { ...model.kept, lockCode: display };
  }

  /** The card shows its screen as it is now, or a little later. */
  async #shown(): Promise<void> {
    if (await this.#panel.look()) return;
    throw new PanelError("the card does not answer any more");
  }

  /** ms since this play began, on this computer's clock. */
  get #now(): number {
    return Math.round(performance.now() - this.#began);
  }

  /** From a moment until now, with what the card's clock may be off. */
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
