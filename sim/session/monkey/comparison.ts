// A simulated card beside its models: each action is applied to both, and their visible states are compared.
//
// After a power cut there may be several models, one for each state that the cut may have left. Models that differ from
// the card are dropped. If none is left, the card violates docs/CARD.md.

import { State, Sw } from "../../../firmware/wire.js";
import { Card, CardTrap } from "../../core/card.js";
import { FlashMisuse } from "../../core/flash.js";
import { type Answer, SILENCE, statusOf } from "../../core/model/commands.js";
import type { Model } from "../../core/model/model.js";
import { flashOf, modelOf } from "./beginnings.js";
import type { Counts } from "./counts.js";
import { type Difference, Invariants, type Seen } from "./invariants.js";
import { answerIn, STATUS_PROBED, StatusProbe } from "./probe.js";
import type { Start } from "./steps.js";

/** The card behaved differently from the model. */
export class Disagreement extends Error {
  override name = "Disagreement";
  constructor(
    readonly difference: Difference,
    /** The models before the difference appeared. */
    readonly models: readonly Model[],
  ) {
    super(`${difference.what}: ${difference.expected} expected, ${difference.actual} found`);
  }
}

export interface CompareOptions {
  /** Comparisons and invariants to skip: known differences, so that others can be found. */
  readonly ignore?: ReadonlySet<string>;
  readonly counts?: Counts;
}

/** Removes secure messaging from the data of an answer with that status word; undefined if its MAC is wrong. */
export type Unwrap = (data: Buffer, sw: number) => Buffer | undefined;

/** Nothing happens. */
const PAUSE: Seen["action"] = { kind: "wait", ms: 0 };

export class Comparison {
  readonly card: Card;
  models: readonly Model[];
  readonly #options: CompareOptions;
  readonly #unwrap: Unwrap;
  readonly #probe: StatusProbe;
  readonly #invariants: Invariants;
  /** The answer that the model expects to the last action, and the received payload. */
  #expected: Answer | undefined;
  #answered: Buffer | undefined;
  /** The last payload before that action, and the last payload since. */
  #answeredBefore: Buffer | undefined;
  #answeredLast: Buffer | undefined;
  /** The text of the screen and the state, read once per action. */
  #display = "";
  #state: string;

  constructor(module: WebAssembly.Module, start: Start, unwrap: Unwrap, options: CompareOptions = {}) {
    this.#options = options;
    this.#unwrap = unwrap;
    this.card = new Card(module, { seed: start.seed, flash: flashOf(module, start) });
    this.#state = this.card.state;
    this.#probe = new StatusProbe(module);
    const model = modelOf(start);
    model.onMove = options.counts ? (from, to) => options.counts?.moved(from, to) : undefined;
    this.models = [model];
    this.#invariants = new Invariants(options.ignore);
  }

  /** The representative model: the first one until a cut is resolved. */
  get model(): Model {
    return this.models[0] as Model;
  }

  /** The first eight bytes of DF20, as last read. */
  get status(): Uint8Array | undefined {
    return this.#probe.status;
  }

  /** The answer that the model expects to the last action; undefined if it was no frame, or a power cut happened. */
  get expected(): Answer | undefined {
    return this.#expected;
  }

  /** The payload that answered the last action, in hexadecimal; empty if there was none. */
  get answered(): string {
    return this.#answered?.toString("hex") ?? "";
  }

  /** The last payload before the last action, in hexadecimal. */
  get answeredBefore(): string {
    return this.#answeredBefore?.toString("hex") ?? "";
  }

  /** Makes the random source of the card fail, or work again. */
  randomFails(fails: boolean): void {
    this.#expected = undefined;
    this.card.randomFails = fails;
    this.#probe.forget();
    for (const model of this.models) model.defects.random = fails;
  }

  /**
   * Applies an action without an answer to the card and the models. Throws a Disagreement if they differ afterwards.
   */
  happen(action: Seen["action"], onCard: (card: Card) => void, onModel: (model: Model) => void): void {
    this.#act(
      action,
      () => {
        onCard(this.card);
        return undefined;
      },
      (model) => {
        onModel(model);
        return undefined;
      },
    );
  }

  /** Sends a frame to card and models. Returns the payload that came back, if any. Throws a Disagreement. */
  send(action: Seen["action"], bytes: Uint8Array, onModel: (model: Model) => Answer): Buffer | undefined {
    let answer: Buffer | undefined;
    const onCard = () => {
      this.card.receive(bytes);
      answer = this.#takeAnswer();
      return answer;
    };
    this.#act(action, onCard, onModel);
    return answer;
  }

  /** Ends a step: the reported tries, life and keys are compared too. Throws a Disagreement. */
  settle(): void {
    const status = this.#askStatus();
    this.#look({ action: PAUSE, answer: undefined, raw: undefined, cut: false, status });
    if (status) this.#compareStatus(status);
  }

  #act(action: Seen["action"], onCard: () => Buffer | undefined, onModel: (model: Model) => Answer | undefined): void {
    const before = this.model.state;
    const answers = this.models.map((model) => {
      model.trace = [];
      return onModel(model);
    });
    this.#expected = answers[0];
    this.#answered = undefined;
    this.#answeredBefore = this.#answeredLast;
    const answer = this.#onCard(onCard);
    this.#answered = answer;
    const late = this.#takeAnswer();
    const cut = this.card.takeCut();
    this.#display = this.card.display;
    this.#state = this.card.state;
    if (cut) this.#expected = undefined;
    if (cut) this.models = this.models.flatMap((model) => model.cut());
    this.#learn();
    // Within a step this is done only if flash was written, since asking takes longer than the step.
    const status = this.#probe.isCurrent(this.card) ? undefined : this.#askStatus();
    this.#look({ action, answer: answers[0], raw: answer ?? late, cut, status });
    this.#compare(cut ? undefined : answers, answer);
    if (status) this.#compareStatus(status);
    const { counts } = this.#options;
    counts?.note(action, before, this.model, answers[0]);
    if (cut && counts) counts.cuts++;
  }

  /** The payload that was sent on the line, if any. */
  #takeAnswer(): Buffer | undefined {
    const sent = this.card.takeSent();
    if (sent.length === 0) return undefined;
    const answer = answerIn(sent);
    this.#answeredLast = answer;
    return answer;
  }

  #onCard(onCard: () => Buffer | undefined): Buffer | undefined {
    try {
      return onCard();
    } catch (error) {
      if (!(error instanceof CardTrap || error instanceof FlashMisuse)) throw error;
      throw new Disagreement(
        { what: "I10", expected: "no trap, no misuse of flash", actual: error.message },
        this.models,
      );
    }
  }

  /** The model learns a lock code from the card's screen. */
  #learn(): void {
    if (this.#state !== "LOCK_CODE") return;
    for (const model of this.models) {
      if (model.state !== State.LOCK_CODE || model.kept.lockCode !== undefined) continue;
      model.kept = { ...model.kept, lockCode: this.#display };
    }
  }

  // ---- comparing ----

  /** Keeps the models without differences. If none is left, throws with the difference of the first. */
  #keep(difference: (model: Model, index: number) => Difference | undefined): void {
    const models = this.models;
    let first: Difference | undefined;
    const left = models.filter((model, index) => {
      const found = difference(model, index);
      first ??= found;
      return !found;
    });
    if (left.length === 0) throw new Disagreement(first as Difference, models);
    this.models = left;
  }

  #compare(answers: readonly (Answer | undefined)[] | undefined, answer: Buffer | undefined): void {
    this.#keep((model, index) => this.#difference(model) ?? (answers && this.#answerDiffers(answers[index], answer)));
  }

  #difference(model: Model): Difference | undefined {
    const { card } = this;
    const state = State[model.state] as string;
    if (this.#state !== state) return { what: "state", expected: state, actual: this.#state };
    const shown = model.display;
    const display = this.#display;
    if (shown !== undefined && shown !== display) return { what: "display", expected: shown, actual: display };
    if (card.on !== model.on) return { what: "power", expected: String(model.on), actual: String(card.on) };
    if (card.due === model.due || this.#options.ignore?.has("deadline")) return undefined;
    return { what: "deadline", expected: `in ${model.due} ms`, actual: `in ${card.due} ms` };
  }

  #answerDiffers(expected: Answer | undefined, answer: Buffer | undefined): Difference | undefined {
    if (!expected || expected.heldBack) return undefined;
    const silent = expected === SILENCE;
    if (silent !== (answer === undefined)) {
      return { what: "answer", expected: silent ? "none" : "one", actual: hexOf(answer) };
    }
    if (!answer) return undefined;
    if (expected.sw.length === 0) return this.#dataDiffers(expected, answer);
    const sw = answer.length < 2 ? 0 : answer.readUInt16BE(answer.length - 2);
    if (!expected.sw.includes(sw)) return { what: "status word", expected: swText(expected.sw), actual: swText([sw]) };
    const plain = answer.subarray(0, -2);
    const data = expected.secured ? this.#unwrap(plain, sw) : plain;
    if (!data) return { what: "response MAC", expected: "right", actual: "wrong" };
    if (sw !== Sw.DONE && data.length > 0) return { what: "data", expected: "none with an error", actual: hexOf(data) };
    return sw === Sw.DONE ? this.#dataDiffers(expected, data) : undefined;
  }

  #dataDiffers({ data }: Answer, actual: Buffer): Difference | undefined {
    if (!data || Buffer.from(data).equals(actual)) return undefined;
    return { what: "data", expected: hexOf(Buffer.from(data)), actual: hexOf(actual) };
  }

  /** Checks the invariants before the models, so that a difference that breaks an invariant gets its name. */
  #look(seen: Pick<Seen, "action" | "answer" | "raw" | "cut" | "status">): void {
    const { card } = this;
    const broken = this.#invariants.broken({
      action: seen.action,
      answer: seen.answer,
      raw: seen.raw,
      cut: seen.cut,
      status: seen.status,
      now: this.model.now,
      state: this.#state,
      display: this.#display,
      on: card.on,
      due: card.due,
      operations: card.flash.operations,
      battery: card.battery,
    });
    if (broken) throw new Disagreement(broken, this.models);
  }

  // ---- the status ----

  #askStatus(): Uint8Array | undefined {
    return this.model.ram.held ? undefined : this.#probe.ask(this.card);
  }

  #compareStatus(status: Uint8Array): void {
    this.#keep((model) => {
      const expected = statusExpected(model);
      if (expected.every((byte, at) => byte === status[at])) return undefined;
      return { what: "status", expected: hexOf(Uint8Array.from(expected)), actual: hexOf(status) };
    });
  }
}

/**
 * The expected GET DATA status of the model's card, without the voltage; for a card that is off, the status after
 * turning it on.
 */
export function statusExpected(model: Model): readonly number[] {
  const error = model.on ? model.ram.error : model.errorAtPowerOn;
  return statusOf(model.kept, error, 0).slice(0, STATUS_PROBED);
}

function hexOf(bytes: Uint8Array | undefined): string {
  return bytes ? Buffer.from(bytes).toString("hex") : "nothing";
}

function swText(sw: readonly number[]): string {
  return sw.map((one) => one.toString(16)).join(" or ");
}
