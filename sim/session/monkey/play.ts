// Carries out the steps of a random run on a card and its models: turns "the right PIN" or "open 33 with the wrong
// keys" into keys and frames, each as one line of the command language.

import { NEVER } from "../../../firmware/wire.js";
import { KEYS, type KeyName } from "../../core/card.js";
import { receive } from "../../core/model/commands.js";
import type { Model } from "../../core/model/model.js";
import { DEMO } from "../demo.js";
import { type CompareOptions, Comparison } from "./comparison.js";
import { Host, type Known, type Made, rightCode, wrongCodeFor, wrongPinFor } from "./host.js";
import { type Start, type Step, TAP, type Typed, UP } from "./steps.js";

export interface PlayOptions extends CompareOptions {
  /** Lines of the command language, as they are played. */
  readonly onLine?: (line: string) => void;
}

/** The file name for `flash` in the lines of a card with unreadable flash, until a file exists. */
export const UNREADABLE_FILE = "unreadable.bin";

/** A longer wait is played in parts, since a host may pass no more at once (docs/ABI.md). */
const LONGEST = 1_000_000_000;

export class Play {
  readonly #host = new Host();
  readonly #both: Comparison;
  /** undefined: nobody reads the lines, so none are made. */
  readonly #line: PlayOptions["onLine"];

  constructor(module: WebAssembly.Module, start: Start, options: PlayOptions = {}) {
    this.#line = options.onLine;
    this.#line?.(`seed ${start.seed}`);
    if (start.card === "demo") this.#line?.("demo");
    if (start.card === "unreadable") this.#line?.(`flash ${UNREADABLE_FILE}`);
    this.#both = new Comparison(module, start, (data, sw) => this.#host.unwrap(data, sw), options);
  }

  /** The card and its models. */
  get both(): Comparison {
    return this.#both;
  }

  /** The representative model. */
  get model(): Model {
    return this.#both.model;
  }

  /** Plays a step. Throws a Disagreement if the card differs from the model. */
  step(step: Step): void {
    this.#carryOut(step);
    this.#both.settle();
  }

  #carryOut(step: Step): void {
    switch (step.do) {
      case "contact":
        return this.#contact(step.key, step.closed);
      case "press":
        return this.#press(step.key, step.ms);
      case "type":
        for (const digit of digitsOf(step.typed, this.model)) this.#press(Number(digit), TAP);
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

  // ---- keys, time and power ----

  #contact(key: number, closed: boolean): void {
    if (((this.model.ram.contacts.closed >> key) & 1) === (closed ? 1 : 0)) return;
    const name = KEYS[key] as KeyName;
    this.#line?.(`${closed ? "down" : "up"} ${name}`);
    this.#both.happen(
      { kind: "contact", key, closed },
      (card) => (closed ? card.down(name) : card.up(name)),
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
      this.#line?.(`wait ${part}`);
      this.#both.happen(
        { kind: "wait", ms: part },
        (card) => card.wait(part),
        (model) => model.wait(part),
      );
    }
  }

  #await(early: number): void {
    const { due } = this.model;
    if (due !== NEVER && due >= early) this.#wait(due - early);
  }

  #battery(millivolts: number): void {
    this.#line?.(`battery ${millivolts}`);
    this.#both.happen(
      { kind: "battery", millivolts },
      (card) => card.setBattery(millivolts),
      (model) => model.setBattery(millivolts),
    );
  }

  #cut(count: number, torn: boolean): void {
    const mode = torn ? "torn" : "clean";
    this.#line?.(`cut-at ${count} ${mode}`);
    this.#both.card.cutAt(count, mode);
  }

  /** Only for a card that is off, since it checks its random source at power-on. */
  #random(fails: boolean): void {
    if (this.#both.card.on) return;
    this.#line?.(`random ${fails ? "fails" : "works"}`);
    this.#both.randomFails(fails);
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
  #frame({ bytes, frame }: Made): Buffer | undefined {
    this.#line?.(`serial ${Buffer.from(bytes).toString("hex")}`);
    const answer = this.#both.send({ kind: "frame", frame }, bytes, (model) => receive(model, frame));
    if (!answer && frame.kind === "command" && (frame.asked.secured ?? frame.asked.proves)) this.#host.lost();
    return answer;
  }
}

/** The intended digits, given the state of the card. */
export function digitsOf(typed: Typed, { kept, ram }: Model): string {
  switch (typed.what) {
    case "some":
      return typed.digits;
    case "right PIN":
      return kept.pin === "" ? DEMO.pin : kept.pin;
    case "wrong PIN":
      return wrongPinFor(kept.pin);
    case "weak PIN":
      return "1234";
    case "new PIN":
      return kept.pin === NEW_PIN ? OTHER_PIN : NEW_PIN;
    case "again":
      return ram.repeat === "" ? NEW_PIN : ram.repeat;
    case "right code":
      return rightCode(kept) ?? "12345678";
    case "wrong code":
      return wrongCodeFor(rightCode(kept));
  }
}

/** PINs that owners choose in these runs. */
export const NEW_PIN = "7394";
export const OTHER_PIN = "2608";
