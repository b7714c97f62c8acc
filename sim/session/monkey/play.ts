// Plays steps against a simulated card and against the model at once, and compares them after each.
//
// After a power cut there may be several models: every state that the cut may have left. Those that differ from the card
// are dropped; where none is left, the card did what docs/CARD.md does not say.

import { Channel, Ins, Life, NEVER, Slip, State, StatusAt, Sw, Tag } from "../../../firmware/wire.js";
import { encodeFrame } from "../../../host-tools/card/frame.js";
import { Card, CardTrap, KEYS, type KeyName } from "../../core/card.js";
import { FLASH_SIZE, Flash, FlashMisuse } from "../../core/flash.js";
import { type Answer, receive, SILENCE, statusOf } from "../../core/model/commands.js";
import { CODES, type Kept, Model, NEW_CARD } from "../../core/model/model.js";
import { DEMO, personalizeDemo } from "../demo.js";
import type { Counts } from "./counts.js";
import { DEMO_RECORD, Host, type Known, type Made, ORACLE, rightCode, wrongCodeFor, wrongPinFor } from "./host.js";
import { type Difference, Invariants, type Seen } from "./invariants.js";
import { type Start, type Step, TAP, type Typed, UP } from "./steps.js";

/** The card did what the model does not. */
export class Disagreement extends Error {
  override name = "Disagreement";
  constructor(
    readonly difference: Difference,
    /** The models before the difference was seen. */
    readonly models: readonly Model[],
  ) {
    super(`${difference.what}: ${difference.expected} expected, ${difference.actual} found`);
  }
}

export interface PlayOptions {
  /** What is not compared: a known difference, so that others can be found. */
  readonly ignore?: ReadonlySet<string>;
  /** Lines of the command language, as they are played. */
  readonly onLine?: (line: string) => void;
  readonly counts?: Counts;
}

const FULL = 3000;
/** Bytes of DF20 that are compared: all but the voltage, which is another on the copy that is asked. */
const STATUS_PROBED: number = StatusAt.BATTERY;
/** Beyond this a wait is played in parts: a host may pass no more at once (docs/ABI.md). */
const LONGEST = 1_000_000_000;
/** Nothing happens. */
const PAUSE: Seen["action"] = { kind: "wait", ms: 0 };
const SELECT_FRAME = encodeFrame(Channel.APDU, Uint8Array.of(0x00, Ins.SELECT, 0x04, 0x00));
const STATUS_FRAME = encodeFrame(Channel.APDU, Uint8Array.of(0x80, Ins.GET_DATA, Tag.STATUS >> 8, Tag.STATUS & 0xff));

const DEMO_KEPT: Kept = {
  ...NEW_CARD,
  ...{ life: Life.PERSONALIZED, check: "card", tries: DEMO.tries, left: DEMO.tries, codes: CODES },
  ...{ pin: DEMO.pin, record: DEMO_RECORD, serial: DEMO.serial, suite: DEMO.suite },
};

/** Demo cards by module and seed: making one takes longer than a run. */
const DEMO_FLASH = new WeakMap<WebAssembly.Module, Map<number, Uint8Array>>();

export class Play {
  readonly card: Card;
  models: Model[];
  readonly #probe: Card;
  readonly #host = new Host();
  readonly #options: PlayOptions;
  readonly #invariants: Invariants;
  /** What the model expects to be answered in the last action, and the payload that came, in hexadecimal. */
  expected: Answer | undefined;
  answered = "";
  /** What the screen shows, read once a step. */
  #display = "";
  #probed = -1;
  #status: Uint8Array | undefined;

  constructor(module: WebAssembly.Module, start: Start, options: PlayOptions = {}) {
    this.#options = options;
    const line = options.onLine ?? (() => {});
    line(`seed ${start.seed}`);
    if (start.card === "demo") line("demo");
    if (start.card === "unreadable") line("flash unreadable.bin");
    this.card = new Card(module, { seed: start.seed, flash: flashOf(module, start) });
    this.#probe = new Card(module, { seed: 1 });
    const model = new Model(start.card === "demo" ? DEMO_KEPT : NEW_CARD, ORACLE);
    model.defects.unreadable = start.card === "unreadable";
    model.onMove = options.counts ? (from, to) => options.counts?.moved(from, to) : undefined;
    this.models = [model];
    this.#invariants = new Invariants(options.ignore);
  }

  /** The model that stands for all: before a cut is resolved, the first. */
  get model(): Model {
    return this.models[0] as Model;
  }

  /** The first eight bytes of DF20, as they were asked for last. */
  get status(): Uint8Array | undefined {
    return this.#status;
  }

  /** Plays a step. Throws a Disagreement where the card does not do as the model. */
  step(step: Step): void {
    this.#carryOut(step);
    const status = this.#askStatus();
    this.#look({ action: PAUSE, answer: undefined, raw: undefined, cut: false, status });
    if (status) this.#compareStatus(status);
  }

  #carryOut(step: Step): void {
    switch (step.do) {
      case "contact":
        return this.#contact(step.key, step.closed);
      case "press":
        return this.#press(step.key, step.ms);
      case "type":
        for (const digit of this.#digits(step.typed)) this.#press(Number(digit), TAP);
        return;
      case "wait":
        return this.#wait(step.ms);
      case "await":
        return this.#await(step.early);
      case "battery":
        return this.#battery(step.millivolts);
      case "cut":
        return this.#cut(step.count, step.torn);
      case "random":
        return this.#random(step.fails);
      case "hello":
      case "noise":
      case "panel":
        this.#frame(this.#host[step.do]());
        return;
      case "begin":
        return this.#begin(step.version);
      case "authenticate":
        return this.#authenticate(step);
      case "command":
        this.#frame(this.#host.command(step.meant, this.#known, step.via, step.spoilt));
    }
  }

  // ---- keys and time ----

  #contact(key: number, closed: boolean): void {
    if (((this.model.ram.contacts.closed >> key) & 1) === (closed ? 1 : 0)) return;
    const name = KEYS[key] as KeyName;
    this.#line(`${closed ? "down" : "up"} ${name}`);
    this.#happen(
      { kind: "contact", key, closed },
      () => (closed ? this.card.down(name) : this.card.up(name)),
      (model) => model.contact(key, closed),
    );
  }

  #press(key: number, ms: number): void {
    this.#contact(key, true);
    this.#wait(ms);
    this.#contact(key, false);
    this.#wait(UP);
  }

  #wait(ms: number): void {
    for (let left = ms; left > 0; left -= LONGEST) {
      const part = Math.min(left, LONGEST);
      this.#line(`wait ${part}`);
      this.#happen(
        { kind: "wait", ms: part },
        () => this.card.wait(part),
        (model) => model.wait(part),
      );
    }
  }

  #await(early: number): void {
    const { due } = this.model;
    if (due !== NEVER && due >= early) this.#wait(due - early);
  }

  #battery(millivolts: number): void {
    this.#line(`battery ${millivolts}`);
    this.#happen(
      { kind: "battery", millivolts },
      () => this.card.setBattery(millivolts),
      (model) => model.setBattery(millivolts),
    );
  }

  #cut(count: number, torn: boolean): void {
    this.#line(`cut-at ${count} ${torn ? "torn" : "clean"}`);
    this.card.cutAt(count, torn ? "torn" : "clean");
  }

  /** Only of a card that is off: it looks at its random source when it turns on. */
  #random(fails: boolean): void {
    if (this.card.on) return;
    this.#line(`random ${fails ? "fails" : "works"}`);
    this.card.randomFails = fails;
    this.#probe.randomFails = fails;
    this.#probed = -1;
    for (const model of this.models) model.defects.random = fails;
  }

  #digits(typed: Typed): string {
    const { kept, ram } = this.model;
    switch (typed.what) {
      case "some":
        return typed.digits;
      case "right PIN":
        return kept.pin === "" ? "4071" : kept.pin;
      case "wrong PIN":
        return wrongPinFor(kept.pin);
      case "weak PIN":
        return "1234";
      case "new PIN":
        return kept.pin === "7394" ? "2608" : "7394";
      case "again":
        return ram.repeat === "" ? "7394" : ram.repeat;
      case "right code":
        return rightCode(this.#known) ?? "12345678";
      case "wrong code":
        return wrongCodeFor(rightCode(this.#known));
    }
  }

  // ---- the serial line ----

  get #known(): Known {
    return this.model.kept;
  }

  #begin(version: "any" | "right" | "wrong"): void {
    const { kvn } = this.model.kept;
    const wanted = { any: 0, right: kvn, wrong: kvn === 0x55 ? 0x56 : 0x55 }[version];
    const answer = this.#frame(this.#host.initializeUpdate(wanted));
    if (answer && answer.length === 31) this.#host.begun(answer);
  }

  #authenticate({ level, keys, spoilt }: Extract<Step, { do: "authenticate" }>): void {
    const { keys: own } = this.model.kept;
    this.#frame(this.#host.externalAuthenticate(level, keys === "right" ? own : own + 1, spoilt));
  }

  /** Sends a frame. Returns the payload that came back, if any. */
  #frame(made: Made): Buffer | undefined {
    this.#line(`serial ${Buffer.from(made.bytes).toString("hex")}`);
    let answer: Buffer | undefined;
    this.#play(
      { kind: "frame", frame: made.frame },
      () => {
        this.card.receive(made.bytes);
        answer = answerIn(this.card.takeSent());
        return answer;
      },
      (model) => receive(model, made.frame),
    );
    if (!answer && made.frame.kind === "command" && (made.frame.asked.secured ?? made.frame.asked.proves))
      this.#host.lost();
    return answer;
  }

  // ---- playing and comparing ----

  /** What happens without an answer. */
  #happen(action: Seen["action"], onCard: () => void, onModel: (model: Model) => void): void {
    this.#play(
      action,
      () => {
        onCard();
        return undefined;
      },
      (model) => {
        onModel(model);
        return undefined;
      },
    );
  }

  #play(action: Seen["action"], onCard: () => Buffer | undefined, onModel: (model: Model) => Answer | undefined): void {
    const before = this.model.state;
    const answers = this.models.map((model) => {
      model.trace = [];
      return onModel(model);
    });
    this.expected = answers[0];
    this.answered = "";
    const answer = this.#onCard(onCard);
    this.answered = answer?.toString("hex") ?? "";
    const late = answerIn(this.card.takeSent());
    const cut = this.card.takeCut();
    this.#display = this.card.display;
    if (cut) this.models = this.models.flatMap((model) => model.cut());
    this.#learn();
    // Within a step only where flash was written: asking takes longer than the step.
    const status = this.card.flash.operations === this.#probed ? undefined : this.#askStatus();
    this.#look({ action, answer: answers[0], raw: answer ?? late, cut, status });
    this.#compare(cut ? undefined : answers, answer);
    if (status) this.#compareStatus(status);
    const { counts } = this.#options;
    counts?.note(action, before, this.model, answers[0]);
    if (cut && counts) counts.cuts++;
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

  /** A lock code is what the card shows; from then on it is known. */
  #learn(): void {
    if (this.card.state !== "LOCK_CODE") return;
    for (const model of this.models) {
      if (model.state !== State.LOCK_CODE || model.kept.lockCode !== undefined) continue;
      model.kept = { ...model.kept, lockCode: this.#display };
    }
  }

  #compare(answers: readonly (Answer | undefined)[] | undefined, answer: Buffer | undefined): void {
    const models = this.models;
    let first: Difference | undefined;
    const left = models.filter((model, index) => {
      const difference = this.#difference(model) ?? (answers && this.#answerDiffers(answers[index], answer));
      first ??= difference;
      return !difference;
    });
    if (left.length === 0) this.#disagree(first as Difference, models);
    this.models = left;
  }

  #disagree(difference: Difference, models: readonly Model[]): never {
    throw new Disagreement(difference, models);
  }

  #difference(model: Model): Difference | undefined {
    const { card } = this;
    const state = State[model.state] as string;
    if (card.state !== state) return { what: "state", expected: state, actual: card.state };
    const shown = model.display;
    const display = this.#display;
    if (shown !== undefined && shown !== display) return { what: "display", expected: shown, actual: display };
    if (card.on !== model.on) return { what: "power", expected: String(model.on), actual: String(card.on) };
    if (card.due !== model.due) return this.#dueDiffers(model);
    return undefined;
  }

  /** Where deadlines are not compared, the model takes the card's, so that the rest can be. */
  #dueDiffers(model: Model): Difference | undefined {
    const { due } = this.card;
    if (!this.#options.ignore?.has("deadline"))
      return { what: "deadline", expected: `in ${model.due} ms`, actual: `in ${due} ms` };
    model.ram.deadline = model.now + due;
    return undefined;
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
    const data = expected.secured ? this.#host.unwrap(plain, sw) : plain;
    if (!data) return { what: "response MAC", expected: "right", actual: "wrong" };
    if (sw !== Sw.DONE && data.length > 0) return { what: "data", expected: "none with an error", actual: hexOf(data) };
    return sw === Sw.DONE ? this.#dataDiffers(expected, data) : undefined;
  }

  #dataDiffers({ data }: Answer, actual: Buffer): Difference | undefined {
    if (!data || Buffer.from(data).equals(actual)) return undefined;
    return { what: "data", expected: hexOf(Buffer.from(data)), actual: hexOf(actual) };
  }

  // ---- GET DATA of the status, asked of a copy ----

  /** Looks at the invariants before the models, so that a difference that breaks one has its name. */
  #look(seen: Pick<Seen, "action" | "answer" | "raw" | "cut" | "status">): void {
    const { card } = this;
    const broken = this.#invariants.broken({
      action: seen.action,
      answer: seen.answer,
      raw: seen.raw,
      cut: seen.cut,
      status: seen.status,
      now: this.model.now,
      state: card.state,
      display: this.#display,
      on: card.on,
      due: card.due,
      operations: card.flash.operations,
      battery: card.battery,
    });
    if (broken) this.#disagree(broken, this.models);
  }

  #compareStatus(status: Uint8Array): void {
    const models = this.models;
    let first: Difference | undefined;
    const left = models.filter((model) => {
      const expected = expectedStatus(model);
      const same = expected.every((byte, at) => byte === status[at]);
      if (!same)
        first ??= { what: "status", expected: hexOf(Buffer.from(expected)), actual: hexOf(Buffer.from(status)) };
      return same;
    });
    if (left.length === 0) this.#disagree(first as Difference, models);
    this.models = left;
  }

  /** The first eight bytes of DF20, asked of a copy so that asking changes nothing; nothing where it cannot answer. */
  #askStatus(): Uint8Array | undefined {
    const { card } = this;
    const { operations } = card.flash;
    if (this.model.ram.held) return undefined;
    if (!card.on && operations === this.#probed) return this.#status;
    card.save("probe");
    const probe = this.#probe;
    probe.load("probe", card);
    if (!card.on) probe.setBattery(FULL);
    probe.takeSent();
    if (card.state === "SERIAL" || card.state === "TEST") probe.receive(SELECT_FRAME);
    probe.takeSent();
    probe.receive(STATUS_FRAME);
    const answer = answerIn(probe.takeSent());
    this.#probed = operations;
    this.#status = answer && answer.length === 12 ? Uint8Array.from(answer.subarray(0, STATUS_PROBED)) : undefined;
    return this.#status;
  }

  #line(line: string): void {
    this.#options.onLine?.(line);
  }
}

/** What GET DATA says of the model's card; of one that is off, when it is turned on. */
function expectedStatus(model: Model): readonly number[] {
  const error = model.on ? model.ram.error : model.errorAtPowerOn;
  return statusOf(model.kept, error, 0).slice(0, STATUS_PROBED);
}

function flashOf(module: WebAssembly.Module, { seed, card }: Start): Flash {
  if (card === "blank") return new Flash();
  if (card === "unreadable") return new Flash(new Uint8Array(FLASH_SIZE).fill(0x5a));
  const known = DEMO_FLASH.get(module) ?? new Map<number, Uint8Array>();
  DEMO_FLASH.set(module, known);
  const made = known.get(seed);
  if (made) return new Flash(made);
  const flash = new Flash();
  personalizeDemo(module, flash, seed);
  known.set(seed, flash.bytes.slice());
  return flash;
}

/** The payload of the answer on channel 0, or nothing. */
function answerIn(bytes: Uint8Array): Buffer | undefined {
  if (bytes.length === 0) return undefined;
  const out: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === Slip.END) {
      if (out.length > 0) break;
    } else if (byte === Slip.ESC) out.push(bytes[++i] === Slip.ESC_END ? Slip.END : Slip.ESC);
    else out.push(byte);
  }
  if (out[0] !== Channel.APDU) return undefined;
  return Buffer.from(out.slice(1, -2));
}

function hexOf(bytes: Uint8Array | undefined): string {
  return bytes ? Buffer.from(bytes).toString("hex") : "nothing";
}

function swText(sw: readonly number[]): string {
  return sw.map((one) => one.toString(16)).join(" or ");
}
