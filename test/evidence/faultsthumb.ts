// Campaign faults-thumb: one of the chip's own instructions is skipped in the check of a wrong PIN. That must open
// nothing and gain no try.
//
// In QEMU a timer interrupts the image at an exact instruction and returns past it (test/rig/meter/skip.c). The
// module's object code is the product's. A case is one execution of one instruction: first/2134 is the 2134th after OK
// with all tries left, last/… with one.

import { buildImages, missingFor } from "../../board/builder/images.js";
import { DEMO } from "../../sim/session/demo.js";
import type { Campaign, Failure, Options, Result } from "./campaign.js";
import { DisturbedCard, type Verdict } from "./faultsthumb/disturbedcard.js";
import { Code } from "./faultsthumb/imagefunctions.js";
import { choose, type Step, sample } from "./faultsthumb/skips.js";

/** The PIN check with a fault: tries left before it, and the skipped executions of each instruction. */
interface Scenario {
  readonly name: string;
  readonly left: number;
  readonly executions: number;
}

const SCENARIOS: readonly Scenario[] = [
  { name: "first", left: DEMO.tries, executions: 4 },
  { name: "last", left: 1, executions: 2 },
];
/** Progress is reported after this many cases. */
const LOG_EVERY = 1000;

/** How much of it. */
interface Scale {
  /** All executions of all instructions. */
  readonly all: boolean;
  /** A sample of so many of each scenario. */
  readonly sample?: number;
  /** Only this function, and only this scenario. */
  readonly around?: string;
  readonly scenario?: string;
}

export const FAULTS_THUMB: Campaign = {
  name: "faults-thumb",
  title: "one instruction skipped in the check of a wrong PIN, on the chip's own code",
  run: async (options) => {
    const missing = missingFor("meter");
    if (missing) return { figures: [], failures: [], skipped: missing };
    return new Faults(buildImages("meter"), { all: options.long }, options).run();
  },
};

export class Faults {
  readonly #image: string;
  readonly #code: Code;
  readonly #scale: Scale;
  readonly #options: Pick<Options, "only" | "log">;
  readonly #kinds: Record<Verdict["kind"], number> = { refused: 0, reset: 0, lost: 0, unspent: 0, violation: 0 };
  readonly #failures: Failure[] = [];
  readonly #addresses = new Set<number>();
  #cases = 0;
  #executed = 0;

  constructor(image: string, scale: Scale, options: Pick<Options, "only" | "log">) {
    this.#image = image;
    this.#code = new Code(image);
    this.#scale = scale;
    this.#options = options;
  }

  async run(): Promise<Result> {
    const { only } = this.#options;
    const wanted = only?.split("/")[0] ?? this.#scale.scenario;
    const isWanted = ({ name }: Scenario) => wanted === undefined || wanted === name;
    for (const scenario of SCENARIOS.filter(isWanted)) await this.#runScenario(scenario);
    if (only !== undefined && this.#cases === 0) return { figures: [], failures: [{ id: only, what: "no such case" }] };
    const { reset, lost, unspent, violation } = this.#kinds;
    return {
      failures: this.#failures,
      figures: [
        { name: "thumb_executed", value: this.#executed, unit: "instructions executed" },
        { name: "thumb_instructions", value: this.#addresses.size, unit: "different instructions skipped" },
        { name: "thumb_skips", value: this.#cases, unit: "executions skipped" },
        { name: "thumb_resets", value: reset, unit: "resets" },
        { name: "thumb_lockups", value: lost, unit: "ended with the machine" },
        { name: "thumb_unspent", value: unspent, unit: "not spent, and the right PIN would not open" },
        { name: "thumb_violations", value: violation, unit: "violations" },
      ],
    };
  }

  async #runScenario({ name, left, executions }: Scenario): Promise<void> {
    const disturbed = new DisturbedCard(this.#image, left);
    try {
      const { around } = this.#scale;
      const course = (await disturbed.course()).filter(({ address }) => this.#code.isOurs(address, around));
      this.#executed += course.length;
      for (const step of this.#chosen(name, course, executions)) await this.#case(disturbed, name, step);
      this.#options.log(`${name}: ${disturbed.outcomes} different outcomes, ${disturbed.machines} machines`);
    } finally {
      await disturbed.stop();
    }
  }

  #chosen(name: string, course: readonly Step[], executions: number): Step[] {
    const { only } = this.#options;
    if (only !== undefined) return course.filter(({ index }) => only === `${name}/${index}`);
    const chosen = choose(course, this.#scale.all ? Number.POSITIVE_INFINITY : executions);
    return this.#scale.sample === undefined ? chosen : sample(chosen, this.#scale.sample);
  }

  async #case(disturbed: DisturbedCard, name: string, step: Step): Promise<void> {
    const { kind, what } = await disturbed.judge(step);
    this.#kinds[kind]++;
    this.#addresses.add(step.address);
    if (++this.#cases % LOG_EVERY === 0) this.#options.log(`${this.#cases} skips, ${this.#kinds.violation} violations`);
    if (!what) return;
    const failure = { id: `${name}/${step.index}`, what: `${this.#code.nameOf(step.address)}: ${what}` };
    this.#failures.push(failure);
    this.#options.log(`${failure.id}: ${failure.what}`);
  }
}
