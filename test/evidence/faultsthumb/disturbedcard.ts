// A card on the meter gets wrong PINs with a skipped instruction; then the gain of each is measured.

import { MachineError } from "../../../board/emulator/machine.js";
import { Key } from "../../../firmware/wire.js";
import { DEMO } from "../../../sim/session/demo.js";
import { MeterReset, type Reading } from "../../rig/meter.js";
import { MeterLost } from "../../rig/meterline.js";
import { demoFlash } from "../../support/board.js";
import { expected, WRONG_PIN } from "../../support/cards.js";
import { MeteredCard } from "../timing/chip.js";
import type { Step } from "./skips.js";

const CHALLENGE = "123456";
const MESSAGE = 2000;
/** The places for saved cards: before the fault, and after it. */
const PLACE = { BEFORE: 0, AFTER: 1 };
/** Longer than any attempt (ms), so the machine is lost. */
const TIME_LIMIT = 5000;
/** Instructions of the meter between arming the skip and the card's first. */
const MARGIN = 200;
/** The number of entries that a message may swallow before "no verdict" is believed. */
const SPARE = 3;
/** How often an attempt is repeated if nothing was skipped; the last time on a fresh machine. */
const REPEATS = 3;
/** The number of skips that locate the attempt in the trace. */
const PROBES = 12;

/** The result of an attempt: a reading, or the chip was reset, or the machine was lost. */
type Trial = Reading | "reset" | "lost";

/** What a card after a fault still gives away. */
interface Gain {
  /** The right PIN still opens after as many wrong ones as there were tries, including the faulted one. */
  readonly oneMore: boolean;
  /** The violation, if there is one. */
  readonly fault?: string;
}

export interface Verdict {
  readonly kind: "refused" | "reset" | "lost" | "unspent" | "violation";
  readonly what?: string;
}

export class DisturbedCard {
  readonly #image: string;
  /** Tries left before the faulted attempt. */
  readonly #left: number;
  readonly #gains = new Map<string, Gain>();
  #card: MeteredCard | undefined;
  /** The result of an attempt without a fault. */
  #usual = "";
  /** Machines that had to be started. */
  machines = 0;

  constructor(image: string, left: number) {
    this.#image = image;
    this.#left = left;
  }

  async stop(): Promise<void> {
    await this.#card?.stop();
    this.#card = undefined;
  }

  /** How many different outcomes there were. */
  get outcomes(): number {
    return this.#gains.size;
  }

  // ---- the course of an attempt ----

  /** The instructions from OK to the return. */
  async course(): Promise<Step[]> {
    const card = await this.#ready();
    const traced = await card.meter.trace(() => card.enterAt(PLACE.BEFORE, WRONG_PIN));
    // An instruction that reaches a peripheral is begun twice.
    const addresses = traced.filter((address, i) => address !== traced[i - 1]);
    const usual = await card.enterAt(PLACE.BEFORE, WRONG_PIN);
    this.#usual = outcomeOf(usual);
    const { instructions } = usual;
    const offset = await this.#offsetIn(addresses, instructions);
    const length = instructions + MARGIN;
    return addresses.slice(offset, offset + length).map((address, index) => ({ index, address }));
  }

  /** The position in the trace from which skips are counted, found by the addresses of some skips. */
  async #offsetIn(addresses: readonly number[], instructions: number): Promise<number> {
    let fitting = addresses.map((_, offset) => offset);
    for (let probe = 1; probe <= PROBES; probe++) {
      const index = Math.floor((instructions * probe) / (PROBES + 1));
      const trial = await this.#trial(WRONG_PIN, index);
      if (typeof trial === "string") continue;
      fitting = fitting.filter((offset) => addresses[offset + index] === trial.skipped);
    }
    if (fitting.length !== 1) throw new Error(`the trace fits ${fitting.length} times`);
    return fitting[0] as number;
  }

  // ---- a fault ----

  /** Enters a wrong PIN with a skipped instruction. Returns the gain. */
  async judge(step: Step): Promise<Verdict> {
    const verdict = await this.#judgeOnce(step);
    if (verdict.kind !== "violation") return verdict;
    // Restart the machine, so that earlier faults do not affect this one.
    await this.stop();
    this.#gains.clear();
    return this.#judgeOnce(step);
  }

  async #judgeOnce({ index, address }: Step): Promise<Verdict> {
    const trial = await this.#trial(WRONG_PIN, index);
    if (typeof trial === "object" && trial.skipped !== address) {
      return { kind: "violation", what: `0x${trial.skipped.toString(16)} was skipped instead` };
    }
    const gain = await this.#within(() => this.#gainOf(trial)).catch(lostAt);
    if (!gain) {
      await this.stop();
      return { kind: "lost" };
    }
    if (gain.fault) return { kind: "violation", what: gain.fault };
    if (!gain.oneMore) return { kind: typeof trial === "string" ? trial : "refused" };
    // The try was not spent. That gains something only if the right PIN, with the same fault, would have opened.
    const opens = await this.#opensWith(index);
    return opens ? { kind: "violation", what: "no try is spent, and the right PIN opens" } : { kind: "unspent" };
  }

  async #opensWith(index: number): Promise<boolean> {
    // Its path may be shorter; then the skip comes after its end and has no effect.
    const trial = await this.#trial(DEMO.pin, index, true);
    return this.#within(() =>
      this.#afterReset(
        () => this.#opens(trial),
        async () => false,
      ),
    );
  }

  async #gainOf(trial: Trial): Promise<Gain> {
    if (trial === "lost") return { oneMore: false };
    const card = await this.#ready();
    const key = trial === "reset" ? `reset ${await card.meter.digest()}` : outcomeOf(trial);
    const gain = this.#gains.get(key) ?? (await this.#ask(card, trial));
    this.#gains.set(key, gain);
    // The usual outcome leaves the machine clean; any other may have changed memory outside the card.
    if (key !== this.#usual) await card.meter.reset();
    return gain;
  }

  /** Tries the card after a fault, in the same session and after a power cycle. */
  async #ask(card: MeteredCard, trial: Trial): Promise<Gain> {
    await card.meter.save(PLACE.AFTER);
    const opened = await this.#afterReset(
      () => this.#opens(trial),
      async () => false,
    );
    if (opened) return { oneMore: false, fault: "a wrong PIN opens" };
    const oneMore = await this.#opensAfter(card, this.#left - 1);
    if (oneMore && (await this.#opensAfter(card, this.#left))) return { oneMore, fault: "tries are given back" };
    return { oneMore };
  }

  /** Whether the right PIN opens after so many wrong ones: in the same session, or when power was off. */
  async #opensAfter(card: MeteredCard, wrong: number): Promise<boolean> {
    await card.meter.load(PLACE.AFTER);
    if (await this.#opensAt(card, wrong, await this.#shownAfter(card, async () => {}))) return true;
    await card.meter.load(PLACE.AFTER);
    await card.meter.boot();
    return this.#opensAt(card, wrong, await card.turnOn());
  }

  async #opensAt(card: MeteredCard, wrong: number, shown: string): Promise<boolean> {
    if (shown.startsWith("PIN>*")) await card.tap(Key.PRESS);
    for (let counted = 0, left = wrong + SPARE; counted < wrong && left > 0; left--)
      counted += await this.#failOnce(card);
    return this.#afterReset(
      async () => this.#opens(await card.meter.enter(DEMO.pin)),
      async () => false,
    );
  }

  /** Enters a wrong PIN. Returns the number of verdicts: none if a message swallowed the digits. */
  async #failOnce(card: MeteredCard): Promise<number> {
    let counted = 0;
    await this.#shownAfter(card, async () => {
      const { display } = await card.meter.enter(WRONG_PIN);
      counted = /^(LEFT|LOCKED)/.test(display) ? 1 : 0;
    });
    return counted;
  }

  /** The screen after the card's message; after a reset of the chip, the screen after turning on. */
  #shownAfter(card: MeteredCard, act: () => Promise<unknown>): Promise<string> {
    return this.#afterReset(
      async () => {
        await act();
        return (await card.meter.tick(MESSAGE)).display;
      },
      () => card.turnOn(),
    );
  }

  /** Runs an action, or another one if the chip was reset meanwhile. */
  async #afterReset<T>(act: () => Promise<T>, otherwise: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (error instanceof MeterReset) return otherwise();
      throw error;
    }
  }

  /** Whether a card asks for a challenge, and answers it with the token key. */
  async #opens(trial: Trial): Promise<boolean> {
    if (typeof trial === "string" || trial.display !== "CHALLNG>") return false;
    const { meter } = await this.#ready();
    const card = new MeteredCard(meter);
    for (const digit of CHALLENGE) await card.tap(Number(digit));
    await card.tap(Key.OK);
    return (await meter.tick(0)).display === expected(CHALLENGE);
  }

  // ---- the machine ----

  /** An attempt with a skip, repeated if the timer missed the instruction, as QEMU's sometimes does. */
  async #trial(pin: string, skip: number, mayMiss = false): Promise<Trial> {
    for (let left = REPEATS; left > 0; left--) {
      const trial = await this.#trialOnce(pin, skip);
      if (typeof trial === "string" || trial.skipped !== 0) return trial;
      if (mayMiss && left === 1) return trial;
      if (left === 2) await this.stop();
    }
    throw new Error(`nothing was skipped at ${skip}`);
  }

  async #trialOnce(pin: string, skip: number): Promise<Trial> {
    const card = await this.#ready();
    try {
      const [, reading] = await this.#within(() =>
        Promise.all([card.meter.load(PLACE.BEFORE), card.meter.enter(pin, skip)]),
      );
      return reading;
    } catch (error) {
      if (error instanceof MeterReset) return "reset";
      await this.stop();
      return "lost";
    }
  }

  /** Runs an action on the machine, and stops the machine if the action never ends. */
  async #within<T>(act: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => void this.stop(), TIME_LIMIT);
    try {
      return await act();
    } finally {
      clearTimeout(timer);
    }
  }

  /** The card, saved at its request for the PIN with so many tries left. */
  async #ready(): Promise<MeteredCard> {
    if (this.#card) return this.#card;
    this.machines++;
    const card = await MeteredCard.start(this.#image, demoFlash());
    this.#card = card;
    await card.turnOn();
    for (let left = DEMO.tries; left > this.#left; left--) {
      await card.meter.enter(WRONG_PIN);
      await card.meter.tick(MESSAGE);
    }
    await card.meter.save(PLACE.BEFORE);
    return card;
  }
}

/** Returns undefined if the machine is gone or was reset again; rethrows any other error. */
function lostAt(error: unknown): undefined {
  if (error instanceof MeterLost || error instanceof MeterReset || error instanceof MachineError) return undefined;
  throw error;
}

/** The key of an outcome: the screen, and the digest of memory and flash. */
function outcomeOf({ display, due }: Reading): string {
  return `${display} ${due}`;
}
