// Finds out the situation of a card: from its flash alone, on new cards, by screen, keys and serial line only.
//
// Every question is put to a copy of the card, because most of them change it: tries are counted by using them.

import { Cla, Ins, Level, SetStatusP2, Sw, Tag } from "../../../firmware/wire.js";
import type { Command } from "../../../host-tools/card/apdu.js";
import { encodeRecord } from "../../../host-tools/card/cardclient.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { Card } from "../../../sim/core/card.js";
import { Flash, type FlashCopy } from "../../../sim/core/flash.js";
import { exchange, openChannel } from "../../../sim/session/cardcommands.js";
import {
  askUnlock,
  enter,
  enterPin,
  passMessage,
  setPin,
  turnOn,
  unlockCodeOf,
  WRONG_PIN,
} from "../../support/cards.js";
import { Broken } from "./run.js";
import { openable } from "./secrets.js";
import { ANY, BLANK, CODES, keysOf, OWNERS, PINS, recordOf, type Situation } from "./situation.js";

const SEED = 4;
const CHALLENGE = "673854";
const LIVES = [undefined, "blank", "seeded", "personalized"] as const;
const FINISH: Omit<Command, "cla"> = { ins: Ins.SET_STATUS, p1: 0x80, p2: SetStatusP2.PERSONALIZED };
/** More tries than any card has. */
const MANY = 12;

/**
 * The situation of the card with this flash. Throws Broken if it is not a consistent one, or if the card accepts the unlock
 * code of a lock code in `used`.
 */
export function ask(module: WebAssembly.Module, flash: FlashCopy, used: readonly string[]): Situation {
  return new Inquiry(module, used).ask(flash);
}

class Inquiry {
  readonly #module: WebAssembly.Module;
  readonly #used: readonly string[];

  constructor(module: WebAssembly.Module, used: readonly string[]) {
    this.#module = module;
    this.#used = used;
  }

  ask(flash: FlashCopy): Situation {
    const { display } = this.#on(flash);
    if (display === "NO KEY") return this.#askUnfinished(flash);
    const situation = this.#askFinished(flash, display);
    if (situation.life !== "personalized") throw new Broken(`it is ${situation.life}, and turns on with ${display}`);
    return situation;
  }

  #askFinished(flash: FlashCopy, display: string): Situation {
    switch (display) {
      case "PIN>":
        return this.#askOwner(flash);
      case "LOCKED":
        return this.#askLocked(flash);
      case "BLOCKED":
        return this.#askBlocked(flash);
      default:
        throw new Broken(`it turns on with ${display || "nothing"}`);
    }
  }

  /** A new card with a copy of a flash and a new battery, turned on. */
  #on(flash: FlashCopy): Card {
    const own = new Flash();
    own.restore(flash);
    const card = new Card(this.#module, { flash: own, seed: SEED });
    turnOn(card);
    return card;
  }

  // ---- cards that ask for a PIN ----

  #askOwner(flash: FlashCopy): Situation {
    const opening = PINS.map((pin) => ({ pin, owner: this.#ownerByPin(flash, pin) })).filter(({ owner }) => owner);
    const [{ pin, owner } = { pin: "", owner: "" }] = opening;
    if (opening.length === PINS.length) return this.#askJudgedBySite(flash);
    if (opening.length !== 1 || !owner) throw new Broken(`${opening.length} of the PINs it may have open it`);
    const left = this.#countPins(flash);
    const loggedIn = this.#on(flash);
    enterPin(loggedIn, pin);
    const tries = this.#countPins(loggedIn.flash.copy());
    const locked = this.#askLocked(this.#guessed(flash, left), owner);
    return { ...locked, pin, owner, tries, left };
  }

  /** A card whose site checks the PIN takes every PIN and writes nothing; the site sees the PIN in the response. */
  #askJudgedBySite(flash: FlashCopy): Situation {
    const card = this.#on(flash);
    enterPin(card, WRONG_PIN);
    const owner = this.#ownerByResponse(enter(card, CHALLENGE), WRONG_PIN);
    if (recordOf({ owner, tries: 3 }).pinCheck !== "server") throw new Broken("any PIN opens it");
    if (!Buffer.from(flash.bytes).equals(card.flash.bytes)) throw new Broken("a PIN that its site judges costs a try");
    const bench = this.#askBench(flash);
    return { ...bench, owner, pin: ANY, left: bench.tries };
  }

  /** Whose response the PIN leads to; undefined if the PIN is refused. */
  #ownerByPin(flash: FlashCopy, pin: string): string | undefined {
    const card = this.#on(flash);
    return enterPin(card, pin) === "CHALLNG>" ? this.#ownerByResponse(enter(card, CHALLENGE), pin) : undefined;
  }

  #ownerByResponse(response: string, pin: string): string {
    const found = Object.entries(OWNERS).find(
      ([, { suite, key }]) => ocra(suite, key, { challenge: CHALLENGE, pin }) === response,
    );
    if (!found) throw new Broken("its response is of neither key");
    return found[0];
  }

  /** Counts wrong PINs until the card is locked. It must show the tries left after each. */
  #countPins(flash: FlashCopy): number {
    const card = this.#on(flash);
    const verdicts: string[] = [];
    while (card.display === "PIN>" && verdicts.length < MANY) {
      verdicts.push(enterPin(card, WRONG_PIN));
      if (card.state === "WRONG_PIN") passMessage(card);
    }
    const wanted = verdicts.map((_, i) => (i + 1 === verdicts.length ? "LOCKED" : `LEFT ${verdicts.length - 1 - i}`));
    if (`${verdicts}` !== `${wanted}`) throw new Broken(`wrong PINs are answered with ${verdicts.join(", ")}`);
    return verdicts.length;
  }

  #guessed(flash: FlashCopy, count: number): FlashCopy {
    const card = this.#on(flash);
    for (let i = 0; i < count; i++) {
      enterPin(card, WRONG_PIN);
      if (card.state === "WRONG_PIN") passMessage(card);
    }
    card.setBattery(0);
    return card.flash.copy();
  }

  // ---- locked and blocked cards ----

  /** `owner`: whose unlock key it must have; default: that of the owner whose code opens it. */
  #askLocked(flash: FlashCopy, owner?: string): Situation {
    if (openable(flash.bytes).pin) throw new Broken("it is locked, and a PIN opens what is in its flash");
    const codes = this.#countCodes(flash);
    const opened = (owner ? [owner] : Object.keys(OWNERS)).find((name) => this.#unlocks(flash, name));
    if (!opened) throw new Broken("it is locked, and the right unlock code does not open it");
    return { ...this.#askBench(flash), owner: opened, left: 0, codes, tries: this.#triesOnceUnlocked(flash, opened) };
  }

  /** Counts wrong unlock codes until the card is blocked. */
  #countCodes(flash: FlashCopy): number {
    const card = this.#on(flash);
    const verdicts: string[] = [];
    while (card.display === "LOCKED" && verdicts.length < MANY) {
      const lockCode = askUnlock(card);
      if (this.#used.includes(lockCode)) throw new Broken(`it shows lock code ${lockCode} again`);
      verdicts.push(enter(card, this.#wrongCode(lockCode)));
      if (card.state === "WRONG_CODE") passMessage(card);
    }
    if (verdicts.pop() !== "BLOCKED" || verdicts.some((verdict) => verdict !== "WRONG")) {
      throw new Broken(`wrong unlock codes are answered with ${verdicts.join(", ")}`);
    }
    card.setBattery(0);
    this.#askBlocked(card.flash.copy());
    return verdicts.length + 1;
  }

  /** A code that is wrong for every owner: that of an earlier lock code, if there is one. */
  #wrongCode(lockCode: string): string {
    const right = Object.values(OWNERS).map(({ unlockKey }) => unlockCodeOf(lockCode, unlockKey));
    const old = this.#used.flatMap((code) => Object.values(OWNERS).map((one) => unlockCodeOf(code, one.unlockKey)));
    const wrong = old.find((code) => !right.includes(code));
    return (
      wrong ??
      right.map((code) => `${(Number(code[0]) + 1) % 10}${code.slice(1)}`).find((c) => !right.includes(c)) ??
      ""
    );
  }

  /** Whether an owner's unlock code makes the owner's key available, and only once. */
  #unlocks(flash: FlashCopy, owner: string): boolean {
    const { unlockKey } = recordOf({ owner, tries: 3 });
    const card = this.#on(flash);
    const lockCode = askUnlock(card);
    if (enter(card, unlockCodeOf(lockCode, unlockKey)) !== "NEW>") return false;
    const again = this.#on(card.flash.copy());
    if (again.display !== "LOCKED") throw new Broken(`unlocked, but no PIN set, it turns on with ${again.display}`);
    if (askUnlock(again) === lockCode) throw new Broken(`lock code ${lockCode} stays after it was good`);
    if (!["WRONG", "BLOCKED"].includes(enter(again, unlockCodeOf(lockCode, unlockKey))))
      throw new Broken("an unlock code is good twice");
    const [pin] = PINS;
    if (setPin(card, pin) !== "PIN SET") throw new Broken(`setting a PIN ends in ${card.display}`);
    if (this.#ownerByPin(card.flash.copy(), pin) !== owner) throw new Broken("unlocked, it is somebody else's");
    return true;
  }

  #triesOnceUnlocked(flash: FlashCopy, owner: string): number {
    const card = this.#on(flash);
    enter(card, unlockCodeOf(askUnlock(card), recordOf({ owner, tries: 3 }).unlockKey));
    setPin(card, PINS[0]);
    return this.#countPins(card.flash.copy());
  }

  #askBlocked(flash: FlashCopy): Situation {
    const { display } = this.#on(flash);
    if (display !== "BLOCKED") throw new Broken(`it was blocked, and turns on with ${display}`);
    const { pin, code } = openable(flash.bytes);
    if (pin || code) throw new Broken("it is blocked, and its flash can be opened");
    const bench = this.#askBench(flash);
    return { ...bench, left: 0, codes: 0 };
  }

  // ---- cards without a key, and the serial line ----

  /** Blank, or seeded and not finished. */
  #askUnfinished(flash: FlashCopy): Situation {
    const bench = this.#askBench(flash);
    return bench.life === "seeded" ? this.#askSeeded(flash, bench) : this.#askBlank(flash, bench);
  }

  /** A blank card has no keys, and can be personalized for anybody. */
  #askBlank(flash: FlashCopy, bench: Situation): Situation {
    const { pin, code } = openable(flash.bytes);
    if (pin || code) throw new Broken("it is blank, and its flash can be opened");
    const card = this.#on(flash);
    const data = encodeRecord(recordOf({ owner: "new", tries: 3 }), keysOf(bench.kvn).dek);
    this.#send(card, bench.kvn, { ins: Ins.STORE_DATA, p1: 0xe0, p2: 0, data }, FINISH);
    if (this.#askOwnerOf(card) !== "new") throw new Broken("it is blank, and cannot be personalized");
    return { ...BLANK, serial: bench.serial, kvn: bench.kvn };
  }

  #askOwnerOf(card: Card): string | undefined {
    card.setBattery(0);
    return this.#ownerByPin(card.flash.copy(), recordOf({ owner: "new", tries: 3 }).pin);
  }

  /** A seeded card: its personalization can be finished, and makes it completely its owner's. */
  #askSeeded(flash: FlashCopy, bench: Situation): Situation {
    const card = this.#on(flash);
    this.#send(card, bench.kvn, FINISH);
    card.setBattery(0);
    const finished = this.ask(card.flash.copy());
    const owner = PINS.map((pin) => this.#prove(flash, bench.kvn, pin)).find((found) => found);
    if (finished.left > 0 && owner !== finished.owner)
      throw new Broken("it is seeded, and its proof is of another key");
    return { ...finished, life: "seeded" };
  }

  #prove(flash: FlashCopy, kvn: number, pin: string): string | undefined {
    const data = Buffer.from(`${pin}${CHALLENGE}`, "ascii");
    const card = this.#on(flash);
    const channel = openChannel(card, Level.FULL, keysOf(kvn));
    const command = { cla: Cla.GP_SECURE, ins: Ins.INTERNAL_AUTHENTICATE, p1: 0, p2: 0, data };
    const proof = channel.unwrap(exchange(card, channel.wrap(command)));
    return proof.sw === Sw.DONE ? this.#ownerByResponse(proof.data.toString("ascii"), pin) : undefined;
  }

  /** The card's status over its serial line. Its transport keys must open a channel. */
  #askBench(flash: FlashCopy): Situation {
    const card = this.#on(flash);
    const get = (tag: number) =>
      exchange(card, { cla: Cla.GP, ins: Ins.GET_DATA, p1: tag >> 8, p2: tag & 0xff, le: 256 });
    const status = get(Tag.STATUS).data;
    const kvn = get(Tag.KEY_INFORMATION).data[5] as number;
    const life = LIVES[status[0] as number];
    if (!life) throw new Broken(`the life that it tells is ${status[0]}`);
    const serial = get(Tag.SERIAL).data.toString("ascii");
    openChannel(card, Level.FULL, keysOf(kvn));
    return { life, tries: status[3] as number, left: status[4] as number, codes: CODES, kvn, serial };
  }

  #send(card: Card, kvn: number, ...commands: readonly Omit<Command, "cla">[]): void {
    const channel = openChannel(card, Level.FULL, keysOf(kvn));
    for (const command of commands) {
      const { sw } = channel.unwrap(exchange(card, channel.wrap({ cla: Cla.GP_SECURE, ...command })));
      if (sw !== Sw.DONE) throw new Broken(`the bench is answered with ${sw.toString(16)}`);
    }
  }
}
