// Campaign power-cuts: power fails before, inside and after every flash operation of every flow; the card then starts
// from flash alone, and its state is checked (docs/CARD.md, Tries, Personalization, Wipe).
//
// A flow is run once with power on, and its flash operations are recorded. From each of them the flash after a cut is made,
// and given to a new card. An id names flow, operation and cut, such as unlock/97/torn-of-5. After a "+" comes a second cut,
// in the same flow on the flash that the first one left.
//
// The card always has a key, the old one or the new one: either it is wholly unchanged, or it holds the new record and
// can finish its personalization with the new key.

import type { Card } from "../../sim/core/card.js";
import type { FlashCopy } from "../../sim/core/flash.js";
import { Random } from "../../sim/core/random.js";
import { loadFirmware } from "../../sim/session/firmware.js";
import type { Campaign, Failure, Options, Result } from "./campaign.js";
import { FLOWS, type Flow, type Start } from "./powercuts/flows.js";
import { Judge, keyOf, messageOf } from "./powercuts/judge.js";
import { LIVES, type Life, wear } from "./powercuts/lives.js";
import { type Cut, cutNamed, cutsAt, imageOf, isExhaustive, MOST, type Operation } from "./powercuts/recorder.js";
import { Broken, type Expectation, Familiar, type Moment, Prevented, Run } from "./powercuts/run.js";

/** The size of a run. */
export interface Scale {
  /** Seeded torn writes of an operation that has too many for all of them. */
  readonly tornWrites: number;
  /**
  If the bits of a program have at most this many subsets, all are tried; all are also tried for the words of a try.
  */
  readonly few: number;
  readonly fewOfTry: number;
  /** Torn writes of a program that fails while power stays on, except for a spent try. The first one leaves nothing. */
  readonly preventedTornWrites: number;
  /** Torn writes of each of the two operations of a pair, in flows with a PIN or an unlock code and in the others; 0: no pairs. */
  readonly pairTornWrites: number;
  readonly otherPairTornWrites: number;
  /** Seeded lives of each kind, and logins in the wear test. */
  readonly lives: number;
  readonly logins: number;
}

const NORMAL: Scale = {
  tornWrites: 64,
  few: 1024,
  fewOfTry: 1024,
  preventedTornWrites: 3,
  pairTornWrites: 8,
  otherPairTornWrites: 2,
  lives: 100,
  logins: 5_000,
};
const LONG: Scale = {
  tornWrites: MOST,
  few: 1024,
  fewOfTry: 65_536,
  preventedTornWrites: 16,
  pairTornWrites: 32,
  otherPairTornWrites: 8,
  lives: 2_000,
  logins: 100_000,
};
/** The words that spend a try and give it back (docs/FLASH.md), and the flow in which all their torn writes are tried. */
const SPENT = 0x3cc35aa5;
const GIVEN = 0xc33ca55a;
const TRY_FLOW = "right";
const UNSPENT = "it opened though its try was not spent";
/** The cuts in an id. */
const CUT_NAMES = /(?<=\/|prevented-)(?:before|after|torn-(?:all|of)-\d+)/g;
const NOTHING = { pin: false, code: false };
const WEAR = "wear";
/** The number of failures of one flow that are reported. */
const ENOUGH = 5;
const SEEDS = { FIRST: 2, SECOND: 5 };

export const POWER_CUTS: Campaign = {
  name: "power-cuts",
  title: "power fails at every flash operation of every flow; nothing is lost, gained or left behind",
  run: async (options) => new PowerCuts(loadFirmware(), options.long ? LONG : NORMAL, options).run(),
};

/** The counts over all flows. */
interface Counts {
  operations: number;
  single: number;
  exhaustive: number;
  pairs: number;
  pairsRun: number;
  prevented: number;
  lives: number;
  images: number;
  cards: number;
  erases: number;
}

export class PowerCuts {
  readonly #module: WebAssembly.Module;
  readonly #scale: Scale;
  readonly #options: Pick<Options, "only" | "log">;
  readonly #counts: Counts = {
    ...{ operations: 0, single: 0, exhaustive: 0, pairs: 0, pairsRun: 0, prevented: 0 },
    ...{ lives: 0, images: 0, cards: 0, erases: 0 },
  };
  readonly #failures: Failure[] = [];
  #judge: Judge;
  /** The number of cases that were run. */
  #cases = 0;

  constructor(module: WebAssembly.Module, scale: Scale, options: Pick<Options, "only" | "log">) {
    this.#module = module;
    this.#scale = scale;
    this.#options = options;
    this.#judge = new Judge(module);
  }

  run(): Result {
    const names = [...FLOWS, ...LIVES].map(({ name }) => name);
    const failures = this.failuresOf([...names, WEAR].filter((name) => this.#wants(name)));
    const { operations, single, exhaustive, pairs, pairsRun, prevented, lives, images, cards, erases } = this.#counts;
    return {
      failures,
      figures: [
        { name: "power_cuts_flows", value: FLOWS.length, unit: "flows" },
        { name: "power_cuts_operations", value: operations, unit: "flash operations" },
        { name: "power_cuts_single", value: single, unit: "cuts" },
        { name: "power_cuts_exhaustive", value: exhaustive, unit: "programs whose every subset of bits was left" },
        { name: "power_cuts_pairs", value: pairs, unit: "pairs of cuts" },
        {
          name: "power_cuts_pairs_run",
          value: pairsRun,
          unit: "pairs of cuts run, the others being like one of these",
        },
        { name: "power_cuts_prevented", value: prevented, unit: "programs prevented" },
        { name: "power_cuts_images", value: images, unit: "different images" },
        { name: "power_cuts_cards", value: cards, unit: "different cards asked" },
        { name: "power_cuts_lives", value: lives, unit: "lives with random cuts" },
        { name: "wear_logins", value: this.#scale.logins, unit: "logins" },
        { name: "wear_erases", value: erases, unit: "erases of the most worn page" },
      ],
    };
  }

  /** Runs flows, lives and the wear by name. */
  failuresOf(names: readonly string[]): readonly Failure[] {
    for (const name of names) {
      const flow = FLOWS.find((one) => one.name === name);
      const life = LIVES.find((one) => one.name === name);
      if (flow) this.#attempt(`${name}/whole`, () => this.#runFlow(flow));
      if (life) this.#attempt(`${name}/whole`, () => this.#live(life));
      if (name === WEAR) this.#attempt(WEAR, () => this.#wear());
    }
    const { only } = this.#options;
    if (only !== undefined && this.#cases === 0) return [{ id: only, what: "no case has this id" }];
    return this.#failures;
  }

  // ---- a flow ----

  #runFlow(flow: Flow): void {
    this.#judge = new Judge(this.#module);
    try {
      const start = flow.start(this.#module);
      const run = this.#record(flow, start, SEEDS.FIRST);
      this.#single(flow, run);
      this.#prevented(flow, start, run);
      if (this.#wantsPairs(flow)) this.#pairs(flow, run);
    } finally {
      this.#counts.images += this.#judge.images;
      this.#counts.cards += this.#judge.cards;
      this.#options.log(`${flow.name}: ${this.#counts.single} cuts, ${this.#counts.pairs} pairs so far`);
    }
  }

  /** Runs a flow with power on. */
  #record(flow: Flow, { flash, now }: Start, seed: number): Run {
    const run = new Run(this.#module, flash, now, { seed });
    flow.run(run);
    return run;
  }

  // ---- one cut ----

  #single(flow: Flow, run: Run): void {
    this.#counts.operations += run.moments.length;
    for (const [number, moment] of run.moments.entries()) {
      const few = this.#few(flow, moment.operation);
      if (isExhaustive(moment.operation, few)) this.#counts.exhaustive++;
      this.#counts.single += this.#cutsOf(moment, `${flow.name}/${number}`, this.#scale.tornWrites, few);
    }
    this.#counts.single++;
    this.#case(`${flow.name}/end`, () => run.flash.copy(), run.expectation);
  }

  #few(flow: Flow, { value }: Operation): number {
    const isTry = flow.name === TRY_FLOW && (value === SPENT || value === GIVEN);
    return isTry ? this.#scale.fewOfTry : this.#scale.few;
  }

  /** Judges all cuts at an operation. Returns their number. */
  #cutsOf({ operation, ...expectation }: Moment, id: string, tornWrites: number, few = 0): number {
    const cuts = this.#cutsAt(operation, tornWrites, few);
    for (const cut of cuts) this.#case(`${id}/${cut.name}`, () => imageOf(operation, cut), expectation);
    return cuts.length;
  }

  /** The cuts of this scale; for a replayed case, the cuts that its id names, of any scale. */
  #cutsAt(operation: Operation, tornWrites: number, few = 0): Cut[] {
    const { only } = this.#options;
    if (only === undefined) return cutsAt(operation, tornWrites, few);
    const names = new Set(only.match(CUT_NAMES));
    return [...names].flatMap((name) => cutNamed(operation, name) ?? []);
  }

  #case(id: string, image: () => FlashCopy, expectation: Expectation): void {
    if (!this.#isWanted(id)) return;
    const flash = image();
    const fault = this.#judge.fault(flash, expectation);
    if (this.#options.only !== undefined) this.#options.log(`${id}: ${this.#judge.explain(flash, expectation.used)}`);
    if (fault) this.#failed(id, fault);
  }

  // ---- an operation that fails while power stays on ----

  /** A wrongly programmed word must open nothing: the card is as before the operation, or as after it. */
  #prevented(flow: Flow, start: Start, run: Run): void {
    for (const [number, moment] of run.moments.entries()) {
      const { value } = moment.operation;
      if (value === undefined) continue;
      const tornWrites = value === SPENT ? this.#scale.tornWrites : this.#scale.preventedTornWrites;
      for (const torn of this.#cutsAt(moment.operation, tornWrites).filter((cut) => cut.tornBits)) {
        const id = `${flow.name}/${number}/prevented-${torn.name}`;
        if (!this.#isWanted(id) || wordAfter(moment.operation, torn) === value) continue;
        this.#counts.prevented++;
        const fault = this.#faultOfPrevented(flow, start, number, moment, torn);
        if (fault) this.#failed(id, fault);
      }
    }
  }

  #faultOfPrevented(flow: Flow, { flash, now }: Start, number: number, moment: Moment, cut: Cut): string | undefined {
    const run = new Run(this.#module, flash, now, { seed: SEEDS.FIRST, stops: true, cuts: 1 });
    run.flash.prevented = { number, bits: (cut.tornBits as NonNullable<Cut["tornBits"]>)() };
    try {
      flow.run(run);
    } catch (error) {
      // The operation was refused, or the action is over. Any other end, such as a trap or a misuse of flash, is a
      // fault.
      if (!isEnd(error)) return messageOf(error);
    }
    const unspent = moment.operation.value === SPENT && moment.opening > 0 && run.opened >= moment.opening;
    return unspent ? UNSPENT : this.#judge.fault(run.flash.copy(), { ...moment, gone: NOTHING });
  }

  // ---- two cuts ----

  /** The flow is started again after each cut, and cut again: during the clean-up at power-on, or later. */
  #pairs(flow: Flow, run: Run): void {
    const seen = new Map<string, number>();
    const familiar = new Map<string, number>();
    for (const [number, { operation, used }] of run.moments.entries()) {
      for (const cut of this.#cutsAt(operation, this.#pairTornWrites(flow))) {
        const id = `${flow.name}/${number}/${cut.name}`;
        if (!this.#isFirst(id)) continue;
        const first = imageOf(operation, cut);
        const key = `${keyOf(first)} ${used}`;
        const known = seen.get(key);
        const pairs = known ?? this.#seconds(flow, id, first, used, familiar);
        seen.set(key, pairs);
        this.#counts.pairs += pairs;
      }
    }
  }

  /** Returns the number of second cuts. Those after power-on are judged once for all first cuts with the same result. */
  #seconds(flow: Flow, id: string, flash: FlashCopy, used: readonly string[], familiar: Map<string, number>): number {
    const verdict = this.#judge.verdict(flash, used);
    if ("broken" in verdict) return 0;
    let state = "";
    let atStart = 0;
    const onStart = (card: Card) => {
      state = `${keyOf(card.flash.copy(), card.memory)} ${used}`;
      atStart = run.moments.length;
      if (familiar.has(state)) throw new Familiar();
    };
    const run = new Run(this.#module, flash, verdict.situation, { seed: SEEDS.SECOND, used, cuts: 1, onStart });
    try {
      flow.run(run);
      this.#case(`${id}+end`, () => run.flash.copy(), run.expectation);
    } catch (error) {
      if (error instanceof EnoughFailures) throw error;
      if (!(error instanceof Familiar)) this.#failed(`${id}+whole`, messageOf(error));
    }
    const counts = run.moments.map((moment, number) =>
      this.#cutsOf(moment, `${id}+${number}`, this.#pairTornWrites(flow)),
    );
    this.#counts.pairsRun += sum(counts);
    const early = sum(counts.slice(0, atStart));
    const late = familiar.get(state) ?? sum(counts.slice(atStart));
    familiar.set(state, late);
    return early + late;
  }

  // ---- whole lives ----

  #live(life: Life): void {
    const card = life.card(this.#module);
    card.save("start");
    for (let seed = 1; seed <= this.#scale.lives; seed++) {
      if (!this.#isWanted(`${life.name}/${seed}`)) continue;
      this.#counts.lives++;
      this.#attempt(`${life.name}/${seed}`, () => {
        card.load("start");
        life.live(card, new Random(seed));
      });
    }
  }

  #wear(): void {
    this.#cases++;
    this.#counts.erases = wear(this.#module, this.#scale.logins);
  }

  #pairTornWrites({ typed }: Flow): number {
    return typed ? this.#scale.pairTornWrites : this.#scale.otherPairTornWrites;
  }

  // ---- failures ----

  /** Whether a flow or a life has the requested case. */
  #wants(name: string): boolean {
    return this.#options.only === undefined || this.#options.only.split("/")[0] === name;
  }

  #wantsPairs(flow: Flow): boolean {
    return this.#pairTornWrites(flow) > 0 && (this.#options.only?.includes("+") ?? true);
  }

  /** Whether the requested pair begins with this cut. */
  #isFirst(id: string): boolean {
    return this.#options.only?.startsWith(`${id}+`) ?? true;
  }

  #isWanted(id: string): boolean {
    const wanted = this.#options.only === undefined || this.#options.only === id;
    if (wanted) this.#cases++;
    return wanted;
  }

  /** Any error is a failure of the case. */
  #attempt(id: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof EnoughFailures)) this.#note(id, messageOf(error));
    }
  }

  #failed(id: string, what: string): void {
    this.#note(id, what);
    const [name] = id.split("/");
    if (this.#failures.filter((failure) => failure.id.split("/")[0] === name).length >= ENOUGH)
      throw new EnoughFailures();
  }

  #note(id: string, what: string): void {
    const { only } = this.#options;
    if (only !== undefined && only !== id) return;
    this.#cases++;
    this.#failures.push({ id, what });
  }
}

class EnoughFailures extends Error {}

function isEnd(error: unknown): boolean {
  return error instanceof Broken || error instanceof Prevented;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function wordAfter(operation: Operation, cut: Cut): number {
  return new DataView(imageOf(operation, cut).bytes.buffer).getUint32(operation.at, true);
}
