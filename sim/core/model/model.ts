// The card of docs/CARD.md as an executable model, with which random runs are compared.
//
// It contains no cryptography. A PIN is right if it equals the PIN that the model was told; whether a code, a MAC or an
// encrypted record is right is a fact given with the input; an oracle computes responses. The contents of flash
// (`kept`) and of RAM (`ram`) are two records, so that a power cut means: one of the values that `kept` had during the
// step, and a fresh `ram`.
//
//   screens and their times   TIMES          what a key does on each   the functions named as the states
//   what comes first          first()        the serial line           commands.ts

import { Digits, Key, KeyVersion, Life, Limit, NEVER, State } from "../../../firmware/wire.js";
import { type Act, type Contacts, dueOf, move, nextAct, noContacts } from "./keys.js";

export type { Contacts } from "./keys.js";

export type Check = "none" | "card" | "server";

/** The contents of flash. */
export interface Kept {
  readonly life: Life;
  readonly check: Check;
  /** Wrong PINs in a row that lock the card, PIN tries left, and code tries left. */
  readonly tries: number;
  readonly left: number;
  readonly codes: number;
  readonly pin: string;
  /** The number of the last stored record, which has the token key and the unlock key. */
  readonly record: number;
  readonly serial: string;
  readonly suite: string;
  /** The number of the transport keys (0: the public test keys), and their version. */
  readonly keys: number;
  readonly kvn: number;
  /** undefined until it was shown. */
  readonly lockCode: string | undefined;
}

/** State that is lost without power. What `off` also clears is in FORGOTTEN. */
export interface Ram extends Forgotten {
  state: State;
  contacts: Contacts;
  /** Wrong transport keys in a row. */
  failures: number;
  /** The card turned off while a key was down that is still down: the key does nothing any more. */
  ended: boolean;
  /** A delayed answer, and when it is sent. */
  held: { readonly at: number; readonly sw: number } | undefined;
}

/** Everything that was entered, opened, shown or begun. */
interface Forgotten {
  /** When the screen's time ends, and which screen follows, if any. */
  deadline: number;
  next: State;
  entered: string;
  /** The new PIN that has to be repeated. */
  repeat: string;
  /** What opened the keys. */
  opened: "" | "pin" | "code";
  /** The PIN that opened them, if it goes into the response. */
  typed: string;
  response: string;
  error: number;
  /** The key that is down ended a message, so its release does nothing. */
  spent: boolean;
  /** When the last frame arrived since the card was turned on. */
  frameAt: number | undefined;
  /** Keys that the bench test recorded (bit n for key n), and the last of them. */
  tested: number;
  shown: number | undefined;
  /** The session that INITIALIZE UPDATE began, and the open channel. */
  begun: number | undefined;
  channel: { readonly session: number; readonly level: number } | undefined;
}

const FORGOTTEN: Forgotten = {
  ...{ deadline: Number.POSITIVE_INFINITY, next: State.OFF, entered: "", repeat: "", opened: "", typed: "" },
  ...{ response: "", error: 0, spent: false, frameAt: undefined, tested: 0, shown: undefined },
  ...{ begun: undefined, channel: undefined },
};

/** Answers that need keys. */
export interface Oracle {
  /** The response of a record's key to a challenge; `pin` if the suite has P. */
  response(record: number, challenge: string, pin: string): string;
  /** The unlock code that belongs to a lock code. */
  unlockCode(record: number, lockCode: string): string;
}

export const WARNING = 2400;
export const LOWEST = 2100;
export const CODES = Limit.CODE_TRIES;
const PIN_DIGITS = Digits.PIN;
const CHALLENGE_DIGITS = Digits.CHALLENGE;
const CODE_DIGITS = Digits.CODE;

/** The idle time-out: 30 s, or 5 minutes on screens that are used during a phone call. */
export const IDLE = 30_000;
const PHONE_CALL = 300_000;

/** Screens whose time no key extends: the time, and whether a key ends it. The next screen is set on entry. */
const TIMES: Partial<Record<State, { readonly ms: number; readonly message: boolean }>> = {
  [State.BATT_LOW]: { ms: 1_000, message: true },
  [State.NO_KEY]: { ms: 3_000, message: true },
  [State.WRONG_PIN]: { ms: 2_000, message: true },
  [State.WEAK_PIN]: { ms: 2_000, message: true },
  [State.NO_MATCH]: { ms: 2_000, message: true },
  [State.PIN_SET]: { ms: 2_000, message: true },
  [State.WRONG_CODE]: { ms: 2_000, message: true },
  [State.RESPONSE]: { ms: 60_000, message: false },
};

/** Screens on which an unauthenticated frame restarts the idle time-out while nothing is entered. */
const QUIET: ReadonlySet<State> = new Set([
  ...[State.NO_KEY, State.PIN, State.LOCKED, State.BLOCKED, State.ERROR, State.TEST],
]);

/** Screens with fixed texts. */
const TEXTS: Partial<Record<State, string>> = {
  ...{ [State.OFF]: "", [State.BATT_LOW]: "BATT LOW", [State.NO_KEY]: "NO KEY", [State.WEAK_PIN]: "WEAK PIN" },
  ...{ [State.NO_MATCH]: "NO MATCH", [State.PIN_SET]: "PIN SET", [State.LOCKED]: "LOCKED" },
  ...{ [State.WRONG_CODE]: "WRONG", [State.BLOCKED]: "BLOCKED", [State.SERIAL]: "SERIAL" },
};

/** A factory-new card. */
export const NEW_CARD: Kept = {
  ...{ life: Life.BLANK, check: "none", tries: 0, left: 0, codes: 0, pin: "", record: 0, serial: "", suite: "" },
  ...{ keys: 0, kvn: KeyVersion.TEST, lockCode: undefined },
};

/** Defects of a card. */
export interface Defects {
  /** Flash contains data that no card writes. */
  unreadable: boolean;
  /** The random source fails. */
  random: boolean;
}

export class Model {
  now = 0;
  battery = 3000;
  ram: Ram = freshRam();
  defects: Defects = { unreadable: false, random: false };
  /** The contents of flash during this step, in order. */
  trace: Kept[] = [];
  /** Called for each change of state. */
  onMove: ((from: State, to: State) => void) | undefined;

  constructor(
    public kept: Kept,
    readonly oracle: Oracle,
  ) {}

  copy(): Model {
    const copy = new Model(this.kept, this.oracle);
    copy.now = this.now;
    copy.battery = this.battery;
    copy.ram = { ...this.ram, contacts: { ...this.ram.contacts } };
    copy.defects = { ...this.defects };
    copy.trace = this.trace;
    copy.onMove = this.onMove;
    return copy;
  }

  // ---- what can be seen ----

  get state(): State {
    return this.ram.state;
  }

  get on(): boolean {
    return this.ram.state !== State.OFF;
  }

  /** The text of the screen; undefined: a lock code that was not seen before. */
  get display(): string | undefined {
    const { state, entered } = this.ram;
    switch (state) {
      case State.PIN:
        return `PIN>${"*".repeat(entered.length)}`;
      case State.NEW_PIN:
        return `NEW>${"*".repeat(entered.length)}`;
      case State.REPEAT_PIN:
        return `REP>${"*".repeat(entered.length)}`;
      case State.CHALLENGE:
        return entered || "CHALLNG>";
      case State.UNLOCK:
        return entered || "UNLOCK>";
      case State.WRONG_PIN:
        return `LEFT ${this.kept.left}`;
      case State.RESPONSE:
        return this.ram.response;
      case State.LOCK_CODE:
        return this.kept.lockCode;
      case State.ERROR:
        return `ERROR 0${this.ram.error}`;
      case State.TEST:
        return this.ram.shown === undefined ? "********" : `TEST ${String(this.ram.shown).padStart(2, "0")}`;
      default:
        return TEXTS[state];
    }
  }

  /** Milliseconds until something happens by itself; NEVER if nothing will. */
  get due(): number {
    if (this.battery === 0) return NEVER;
    const due = this.#next() - this.now;
    return due > NEVER ? NEVER : due;
  }

  // ---- what can happen ----

  contact(key: number, closed: boolean): void {
    move(this.ram.contacts, key, closed, this.now);
  }

  wait(ms: number): void {
    const end = this.now + ms;
    while (this.battery !== 0 && this.#next() <= end) {
      this.now = this.#next();
      this.#happen();
    }
    this.now = end;
  }

  setBattery(millivolts: number): void {
    const had = this.battery !== 0;
    this.battery = millivolts;
    if (had && millivolts === 0) this.#die();
    if (had || millivolts === 0) return;
    // Contacts that are closed when power returns count as pressed now.
    const { closed } = this.ram.contacts;
    this.ram = freshRam();
    for (let key = 0; key < 12; key++) if (closed & (1 << key)) this.contact(key, true);
  }

  /** Power failed during the step that was just done: returns every card that may result. */
  cut(): Model[] {
    const kept = [...new Map([...this.trace, this.kept].map((one) => [JSON.stringify(one), one])).values()];
    return kept.map((one) => {
      const model = this.copy();
      model.kept = one;
      model.battery = 0;
      model.#die();
      return model;
    });
  }

  // ---- time and keys ----

  #next(): number {
    const { contacts, state, deadline, held } = this.ram;
    let next = dueOf(contacts);
    if (state !== State.OFF && deadline < next) next = deadline;
    if (held && held.at < next) next = held.at;
    return next;
  }

  /**
   * Does what is due now. Keys come before time-outs, since a key that comes in time counts. An answer is sent after
   * all that.
   */
  #happen(): void {
    for (let one = nextAct(this.ram.contacts, this.now); one; one = nextAct(this.ram.contacts, this.now)) {
      this.#key(one.act, one.key);
    }
    if (this.on && this.ram.deadline <= this.now) this.#timeOut();
    if (this.ram.held && this.ram.held.at <= this.now) this.ram.held = undefined;
  }

  #timeOut(): void {
    if (TIMES[this.state]?.message) this.show(this.ram.next);
    else this.off();
  }

  #key(act: Act, key: number): void {
    this.restartIdle();
    if (act === "down") Object.assign(this.ram, { spent: false, ended: false });
    if (this.ram.ended || (act === "tap" && this.ram.spent)) return;
    if (this.state === State.OFF) {
      if (act === "hold" && key === Key.PRESS) this.turnOn();
      return;
    }
    if (TIMES[this.state]?.message) {
      if (act !== "down") return;
      this.ram.spent = true;
      this.show(this.ram.next);
      return;
    }
    if (key === Key.PRESS && act === "hold") return this.off();
    if (this.state === State.TEST) return this.#test(act, key);
    if (key === Key.PRESS && act === "tap") return this.#press();
    if (act === "hold" && key === Key.OK) return this.#holdOk();
    if (act === "tap") this.#tap(key);
  }

  #press(): void {
    if (this.ram.entered === "") return this.off();
    this.ram.entered = "";
  }

  #test(act: Act, key: number): void {
    if (act !== "down") return;
    this.ram.shown = key;
    this.ram.tested |= 1 << key;
  }

  #holdOk(): void {
    if (this.state !== State.CHALLENGE || this.ram.entered !== "" || this.kept.check !== "card") return;
    this.show(State.NEW_PIN);
  }

  #tap(key: number): void {
    switch (this.state) {
      case State.PIN:
        return this.#enter(key, PIN_DIGITS, (digits) => this.#pin(digits));
      case State.CHALLENGE:
        return this.#enter(key, CHALLENGE_DIGITS, (digits) => this.#challenge(digits));
      case State.NEW_PIN:
        return this.#enter(key, PIN_DIGITS, (digits) => this.#newPin(digits));
      case State.REPEAT_PIN:
        return this.#enter(key, PIN_DIGITS, (digits) => this.#repeatPin(digits));
      case State.UNLOCK:
        return this.#enter(key, CODE_DIGITS, (digits) => this.#unlock(digits));
      case State.RESPONSE:
        return key === Key.OK ? this.show(State.CHALLENGE) : undefined;
      case State.LOCKED:
        return key === Key.OK ? this.show(State.LOCK_CODE) : undefined;
      case State.LOCK_CODE:
        return key === Key.OK ? this.show(State.UNLOCK) : undefined;
      default:
    }
  }

  /** Further digits are ignored, and so is OK with too few digits. */
  #enter(key: number, size: number, done: (digits: string) => void): void {
    const { entered } = this.ram;
    if (key !== Key.OK) this.ram.entered = entered.length < size ? entered + key : entered;
    else if (entered.length === size) done(entered);
  }

  #pin(digits: string): void {
    if (this.kept.check === "server") {
      this.ram.opened = "pin";
      this.ram.typed = digits;
      return this.show(State.CHALLENGE);
    }
    if (this.battery < LOWEST) return this.off();
    if (this.tryPin(digits)) {
      this.ram.opened = "pin";
      this.show(State.CHALLENGE);
    } else this.show(this.kept.left === 0 ? State.LOCKED : State.WRONG_PIN);
  }

  #challenge(digits: string): void {
    this.ram.response = this.oracle.response(this.kept.record, digits, this.ram.typed);
    this.show(State.RESPONSE);
  }

  #newPin(digits: string): void {
    if (isWeak(digits)) return this.show(State.WEAK_PIN);
    this.ram.repeat = digits;
    this.show(State.REPEAT_PIN);
  }

  #repeatPin(digits: string): void {
    const same = digits === this.ram.repeat;
    this.ram.repeat = "";
    if (!same) return this.show(State.NO_MATCH);
    if (this.battery < LOWEST) return this.off();
    this.setPin(digits);
    this.ram.opened = "";
    this.show(State.PIN_SET);
  }

  #unlock(digits: string): void {
    if (this.battery < LOWEST) return this.off();
    if (this.tryCode(digits)) {
      this.ram.opened = "code";
      this.show(State.NEW_PIN);
    } else this.show(this.kept.codes === 0 ? State.BLOCKED : State.WRONG_CODE);
  }

  // ---- what is written ----

  write(changes: Partial<Kept>): void {
    this.trace.push(this.kept);
    this.kept = { ...this.kept, ...changes };
  }

  /** Uses up a try before the PIN is used. Returns whether the PIN is right, which restores all tries. */
  tryPin(pin: string): boolean {
    this.write({ left: this.kept.left - 1 });
    const right = pin === this.kept.pin;
    if (right) this.write({ left: this.kept.tries });
    return right;
  }

  /** The same for a code. A right one uses up its lock code, and restores only its own try. */
  tryCode(code: string): boolean {
    const { codes, lockCode } = this.kept;
    this.write({ codes: codes - 1 });
    const right = lockCode !== undefined && code === this.oracle.unlockCode(this.kept.record, lockCode);
    if (right) this.write({ codes, lockCode: undefined });
    return right;
  }

  setPin(pin: string): void {
    this.write({ pin, left: this.kept.tries, codes: CODES, lockCode: undefined });
  }

  // ---- screens ----

  /** The first screen that applies. */
  first(): State {
    const { life, check, left, codes } = this.kept;
    if (this.ram.error) return State.ERROR;
    if (life !== Life.PERSONALIZED) return State.NO_KEY;
    if (check === "card" && codes === 0) return State.BLOCKED;
    if (check === "card" && left === 0) return State.LOCKED;
    return State.PIN;
  }

  /** Shows a screen with empty input, and starts its time. */
  show(state: State): void {
    this.onMove?.(this.state, state);
    if (state === State.OFF) return this.off(false);
    const { ram } = this;
    ram.state = state;
    ram.entered = "";
    if (state !== State.RESPONSE) ram.response = "";
    if (state !== State.TEST) Object.assign(ram, { tested: 0, shown: undefined });
    ram.next = this.#successor();
    ram.deadline = this.now + (TIMES[state]?.ms ?? idleOf(state));
    if (state === State.NO_KEY && ram.frameAt !== undefined) ram.deadline = ram.frameAt + IDLE;
  }

  #successor(): State {
    switch (this.state) {
      case State.BATT_LOW:
        return this.first();
      case State.WRONG_PIN:
      case State.PIN_SET:
        return State.PIN;
      case State.WEAK_PIN:
      case State.NO_MATCH:
        return State.NEW_PIN;
      case State.WRONG_CODE:
        return State.LOCKED;
      default:
        return State.OFF;
    }
  }

  /** A key restarts the idle time-out of the current screen. */
  restartIdle(): void {
    if (this.on && !TIMES[this.state]) this.ram.deadline = this.now + idleOf(this.state);
  }

  /** A frame outside a channel restarts it only while nothing is entered, open or shown. */
  noteFrame(): void {
    this.ram.frameAt = this.now;
    const quiet = QUIET.has(this.state) && this.ram.entered === "";
    if (quiet) this.ram.deadline = this.now + IDLE;
  }

  /** The result of the self-test: the number of an ERROR, or 0. */
  get errorAtPowerOn(): number {
    if (this.defects.unreadable) return 2;
    return this.defects.random ? 3 : 0;
  }

  turnOn(): void {
    if (this.battery < LOWEST) return;
    this.ram.error = this.errorAtPowerOn;
    this.show(this.battery < WARNING ? State.BATT_LOW : this.first());
  }

  /** Turning off clears everything but the keys that are down and the count of wrong transport keys. */
  off(tell = true): void {
    if (tell) this.onMove?.(this.state, State.OFF);
    Object.assign(this.ram, FORGOTTEN);
    this.ram.state = State.OFF;
    this.ram.ended = this.ram.contacts.active !== undefined;
  }

  #die(): void {
    const { closed } = this.ram.contacts;
    this.ram = freshRam();
    this.ram.contacts.closed = closed;
  }
}

function freshRam(): Ram {
  return { ...FORGOTTEN, state: State.OFF, contacts: noContacts(), failures: 0, ended: false, held: undefined };
}

function idleOf(state: State): number {
  return state === State.LOCK_CODE || state === State.UNLOCK ? PHONE_CALL : IDLE;
}

/** Four equal digits, a run up or down (also past 9 or 0), a year 19xx or 20xx, a pair repeated. */
export function isWeak(pin: string): boolean {
  const steps = [1, 2, 3].map((i) => (Number(pin[i]) - Number(pin[i - 1]) + 10) % 10);
  const isRun = [0, 1, 9].some((step) => steps.every((one) => one === step));
  return isRun || /^(19|20)/.test(pin) || pin.slice(0, 2) === pin.slice(2);
}
