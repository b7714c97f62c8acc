// Makes random steps from a seed. Most of them belong to a plot, a short sequence that leads somewhere (a login, a
// lock-out and its unlock code, a personalization, a bench test), so that deep states are reached. Disturbances of
// every kind come between the steps of a plot.

import { Key, Level, Life, Limit, SelfTest, SetStatusP2, State } from "../../../firmware/wire.js";
import { LEVELS } from "../../../host-tools/card/scp03.js";
import type { Model } from "../../core/model/model.js";
import { Random } from "../../core/random.js";
import { type Meant, type PinChoice, type Spoilt, SUITES, storedOf, TAGS, type Via } from "./host.js";
import { LONG, type Start, type Step, TAP, type Typed } from "./steps.js";

const BATTERIES = [3000, 3000, 2400, 2399, 2300, 2100, 2099, 1500, 0] as const;
const SECONDS = 1000;
const DAY = 86_400 * SECONDS;
const CLOCK = 2 ** 32;
const OK: number = Key.OK;
const PRESS: number = Key.PRESS;

/** The percentage of steps that disturb a plot. */
const DISTURBED = 8;
/** The number of seeds for cards: few, since making a demo card takes time and the steps differ anyway. */
const CARDS = 16;

export class Generator {
  readonly #random: Random;
  #plot: Step[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** How a run begins. */
  start(): Start {
    const kind = this.#below(20);
    const card = kind === 0 ? "unreadable" : kind < 9 ? "demo" : "blank";
    return { seed: 1 + this.#below(CARDS), card };
  }

  /** The next step; `model` is the current state of the card. */
  next(model: Model): Step {
    if (this.#plot.length === 0) this.#plot = this.#newPlot(model);
    if (this.#below(100) < DISTURBED) return this.#disturbance(model);
    return this.#plot.shift() ?? this.#disturbance(model);
  }

  // ---- plots ----

  #newPlot(model: Model): Step[] {
    const plots = this.#plotsFor(model);
    const total = plots.reduce((sum, [weight]) => sum + weight, 0);
    let left = this.#below(total);
    for (const [weight, plot] of plots) {
      left -= weight;
      if (left < 0) return plot();
    }
    return [];
  }

  #plotsFor(model: Model): (readonly [number, () => Step[]])[] {
    if (model.battery === 0) return [[1, () => [{ do: "battery", millivolts: this.#pick([3000, 3000, 3000, 2300]) }]]];
    if (model.ram.held)
      return [[1, () => [this.#chance(4) ? { do: "await", early: this.#below(2) } : this.#anyWait(model)]]];
    const common: (readonly [number, () => Step[]])[] = [
      [4, () => [this.#disturbance(model)]],
      [6, () => this.#benchVisit(model)],
      [2, () => [this.#anyCommand()]],
      [1, () => this.#battering()],
    ];
    return [...common, ...this.#onScreen(model)];
  }

  #onScreen(model: Model): (readonly [number, () => Step[]])[] {
    switch (model.state) {
      case State.OFF:
        return [[16, () => [press(PRESS, this.#pick([LONG, 800, 900, 1500]))]]];
      case State.PIN:
        return [
          [12, () => [type("right PIN"), press(OK)]],
          [8, () => [type("wrong PIN"), press(OK)]],
          [4, () => this.#lockOut(model)],
        ];
      case State.CHALLENGE:
        return [
          [12, () => [this.#some(6), press(OK)]],
          [6, () => [press(OK, LONG)]],
        ];
      case State.NEW_PIN:
        return [
          [12, () => [type("new PIN"), press(OK), type("again"), press(OK)]],
          [3, () => [type("weak PIN"), press(OK)]],
          [3, () => [type("new PIN"), press(OK), this.#some(4), press(OK)]],
        ];
      case State.REPEAT_PIN:
        return [[8, () => [type("again"), press(OK)]]];
      case State.LOCKED:
        return [
          [14, () => [press(OK)]],
          [8, () => this.#block(model)],
        ];
      case State.LOCK_CODE:
        return [[14, () => [press(OK)]]];
      case State.UNLOCK:
        return [
          [10, () => [type("right code"), press(OK)]],
          [6, () => [type("wrong code"), press(OK)]],
        ];
      case State.NO_KEY:
        return [
          [8, () => this.#personalization(model)],
          [4, () => this.#benchTest()],
        ];
      case State.SERIAL:
      case State.TEST:
        return [[14, () => this.#inChannel(model)]];
      default:
        return [[6, () => [{ do: "await", early: this.#below(3) - 1 < 0 ? 0 : this.#below(2) }]]];
    }
  }

  #lockOut({ kept }: Model): Step[] {
    const steps: Step[] = [];
    for (let i = 0; i < kept.left; i++) steps.push(type("wrong PIN"), press(OK), { do: "await", early: 0 });
    return steps;
  }

  #block({ kept }: Model): Step[] {
    const one: Step[] = [press(OK), press(OK), type("wrong code"), press(OK), { do: "await", early: 0 }];
    return Array.from({ length: kept.codes }, () => one).flat();
  }

  #open(level: number, keys: "right" | "wrong" = "right", spoilt = false): Step[] {
    return [
      { do: "begin", version: this.#pick(["any", "any", "any", "right", "wrong"]) },
      { do: "authenticate", level, keys, spoilt },
    ];
  }

  #personalization(model: Model): Step[] {
    const steps = this.#open(Level.FULL);
    steps.push(inChannel(this.#storeData()));
    if (this.#chance(60))
      steps.push(inChannel({ ins: "INTERNAL_AUTHENTICATE", pin: this.#pinChoice(), challenge: this.#digits(6) }));
    if (this.#chance(30)) steps.push(inChannel(this.#putKey(model)));
    if (this.#chance(75)) steps.push(inChannel({ ins: "SET_STATUS", life: SetStatusP2.PERSONALIZED }));
    if (this.#chance(50)) steps.push(plain({ ins: "SELECT", application: "named" }));
    return steps;
  }

  #benchTest(): Step[] {
    const via: Via = this.#chance(30) ? "channel" : "plain";
    const steps: Step[] = [{ do: "command", meant: { ins: "SELF_TEST", test: this.#pick([1, 1, 2]) }, via }];
    for (let i = this.#below(4); i > 0; i--) steps.push(press(this.#below(12)));
    steps.push({ do: "command", meant: { ins: "SELF_TEST", test: 1 + this.#below(6) }, via });
    if (this.#chance(50)) steps.push({ do: "command", meant: { ins: "SELF_TEST", test: SelfTest.KEYS }, via });
    return steps;
  }

  #benchVisit(model: Model): Step[] {
    const wrong = this.#chance(25);
    const steps = this.#open(this.#level(), wrong ? "wrong" : "right", this.#chance(6));
    for (let i = this.#below(3); i > 0; i--) steps.push(...this.#inChannel(model));
    return steps;
  }

  #inChannel(model: Model): Step[] {
    if (!model.ram.channel && this.#chance(70)) return this.#open(this.#chance(50) ? Level.FULL : this.#level());
    const { life } = model.kept;
    const plots: (() => Step[])[] = [
      () => [inChannel(this.#storeData())],
      () => [
        inChannel({
          ins: "SET_STATUS",
          life:
            life === Life.SEEDED
              ? SetStatusP2.PERSONALIZED
              : this.#pick([SetStatusP2.PERSONALIZED, SetStatusP2.WIPED, 0x02]),
        }),
      ],
      () => [inChannel({ ins: "INTERNAL_AUTHENTICATE", pin: this.#pinChoice(), challenge: this.#digits(6) })],
      () => [inChannel({ ins: "CHANGE_REFERENCE_DATA", pin: this.#pinChoice(), newPin: this.#digits(4) })],
      () => [inChannel({ ins: "RESET_RETRY_COUNTER", code: this.#pinChoice(), newPin: this.#digits(4) })],
      () => [inChannel(this.#putKey(model))],
      () => [this.#anyCommand()],
      () => [this.#anyCommand()],
      () => this.#benchTest(),
      () => [plain({ ins: "SELECT", application: "default" })],
    ];
    return this.#pick(plots)();
  }

  /** The battery runs low, or power fails during the following steps. */
  #battering(): Step[] {
    if (this.#chance(60))
      return [{ do: "cut", count: 1 + this.#below(this.#pick([3, 20, 130])), torn: this.#chance(60) }];
    return [{ do: "battery", millivolts: this.#pick(BATTERIES) }];
  }

  // ---- disturbances ----

  #disturbance(model: Model): Step {
    switch (this.#below(14)) {
      case 0:
      case 1:
        return this.#anyWait(model);
      case 2:
        return { do: "await", early: this.#pick([0, 0, 1, 2, 20]) };
      case 3:
        return { do: "battery", millivolts: this.#pick(BATTERIES) };
      case 4:
        return { do: "cut", count: 1 + this.#below(this.#pick([2, 5, 40, 130])), torn: this.#chance(50) };
      case 5:
        return { do: this.#pick(["hello", "hello", "noise", "panel"] as const) };
      case 6:
        return this.#anyCommand();
      case 7:
        return { do: "random", fails: this.#chance(25) };
      case 8:
        return this.#some(1 + this.#below(9));
      case 9:
        return press(this.#below(12), this.#pick([TAP, TAP, LONG, 5, 19, 20, 21, 799, 800, 801, 40 * SECONDS]));
      case 10:
        return press(PRESS, this.#pick([TAP, LONG]));
      default:
        return { do: "contact", key: this.#below(12), closed: this.#chance(50) };
    }
  }

  #anyWait(model: Model): Step {
    const ms = this.#pick([
      () => 1 + this.#below(60),
      () => 1 + this.#below(60),
      () => 1 + this.#below(1500),
      () => 1 + this.#below(40 * SECONDS),
      () => 1 + this.#below(400 * SECONDS),
      () => 1 + this.#below(20) * DAY,
      // To shortly before half of the clock's range, and to before its wrap.
      () => CLOCK / 2 - (model.now % (CLOCK / 2)) - this.#below(40) * SECONDS,
      () => CLOCK - (model.now % CLOCK) - this.#below(40) * SECONDS,
    ])();
    return { do: "wait", ms: Math.max(1, Math.floor(ms)) };
  }

  #anyCommand(): Step {
    const meant = this.#anyMeant();
    const via = this.#pick<Via>([
      ...(["plain", "plain", "plain", "channel", "channel", "channel", "channel", "channel"] as const),
      ...(["wrong MAC", "wrong padding", "old session"] as const),
    ]);
    if (!this.#chance(15)) return { do: "command", meant, via };
    const spoilt = this.#pick<Spoilt>(["size", "parameters", "class", "length field", "instruction"]);
    return { do: "command", meant, via, spoilt };
  }

  #anyMeant(): Meant {
    const makers: (() => Meant)[] = [
      () => ({ ins: "SELECT", application: this.#pick(["named", "default", "other"] as const) }),
      () => ({ ins: "GET_DATA", tag: this.#pick(TAGS) }),
      () => ({ ins: "GET_DATA", tag: this.#pick(TAGS) }),
      () => ({ ins: "SELF_TEST", test: this.#below(8) }),
      () => this.#storeData(),
      () => ({ ins: "INTERNAL_AUTHENTICATE", pin: this.#pinChoice(), challenge: this.#digits(6) }),
      () => ({ ins: "CHANGE_REFERENCE_DATA", pin: this.#pinChoice(), newPin: this.#digits(4) }),
      () => ({ ins: "RESET_RETRY_COUNTER", code: this.#pinChoice(), newPin: this.#digits(4) }),
      () => ({ ins: "PUT_KEY", keys: 1 + this.#below(200), short: this.#chance(50), ...this.#keyFault() }),
      () => ({
        ins: "SET_STATUS",
        life: this.#pick([SetStatusP2.WIPED, SetStatusP2.PERSONALIZED, SetStatusP2.PERSONALIZED, 0x07]),
      }),
    ];
    return this.#pick(makers)();
  }

  #storeData(): Meant {
    const tries = Limit.LEAST_TRIES + this.#below(Limit.MOST_TRIES - Limit.LEAST_TRIES + 1);
    const record = storedOf(1 + this.#below(SUITES.card.length + SUITES.server.length + 5), this.#digits(4), tries);
    if (!this.#chance(12)) return { ins: "STORE_DATA", record };
    return { ins: "STORE_DATA", record, wrong: this.#pick(["tries", "suite", "pin", "key length", "check"] as const) };
  }

  #putKey({ kept }: Model): Meant {
    return { ins: "PUT_KEY", keys: kept.keys + 1, short: this.#chance(50), ...this.#keyFault() };
  }

  #keyFault(): { wrong?: "kcv" | "version" } {
    return this.#chance(15) ? { wrong: this.#pick(["kcv", "version"] as const) } : {};
  }

  #pinChoice(): PinChoice {
    return this.#pick(["right", "right", "right", "wrong", "wrong", "letters"] as const);
  }

  #level(): number {
    return this.#pick(LEVELS);
  }

  #some(count: number): Step {
    return { do: "type", typed: { what: "some", digits: this.#digits(count) } };
  }

  // ---- chance ----

  #digits(count: number): string {
    let text = "";
    for (let i = 0; i < count; i++) text += this.#below(10);
    return text;
  }

  #chance(percent: number): boolean {
    return this.#below(100) < percent;
  }

  #below(limit: number): number {
    return Math.floor((this.#random.next() / CLOCK) * limit);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)] as T;
  }
}

function press(key: number, ms = TAP): Step {
  return { do: "press", key, ms };
}

function type(what: Exclude<Typed["what"], "some">): Step {
  return { do: "type", typed: { what } };
}

function inChannel(meant: Meant): Step {
  return { do: "command", meant, via: "channel" };
}

function plain(meant: Meant): Step {
  return { do: "command", meant, via: "plain" };
}
