// One card: the firmware, its flash, its battery, its keys, its screen and its clock.
//
// The clock is virtual: time passes only when `wait` is called, and nothing sleeps. No Node API is used here, so that a
// web page can run a card too; files, terminals and serial lines are added outside.

import { instantiateSync } from "@assemblyscript/loader";
import { Kind, NEVER, State } from "../../firmware/wire.js";
import { type CutMode, FLASH_SIZE, Flash, type FlashCopy, PowerCut } from "./flash.js";
import { Random, type RandomSource, type RandomState } from "./random.js";

/** The linear memory that the firmware may use (docs/ABI.md), as much as a chip provides. */
export const MEMORY_SIZE = 4096;
/** The keys, in the order of their numbers. */
export const KEYS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "ok", "press"] as const;
export type KeyName = (typeof KEYS)[number];
/** A fresh battery, in mV. */
export const FULL_BATTERY = 3000;

/** How long a press and a hold keep a key down, and the pause after them, in ms. */
export const TAP_TIME = 80;
export const HOLD_TIME = 1000;
export const UP_TIME = 40;
const WIDTH = 8;
const BLANK = 0x20;
const NOTHING = new Uint8Array();

/** The firmware trapped, or passed a bad pointer to its host: a bug in the firmware. */
export class CardTrap extends Error {
  override name = "CardTrap";
}

export interface CardOptions {
  /** The initial flash; default: blank. */
  flash?: Flash;
  /** The seed of the random source. */
  seed?: number;
  /** The random source in place of the seeded one. */
  random?: RandomSource;
  /** The battery in mV; 0: no battery. */
  battery?: number;
  /** The kind of host that is reported to the firmware; default: the simulator. */
  kind?: Kind;
}

/** Events of a card for watchers. Times are the card's clock. */
export interface CardWatcher {
  /** A contact moved. */
  key?(key: KeyName, down: boolean): void;
  /** The screen changed. */
  display?(text: string): void;
  /** The card turned on or off. */
  power?(on: boolean): void;
  /** The battery changed; 0: removed. */
  battery?(millivolts: number): void;
  /** A power cut was armed. */
  cutAt?(count: number, mode: CutMode): void;
  /** Power failed at an armed power cut. */
  cut?(): void;
  /** Bytes arrived on the serial line. */
  serial?(bytes: Uint8Array): void;
  /** Bytes were sent on it. */
  sent?(bytes: Uint8Array): void;
  /** The card was saved under a name, or restored. */
  kept?(name: string, back: boolean): void;
}

/** The firmware's exports (docs/ABI.md). */
interface Firmware {
  readonly memory: WebAssembly.Memory;
  boot(): void;
  key(key: number, closed: number): number;
  tick(ms: number): number;
  serial(byte: number): number;
  state(): number;
  tries(): number;
}

/** The whole state of a card: a copy, or a view of the card itself. */
interface CardCopy {
  readonly memory: Uint8Array;
  readonly flash: FlashCopy;
  readonly random: RandomState;
  readonly torn: RandomState;
  readonly time: number;
  readonly due: number;
  readonly battery: number;
  readonly on: boolean;
  readonly closed: number;
  readonly line: Uint8Array;
}

/** Refuses what is no number from 0 on, which the card would take without a word. */
function refuseNumber(what: string, value: number): void {
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY))
    throw new RangeError(`${what} is a number from 0 on, not ${value}`);
}

export class Card {
  readonly flash: Flash;
  readonly watchers: CardWatcher[] = [];
  /** The random source fails while this is set. */
  randomFails = false;

  readonly #firmware: Firmware;
  readonly #memory: Uint8Array;
  /** The part of it that the firmware may use. */
  readonly #ram: Uint8Array;
  readonly #fresh: Uint8Array;
  readonly #kind: Kind;
  readonly #random: RandomSource;
  readonly #torn: Random;
  readonly #line = new Uint8Array(WIDTH).fill(BLANK);
  /** Its text, until it changes. */
  #text: string | undefined;
  readonly #kept = new Map<string, CardCopy>();
  #time = 0;
  #due = NEVER;
  #battery: number;
  #on = false;
  #wasCut = false;
  /** Bit n: contact n is closed, with or without power. */
  #closed = 0;
  readonly #sent: number[] = [];
  #reported = { on: false, display: "" };

  /** A card of the compiled firmware `module`, turned off, with a battery. */
  constructor(module: WebAssembly.Module, options: CardOptions = {}) {
    this.flash = options.flash ?? new Flash();
    this.#kind = options.kind ?? Kind.SIMULATOR;
    this.#random = options.random ?? new Random(options.seed ?? 1);
    this.#torn = new Random(~(options.seed ?? 1));
    const { instance } = instantiateSync(module, { host: this.#imports() });
    this.#firmware = instance.exports as unknown as Firmware;
    this.#memory = new Uint8Array(this.#firmware.memory.buffer);
    this.#ram = this.#memory.subarray(0, MEMORY_SIZE);
    this.#fresh = this.#ram.slice();
    this.#battery = options.battery ?? FULL_BATTERY;
    refuseNumber("battery: a voltage in mV", this.#battery);
    if (this.#battery) this.#call(() => this.#boot());
  }

  /** The card's clock: ms since it was made. */
  get time(): number {
    return this.#time;
  }

  /** Milliseconds until the firmware needs to be called again; 2^31 - 1: nothing happens by itself. */
  get due(): number {
    return this.#due;
  }

  /** Whether the card is on. */
  get on(): boolean {
    return this.#on;
  }

  /** The name of the state. */
  get state(): string {
    return State[this.#firmware.state()] as string;
  }

  /** The text of the screen, without trailing blanks. */
  get display(): string {
    this.#text ??= String.fromCharCode(...this.#line).trimEnd();
    return this.#text;
  }

  /** Tries left, if the card is on and checks the PIN itself. */
  get tries(): number | undefined {
    const tries = this.#firmware.tries();
    return tries === NEVER ? undefined : tries;
  }

  /** The battery's voltage in mV; 0: no battery. */
  get battery(): number {
    return this.#battery;
  }

  /** Memory beyond MEMORY_SIZE, which the firmware must never touch. */
  get beyond(): Uint8Array {
    return this.#memory.subarray(MEMORY_SIZE);
  }

  /** The current memory of the firmware. */
  get memory(): Uint8Array {
    return this.#ram.slice();
  }

  /** Whether an armed power cut happened since the last call. */
  takeCut(): boolean {
    const was = this.#wasCut;
    this.#wasCut = false;
    return was;
  }

  /** Closes a contact; no time passes. */
  down(key: KeyName): void {
    this.#contact(key, true);
  }

  /** Opens a contact; no time passes. */
  up(key: KeyName): void {
    this.#contact(key, false);
  }

  /** Whether a key's contact is closed. */
  isDown(key: KeyName): boolean {
    return (this.#closed & (1 << KEYS.indexOf(key))) !== 0;
  }

  /** Presses a key for a moment. */
  press(key: KeyName): void {
    this.hold(key, TAP_TIME);
  }

  /** Holds a key down for `ms`, then releases it. */
  hold(key: KeyName, ms = HOLD_TIME): void {
    refuseNumber("hold: a time in ms", ms);
    this.down(key);
    this.wait(ms);
    this.up(key);
    this.wait(UP_TIME);
  }

  /** Presses the digits of `text`, one by one. */
  type(text: string): void {
    if (!/^[0-9]*$/.test(text)) throw new RangeError(`type: ${JSON.stringify(text)} has more than the digits 0 to 9`);
    for (const digit of text) this.press(digit as KeyName);
  }

  /** Lets `ms` pass. */
  wait(ms: number): void {
    refuseNumber("wait: a time in ms", ms);
    let left = ms;
    while (this.#battery !== 0 && this.#due <= left) left -= this.#step(this.#due);
    if (left > 0) this.#step(left);
  }

  /** Lets time pass until `done`, at most `ms`. Returns whether it is done. */
  waitUntil(done: () => boolean, ms: number): boolean {
    refuseNumber("waitUntil: a time in ms", ms);
    let left = ms;
    while (!done()) {
      if (this.#battery === 0 || this.#due > left) {
        this.wait(left);
        return done();
      }
      left -= this.#step(this.#due);
    }
    return true;
  }

  /** Removes the battery (0), or sets its voltage, inserting one if there was none. */
  setBattery(millivolts: number): void {
    refuseNumber("setBattery: a voltage in mV", millivolts);
    for (const watcher of this.watchers) watcher.battery?.(millivolts);
    const had = this.#battery !== 0;
    this.#battery = millivolts;
    if (had && millivolts === 0) this.#die();
    if (!had && millivolts !== 0) this.#call(() => this.#boot());
  }

  /** Arms a power cut at the `count`th flash operation from now. */
  cutAt(count: number, mode: CutMode): void {
    if (!Number.isInteger(count) || count < 1)
      throw new RangeError(`cutAt: the count of an operation is a whole number from 1 on, not ${count}`);
    if (mode !== "clean" && mode !== "torn") throw new RangeError(`cutAt: a cut is clean or torn, not ${mode}`);
    this.flash.cutAt(count, mode, () => this.#torn.next());
    for (const watcher of this.watchers) watcher.cutAt?.(count, mode);
  }

  /** Bytes arrive on the serial line; no time passes. */
  receive(bytes: Uint8Array): void {
    for (const watcher of this.watchers) watcher.serial?.(bytes);
    for (const byte of bytes) {
      if (this.#battery !== 0) this.#call(() => this.#firmware.serial(byte));
    }
  }

  /** The bytes that were sent on the serial line since the last call. */
  takeSent(): Uint8Array {
    if (this.#sent.length === 0) return NOTHING;
    const sent = new Uint8Array(this.#sent);
    this.#sent.length = 0;
    return sent;
  }

  /** Saves the whole card, including its clock, under a name. */
  save(name: string): void {
    this.#kept.set(name, {
      ...this.#current(),
      memory: this.memory,
      flash: this.flash.copy(),
      line: this.#line.slice(),
    });
    for (const watcher of this.watchers) watcher.kept?.(name, false);
  }

  /** Restores a state that this or another card saved. Returns false if there is none of that name. */
  load(name: string, from: Card = this): boolean {
    const copy = from.#kept.get(name);
    if (!copy) return false;
    this.#take(copy);
    for (const watcher of this.watchers) watcher.kept?.(name, true);
    this.#tell();
    return true;
  }

  /** Takes the state of another card, as `load` does, without a copy in between. */
  become(other: Card): void {
    this.#take(other.#current());
    this.#tell();
  }

  #current(): CardCopy {
    return {
      memory: this.#ram,
      flash: this.flash,
      random: this.#random.state,
      torn: this.#torn.state,
      time: this.#time,
      due: this.#due,
      battery: this.#battery,
      on: this.#on,
      closed: this.#closed,
      line: this.#line,
    };
  }

  #take(copy: CardCopy): void {
    this.#memory.set(copy.memory);
    this.flash.restore(copy.flash);
    this.#random.state = copy.random;
    this.#torn.state = copy.torn;
    this.#time = copy.time;
    this.#due = copy.due;
    this.#battery = copy.battery;
    this.#on = copy.on;
    this.#closed = copy.closed;
    this.#line.set(copy.line);
    this.#text = undefined;
  }

  #contact(key: KeyName, down: boolean): void {
    if (!KEYS.includes(key))
      throw new RangeError(`there is no key ${JSON.stringify(key)}; the keys are ${KEYS.join(", ")}`);
    for (const watcher of this.watchers) watcher.key?.(key, down);
    const number = KEYS.indexOf(key);
    if (down) this.#closed |= 1 << number;
    else this.#closed &= ~(1 << number);
    if (this.#battery !== 0) this.#call(() => this.#firmware.key(number, down ? 1 : 0));
  }

  #step(ms: number): number {
    this.#time += ms;
    if (this.#battery !== 0) this.#call(() => this.#firmware.tick(ms));
    return ms;
  }

  #boot(): number {
    this.#memory.set(this.#fresh);
    this.#firmware.boot();
    let due = NEVER;
    for (let key = 0; key < KEYS.length; key++) {
      if (this.#closed & (1 << key)) due = this.#firmware.key(key, 1);
    }
    return due;
  }

  /** Calls the firmware, which returns when it needs to be called again. A power cut may end it anywhere. */
  #call(entry: () => number): void {
    try {
      this.#due = entry();
      this.#tell();
    } catch (error) {
      const isCut = error instanceof PowerCut;
      // Remove the battery first, so that a watcher of the blank screen finds none.
      if (isCut) this.#battery = 0;
      this.#die();
      if (isCut) {
        this.#wasCut = true;
        for (const watcher of this.watchers) watcher.cut?.();
        return;
      }
      this.#due = this.#boot();
      if (error instanceof WebAssembly.RuntimeError) throw new CardTrap(`the firmware trapped: ${error.message}`);
      throw error;
    }
  }

  /** Power is gone: only flash remains. */
  #die(): void {
    this.#memory.set(this.#fresh);
    this.#due = NEVER;
    this.#line.fill(BLANK);
    this.#text = undefined;
    this.#on = false;
    this.#tell();
  }

  /** Reports visible changes to the watchers, after the firmware has returned. */
  #tell(): void {
    if (this.watchers.length === 0) return;
    const on = this.#on;
    if (on !== this.#reported.on) for (const watcher of this.watchers) watcher.power?.(on);
    const display = this.display;
    if (display !== this.#reported.display) for (const watcher of this.watchers) watcher.display?.(display);
    this.#reported = { on, display };
  }

  /** The firmware's memory from `pointer` on; a pointer outside it is a bug in the firmware. */
  #checked(pointer: number, length: number): number {
    const start = pointer >>> 0;
    if (start + (length >>> 0) <= MEMORY_SIZE) return start;
    throw new CardTrap(`the firmware gave its host a bad pointer: ${start}, ${length >>> 0} bytes`);
  }

  #imports(): Record<string, (...args: number[]) => number | undefined> {
    return {
      display: (text) => {
        const at = this.#checked(text as number, WIDTH);
        for (let i = 0; i < WIDTH; i++) this.#line[i] = this.#memory[at + i] as number;
        this.#text = undefined;
        return undefined;
      },
      flash_read: (address, into, length) => {
        const from = (address as number) >>> 0;
        const to = this.#checked(into as number, length as number);
        if (from + (length as number) > FLASH_SIZE) throw new CardTrap(`flash_read at ${from}: no such flash`);
        this.flash.read(from, this.#memory, to, length as number);
        return undefined;
      },
      flash_program: (address, word) => {
        this.flash.program((address as number) >>> 0, (word as number) >>> 0);
        return undefined;
      },
      flash_erase: (page) => {
        this.flash.erase((page as number) >>> 0);
        return undefined;
      },
      serial_send: (bytes, length) => {
        const at = this.#checked(bytes as number, length as number);
        const sent = this.#memory.slice(at, at + (length as number));
        for (const byte of sent) this.#sent.push(byte);
        for (const watcher of this.watchers) watcher.sent?.(sent);
        return undefined;
      },
      panel: () => this.#kind,
      random: (into, length) => {
        if (this.randomFails) return 0;
        const at = this.#checked(into as number, length as number);
        this.#random.fill(this.#memory.subarray(at, at + (length as number)));
        return 1;
      },
      battery: () => this.#battery,
      power: (on) => {
        this.#on = on !== 0;
        return undefined;
      },
    };
  }
}
