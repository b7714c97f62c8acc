// The target of faults: the instrumented module in a simulated card, whose output is recorded.

import { createHash } from "node:crypto";
import { Card, CardTrap, KEYS, MEMORY_SIZE } from "../../../sim/core/card.js";
import { FLASH_SIZE, Flash, FlashMisuse, PAGE_SIZE, PAGES } from "../../../sim/core/flash.js";
import { CONTROL, COUNTS, NOWHERE, Word } from "./instrument.js";

/** How an instruction goes wrong: `bit7` flips bit 7 of its result. */
export type Mode = "skip" | "ones" | "reverse" | `bit${number}`;

export interface Fault {
  readonly site: number;
  /** The execution that goes wrong, 1 for the first; 0: each one. */
  readonly execution: number;
  readonly mode: Mode;
}

/** The rounds of loops after which a run counts as hanging; a whole attempt takes a hundredth of that. */
const STRIKE_FUEL = 300_000;
const QUIET_FUEL = 200_000;

/** The bytes sent after which a run counts as hanging; the longest scenario sends a tenth of that. */
const FLOOD = 10_000;

/** The card lost its memory during a call: a trap, a hang, or an impossible flash operation. */
export class Crash extends Error {
  override name = "Crash";
  constructor(readonly hung: boolean) {
    super(hung ? "hung" : "crashed");
  }
}

/** The errors that a card, its flash or its host throw then; the second one if the card cannot even restart. */
const CRASHES = [CardTrap, WebAssembly.RuntimeError, RangeError, FlashMisuse];

/** NOR flash without checks: as in real flash, a program clears bits whatever the old value is. */
class BareFlash extends Flash {
  override program(address: number, value: number): void {
    if (address % 4 !== 0 || address < 0 || address >= FLASH_SIZE) throw new RangeError("no word of the flash");
    const words = new DataView(this.bytes.buffer);
    words.setUint32(address, (words.getUint32(address, true) & value) >>> 0, true);
  }

  override erase(page: number): void {
    if (page >= PAGES) throw new RangeError("no page of the flash");
    this.bytes.fill(0xff, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
  }
}

export class Target {
  readonly card: Card;
  /** What the screen showed and what was sent since `listen`. */
  readonly screens: string[] = [];
  readonly sent: number[] = [];
  /** All that was sent since the card was made. */
  readonly everSent: number[] = [];
  /** Whether a crashed attempt counts as one, because all its digits had been typed or sent. */
  attempted = true;
  readonly #control: DataView;
  #armed = false;

  constructor(module: WebAssembly.Module, seed: number) {
    this.card = new Card(module, { flash: new BareFlash(), seed });
    this.#control = new DataView(this.card.beyond.buffer);
    this.disarm();
    this.card.watchers.push({
      display: (text) => this.screens.push(text),
      sent: (bytes) => {
        for (const byte of bytes) this.sent.push(byte);
        if (this.sent.length > FLOOD) throw new RangeError("there is no end to it");
        if (this.everSent.length < 4096) this.everSent.push(...bytes);
      },
    });
  }

  /** Clears the record of screens and bytes. */
  listen(): void {
    this.screens.length = 0;
    this.attempted = true;
    this.sent.length = 0;
    this.card.takeSent();
  }

  arm({ site, execution, mode }: Fault): void {
    const set = (word: keyof typeof Word, value: number) => this.#control.setUint32(CONTROL + Word[word], value, true);
    const bit = mode.startsWith("bit") ? Number(mode.slice(3)) : -1;
    const [keep, flip] =
      mode === "skip" ? [0, 0n] : mode === "ones" ? [0, -1n] : [0xffffffff, bit < 0 ? 0n : 1n << BigInt(bit)];
    set("SITE", site);
    set("COUNT", execution);
    set("EACH", execution === 0 ? 1 : 0);
    set("SKIP", mode === "skip" ? 1 : 0);
    set("AND", keep);
    this.#control.setUint32(CONTROL + Word.AND + 4, keep, true);
    this.#control.setBigInt64(CONTROL + Word.XOR, BigInt.asIntN(64, flip), true);
    set("FUEL", STRIKE_FUEL);
    set("HUNG", 0);
    this.#armed = true;
  }

  disarm(): void {
    this.#armed = false;
    this.#control.setUint32(CONTROL + Word.SITE, NOWHERE, true);
    this.#control.setUint32(CONTROL + Word.FUEL, QUIET_FUEL, true);
    this.#control.setUint32(CONTROL + Word.HUNG, 0, true);
  }

  /** Runs an action on the card. Throws Crash if the card lost its memory; the card is off then. */
  do<T>(action: (card: Card) => T): T {
    if (!this.#armed) this.disarm();
    try {
      return action(this.card);
    } catch (error) {
      if (!CRASHES.some((kind) => error instanceof kind)) throw error;
      const hung = this.#control.getUint32(CONTROL + Word.HUNG, true) !== 0;
      this.disarm();
      this.#letGo();
      throw new Crash(hung);
    }
  }

  /** Releases all keys, in whatever state the card is. */
  #letGo(): void {
    for (const key of KEYS) {
      try {
        this.card.up(key);
      } catch (error) {
        if (!CRASHES.some((kind) => error instanceof kind)) throw error;
      }
    }
  }

  /** The whole state of the card: memory, flash and the rest of the machine. */
  get fingerprint(): string {
    const memory = new Uint8Array(this.card.beyond.buffer, 0, MEMORY_SIZE);
    return createHash("md5").update(memory).update(this.card.flash.bytes).digest("base64");
  }

  get flashFingerprint(): string {
    return createHash("md5").update(this.card.flash.bytes).digest("base64");
  }

  /** How often each site was executed since `clearCounts`, on the counting module. */
  counts(sites: number): Uint32Array {
    return new Uint32Array(this.card.beyond.buffer, COUNTS, sites).slice();
  }

  clearCounts(): void {
    new Uint8Array(this.card.beyond.buffer, COUNTS, CONTROL - COUNTS).fill(0);
  }

  /** Clears what a fault wrote beyond a chip's memory, so that it does not affect the next fault. */
  clearBeyond(): void {
    new Uint8Array(this.card.beyond.buffer, MEMORY_SIZE, CONTROL - MEMORY_SIZE).fill(0);
  }
}
