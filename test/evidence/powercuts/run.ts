// A run through a flow: it uses the card as its owner or the bench would, and states before each action the situations
// that are allowed if power fails during the action.

import { Cla, Ins, Level, SetStatusP2, Sw } from "../../../firmware/wire.js";
import type { Command } from "../../../host-tools/card/apdu.js";
import { encodeRecord } from "../../../host-tools/card/cardclient.js";
import type { SecureChannel } from "../../../host-tools/card/scp03.js";
import { putKeyData } from "../../../host-tools/card/transportkeys.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { Card } from "../../../sim/core/card.js";
import type { FlashCopy } from "../../../sim/core/flash.js";
import { exchange, openChannel } from "../../../sim/session/cardcommands.js";
import { enter, passMessage, turnOff, turnOn, unlockCodeOf, WRONG_PIN } from "../../support/cards.js";
import { type Operation, Recorder } from "./recorder.js";
import { type Opened, openable } from "./secrets.js";
import { ANY, CODES, keysOf, lineOf, recordOf, type Situation, seededWith } from "./situation.js";

/** The card misbehaved although power did not fail, or broke a promise. */
export class Broken extends Error {
  override name = "Broken";
}

/** Thrown when the rest of a run equals one that was seen before. */
export class Familiar extends Error {
  override name = "Familiar";
}

/** Thrown at the end of the action in which an operation was prevented. */
export class Prevented extends Error {
  override name = "Prevented";
}

/** The allowed results of a cut. */
export interface Expectation {
  /** The allowed situations. The first one is that before the action. */
  readonly allowed: readonly Situation[];
  /** Lock codes whose unlock code the card has accepted. */
  readonly used: readonly string[];
  /** What an attacker who reads the flash must no longer be able to open. */
  readonly gone: Opened;
}

/** An operation of a run, and what must hold if power fails at it or after it. */
export interface Moment extends Expectation {
  readonly operation: Operation;
  /** The number of the opening to which it belongs; 0: none. */
  readonly opening: number;
}

export interface RunOptions {
  readonly seed: number;
  readonly used?: readonly string[];
  /** The number of cuts so far, including this one. */
  readonly cuts?: number;
  /** Whether the run ends after the action in which an operation was prevented. */
  readonly stops?: boolean;
  /** Called when the card is on; may throw Familiar. */
  readonly onStart?: (card: Card) => void;
}

export class Run {
  readonly flash: Recorder;
  readonly card: Card;
  readonly moments: Moment[] = [];
  /** The card's situation. */
  now: Situation;
  used: readonly string[];
  readonly #stops: boolean;
  readonly #onStart: ((card: Card) => void) | undefined;
  #channel: SecureChannel | undefined;
  #opened = 0;
  #isOpening = false;
  /** Whether the card has answered on its serial line since the action began. */
  #answered = false;
  /** Secrets that nothing may open any more. Power-on may still have to destroy what an earlier cut left. */
  #gone: Opened;

  constructor(module: WebAssembly.Module, copy: FlashCopy, now: Situation, options: RunOptions) {
    this.now = now;
    this.used = options.used ?? [];
    this.#gone = alreadyGone(now, copy);
    this.#stops = options.stops ?? false;
    this.#onStart = options.onStart;
    this.flash = new Recorder(copy, options.cuts);
    this.card = new Card(module, { flash: this.flash, seed: options.seed });
    this.card.watchers.push({
      sent: () => {
        this.#answered = true;
      },
    });
  }

  /** What must hold if power fails between two actions. */
  get expectation(): Expectation {
    return { allowed: [this.now], used: this.used, gone: this.#gone };
  }

  /** The number of right PINs and codes that the card has accepted. */
  get opened(): number {
    return this.#opened;
  }

  // ---- actions of an owner ----

  /** Holds PRESS; the battery is in. */
  turnOn(): void {
    this.#during([this.now], () => this.#expect(turnOn(this.card), firstScreen(this.now)));
    this.#onStart?.(this.card);
  }

  turnOff(): void {
    this.#during([this.now], () => turnOff(this.card));
  }

  rightPin(): void {
    this.card.type(this.#pin);
    this.#opens(this.#afterPin, "CHALLNG>");
  }

  wrongPin(): void {
    const left = this.now.left - 1;
    this.card.type(WRONG_PIN);
    this.#during([{ ...this.now, left }], () => this.#ok(left ? `LEFT ${left}` : "LOCKED"));
    if (left) this.#expect(passMessage(this.card), "PIN>");
  }

  /** After the right PIN. */
  respond(challenge: string): void {
    const { suite, key } = recordOf(this.now);
    this.#expect(enter(this.card, challenge), ocra(suite, key, { challenge, pin: this.#pin }));
    this.card.press("ok");
  }

  /** From CHALLNG> to NEW>. */
  askNewPin(): void {
    this.card.hold("ok");
    this.#expect(this.card.display, "NEW>");
  }

  /** From NEW>. */
  setPin(pin: string): void {
    this.#expect(enter(this.card, pin), "REP>");
    this.card.type(pin);
    this.#during([{ ...this.now, pin, left: this.now.tries, codes: CODES }], () => this.#ok("PIN SET"));
    this.#expect(passMessage(this.card), "PIN>");
  }

  /** From LOCKED. */
  wrongCode(): void {
    const codes = this.now.codes - 1;
    const right = this.#unlockCode(this.#askUnlock());
    this.card.type(`${(Number(right[0]) + 1) % 10}${right.slice(1)}`);
    this.#during([{ ...this.now, codes }], () => this.#ok(codes ? "WRONG" : "BLOCKED"));
    if (codes) this.#expect(passMessage(this.card), "LOCKED");
  }

  /** From LOCKED. The lock code must never be valid again. */
  rightCode(): void {
    const lockCode = this.#askUnlock();
    this.card.type(this.#unlockCode(lockCode));
    this.#opens([{ ...this.now, codes: this.now.codes - 1 }, this.now], "NEW>");
    this.used = [...this.used, lockCode];
  }

  // ---- actions of the bench ----

  openChannel(): void {
    this.#channel = openChannel(this.card, Level.FULL, keysOf(this.now.kvn));
  }

  seed(owner: string, tries: number): void {
    const data = encodeRecord(recordOf({ owner, tries }), keysOf(this.now.kvn).dek);
    this.#send({ ins: Ins.STORE_DATA, p1: 0xe0, p2: 0, data }, [seededWith(owner, tries, this.now.kvn)]);
  }

  /** The proof: the PIN is checked by the same code as from the keypad. */
  prove(challenge: string): void {
    const { suite, key } = recordOf(this.now);
    const pin = this.#pin;
    const data = Buffer.from(`${pin}${challenge}`, "ascii");
    const after = this.#afterPin;
    const response = this.#opening(() => this.#send({ ins: Ins.INTERNAL_AUTHENTICATE, p1: 0, p2: 0, data }, after));
    this.#expect(response.toString("ascii"), ocra(suite, key, { challenge, pin }));
  }

  rotateKeys(): void {
    const kvn = this.now.kvn === 1 ? 2 : 1;
    const data = putKeyData(keysOf(kvn), keysOf(this.now.kvn).dek);
    this.#send({ ins: Ins.PUT_KEY, p1: this.now.kvn, p2: 0x81, data }, [{ ...this.now, kvn }]);
  }

  finish(): void {
    const after: Situation = { ...this.now, life: "personalized" };
    this.#send({ ins: Ins.SET_STATUS, p1: 0x80, p2: SetStatusP2.PERSONALIZED }, [after]);
  }

  wipe(): void {
    const { kvn, serial } = this.now;
    const after: Situation = { life: "blank", tries: 0, left: 0, codes: 0, kvn, serial };
    this.#send({ ins: Ins.SET_STATUS, p1: 0x80, p2: SetStatusP2.WIPED }, [after]);
  }

  changePinOverSerial(pin: string): void {
    const data = Buffer.from(`${this.now.pin}${pin}`, "ascii");
    const spent = { ...this.now, left: this.now.left - 1 };
    const full = { ...this.now, left: this.now.tries };
    const after = [spent, full, { ...full, pin, codes: CODES }];
    this.#opening(() => this.#send({ ins: Ins.CHANGE_REFERENCE_DATA, p1: 0, p2: 0, data }, after));
  }

  /** `lockCode`: as the owner has read it to the help desk. */
  unlockOverSerial(lockCode: string, pin: string): void {
    const data = Buffer.from(`${this.#unlockCode(lockCode)}${pin}`, "ascii");
    const after = [
      { ...this.now, codes: this.now.codes - 1 },
      { ...this.now, pin, left: this.now.tries, codes: CODES },
    ];
    this.#opening(() => this.#send({ ins: Ins.RESET_RETRY_COUNTER, p1: 0, p2: 0, data }, after));
    this.used = [...this.used, lockCode];
  }

  /** From LOCKED to a lock code, and no further. */
  readLockCode(): string {
    this.card.press("ok");
    return this.card.display;
  }

  // ---- the expectations ----

  /** The right PIN; if the site checks it, the one in the record. */
  get #pin(): string {
    const { pin } = this.now;
    return pin === ANY || pin === undefined ? recordOf(this.now).pin : pin;
  }

  /** The situations that are possible after the check of the right PIN. */
  get #afterPin(): readonly Situation[] {
    const { pin, tries, left } = this.now;
    if (pin === ANY) return [this.now];
    return [
      { ...this.now, left: left - 1 },
      { ...this.now, left: tries },
    ];
  }

  #askUnlock(): string {
    const lockCode = this.readLockCode();
    this.card.press("ok");
    this.#expect(this.card.display, "UNLOCK>");
    return lockCode;
  }

  #unlockCode(lockCode: string): string {
    return unlockCodeOf(lockCode, recordOf(this.now).unlockKey);
  }

  #ok(screen: string): void {
    this.card.press("ok");
    this.#expect(this.card.display, screen);
  }

  #opens(after: readonly Situation[], screen: string): void {
    this.#opening(() => this.#during(after, () => this.#ok(screen)));
  }

  /** An action in which the card must accept a right PIN or code. */
  #opening<Value>(act: () => Value): Value {
    this.#isOpening = true;
    try {
      const value = act();
      this.#opened++;
      return value;
    } catch (error) {
      if (error instanceof Prevented) this.#opened++;
      throw error;
    } finally {
      this.#isOpening = false;
    }
  }

  #send(command: Omit<Command, "cla">, after: readonly Situation[]): Buffer {
    const channel = this.#channel as SecureChannel;
    let data: Buffer = Buffer.alloc(0);
    this.#during(after, () => {
      const answer = channel.unwrap(exchange(this.card, channel.wrap({ cla: Cla.GP_SECURE, ...command })));
      this.#expect(Sw[answer.sw] ?? answer.sw.toString(16), "DONE");
      data = answer.data;
    });
    return data;
  }

  /**
   * Acts. If power fails meanwhile, the card must be as before or as one of `after`; once it has shown or sent the outcome, as
   * the last of these.
   */
  #during(after: readonly Situation[], act: () => void): void {
    const last = after.at(-1) as Situation;
    const screen = this.card.display;
    this.#answered = false;
    const gone = [this.#gone, ...after.map(goneFrom)].reduce(both);
    let wiped = false;
    this.flash.onOperation = (operation) => {
      // A wipe first marks and zeroes; its later operations come when no secret is left.
      wiped ||= this.now.life !== "blank" && last.life === "blank" && operation.value !== 0;
      const hasAnswered = this.#answered || ![screen, "", "SERIAL"].includes(this.card.display);
      const allowed = hasAnswered ? [last] : [this.now, ...after];
      const opening = this.#isOpening ? this.#opened + 1 : 0;
      this.moments.push({ operation, allowed, used: this.used, gone: wiped ? goneFrom(last) : gone, opening });
    };
    act();
    this.flash.onOperation = undefined;
    if (this.flash.wasPrevented && this.#stops) throw new Prevented();
    this.now = last;
    this.#gone = goneFrom(last);
  }

  #expect(what: string, wanted: string): void {
    if (what !== wanted) throw new Broken(`${lineOf(this.now)}: ${wanted} was due, not ${what || "nothing"}`);
  }
}

/** The screen of a card that is turned on. */
function firstScreen({ life, codes, left }: Situation): string {
  if (life !== "personalized") return "NO KEY";
  if (codes === 0) return "BLOCKED";
  return left === 0 ? "LOCKED" : "PIN>";
}

function both(one: Opened, other: Opened): Opened {
  return { pin: one.pin && other.pin, code: one.code && other.code };
}

/** The secrets that a card in this situation has destroyed. */
function goneFrom({ life, left, codes }: Situation): Opened {
  const blank = life === "blank";
  return { pin: blank || left === 0, code: blank || codes === 0 };
}

/** Those of them that the flash shows as destroyed even before power-on. */
function alreadyGone(now: Situation, { bytes }: FlashCopy): Opened {
  const { pin, code } = goneFrom(now);
  if (!pin && !code) return { pin, code };
  const left = openable(bytes);
  return { pin: pin && !left.pin, code: code && !left.code };
}
