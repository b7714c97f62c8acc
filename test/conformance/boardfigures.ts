// Measures from the other end of the serial line what only hardware shows: the time of flash operations, bytes lost at
// full speed, random numbers that repeat, the time to wake, and the speed of the clock. docs/PORTING.md has the limits.
// The card is blank before and after.

import { Channel, Key, Scp03Size } from "../../firmware/wire.js";
import { encodeCommand as encodeApdu } from "../../host-tools/card/apdu.js";
import { encodeFrame } from "../../host-tools/card/frame.js";
import { initializeUpdate, parseCardHello } from "../../host-tools/card/scp03.js";
import { type Answer, encodeCommand, Op, type Plain } from "../support/development.js";
import { Conversation } from "./conversation.js";
import type { Target } from "./target.js";

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The least and the greatest value of a correct board, if known. */
  readonly limits?: Limits;
}

type Limits = readonly [least: number, most: number];

/** 2 %. */
const CLOCK_LIMITS: Limits = [-20_000, 20_000];
/** 50 ms around the hold of the contract. */
const HOLD_TIME = 800;
const HOLD_LIMITS: Limits = [HOLD_TIME - 50, HOLD_TIME + 50];
const NONE: Limits = [0, 0];

const PAGES = 4;
const FULL_BATTERY = 3000;
const HELLO = encodeFrame(Channel.APDU, Buffer.alloc(0));
/** SELECT of an application that no card has: the longest command there is. */
const LONGEST = encodeFrame(Channel.APDU, Buffer.concat([Buffer.from("00a40400ff", "hex"), Buffer.alloc(255, 0x5a)]));
/** The answer has a random number, the card's challenge, and this many bytes. */
const INITIALIZE_UPDATE = encodeFrame(Channel.APDU, encodeApdu(initializeUpdate(0, new Uint8Array(8))));
const INITIALIZE_UPDATE_SIZE = Scp03Size.INITIALIZE_UPDATE + 2;
const CHALLENGES = 8;
const ANSWER_TIME = 5000;
/** ms */
const SILENCE = 2000;
/** The times by which the card's clock is judged: SERIAL after a frame, and NO KEY after PRESS (docs/CARD.md). */
const TIMES = { "time-out": 30_000, message: 3000 } as const;
/** A clock at a quarter of its speed is still measured. */
const SLOWEST = 4;

/** A board that stopped answering while it was measured. */
export class MeasureError extends Error {
  override name = "MeasureError";
}

export interface MeasureOptions {
  /** How often the longest command is sent without a pause. */
  readonly frames: number;
  /**
  The time by which the card's clock is judged: `message` where the other end's clock is exact. If it is missing, the
  clock is not judged.
  */
  readonly clock?: keyof typeof TIMES;
  /** Measures only this part; all parts if it is missing. */
  readonly only?: Part;
}

/** The parts, in the order of measurement. Each begins with a blank card. */
const PARTS = {
  flash: (card: MeasuredCard) => flashTimes(card),
  frames: (card: MeasuredCard, { frames }: MeasureOptions) => missedFrames(card, frames),
  challenges: (card: MeasuredCard) => repeatedChallenges(card),
  waking: (card: MeasuredCard) => waking(card),
  clock: (card: MeasuredCard, options: MeasureOptions) => (options.clock ? clock(card, options.clock) : []),
};
export type Part = keyof typeof PARTS;

/** Measures. Leaves the board blank and its clock running. */
export async function measure(target: Target, options: MeasureOptions): Promise<Figure[]> {
  const card = new MeasuredCard(target);
  const figures: Figure[] = [];
  for (const part of options.only ? [options.only] : (Object.keys(PARTS) as Part[])) {
    figures.push(...(await PARTS[part](card, options)));
    // A card that has begun a channel stays on for longer than its clock is measured.
    await card.command(Op.BLANK);
    await card.command(Op.RELEASE);
  }
  return figures;
}

// ---- what is measured ----

/**
 * The time of an erase is that of the command that erases all pages, less that of a command without effect. The time of
 * a program is the first start of a blank card, less a later start, divided by the operations of the first start; it
 * includes the firmware's own work.
 */
async function flashTimes(card: MeasuredCard): Promise<Figure[]> {
  await card.command(Op.PASS, 0);
  const idle = await median(30, () => card.command(Op.SEED, 1));
  const blank = await median(10, () => card.command(Op.BLANK));
  let operations = 0;
  const first = await median(5, async () => {
    await card.command(Op.BLANK);
    const ms = await card.hello();
    operations = (await card.answer(Op.STATUS)).operations ?? 0;
    return ms;
  });
  const again = await median(5, async () => {
    await card.command(Op.BATTERY, 0);
    await card.command(Op.BATTERY, FULL_BATTERY);
    return card.hello();
  });
  return [
    figure("round trip of a command", idle, "ms"),
    figure("erase of a page", (blank - idle) / PAGES, "ms"),
    figure("program of a word", ((first - again) / Math.max(1, operations)) * 1000, "us"),
  ];
}

async function missedFrames(card: MeasuredCard, count: number): Promise<Figure[]> {
  await card.command(Op.PASS, 0);
  await card.hello();
  const { answered, time } = await card.flood(count);
  return [
    figure("longest commands sent without a pause", count, ""),
    figure("of them not answered", count - answered, "", NONE),
    figure("speed towards the card", (count * LONGEST.length * 1000) / time, "B/s"),
  ];
}

/** Challenges come from the board's random source, since it is not seeded here. */
async function repeatedChallenges(card: MeasuredCard): Promise<Figure[]> {
  const seen = new Set<string>();
  for (let left = CHALLENGES; left > 0; left--) seen.add(await card.challenge());
  return [figure(`random challenges that repeat, of ${CHALLENGES}`, CHALLENGES - seen.size, "", NONE)];
}

/** A chip that sleeps must not lose the byte that wakes it, and must wake in time. */
async function waking(card: MeasuredCard): Promise<Figure[]> {
  const off = await median(3, async () => {
    await card.silence();
    return card.command(Op.SEED, 1);
  });
  const pressed = await card.turnOnByKey();
  await card.silence();
  const on = await card.command(Op.SEED, 1);
  return [
    figure("round trip after 2 s of silence, card off", off, "ms"),
    figure("round trip after 2 s of silence, card on", on, "ms"),
    figure("PRESS held until the screen shows", pressed, "ms", HOLD_LIMITS),
  ];
}

async function clock(card: MeasuredCard, by: keyof typeof TIMES): Promise<Figure[]> {
  const should = TIMES[by];
  const ms = by === "time-out" ? await card.timeOut() : await card.message();
  return [
    figure(`the card's ${should / 1000} s`, ms / 1000, "s"),
    figure("its clock is off by", ((ms - should) / should) * 1e6, "ppm", CLOCK_LIMITS),
  ];
}

function figure(name: string, value: number, unit: string, limits?: Limits): Figure {
  return { name, value: Number(value.toFixed(Math.abs(value) < 100 ? 3 : 0)), unit, ...(limits && { limits }) };
}

/** The figures beyond their limits, one line each. */
export function beyondLimits(figures: readonly Figure[]): string[] {
  return figures.flatMap(({ name, value, unit, limits: [least, most] = [-Infinity, Infinity] }) => {
    if (value >= least && value <= most) return [];
    const range = least === most ? `${least}` : `${least} to ${most}`;
    return [`${name}: ${`${value} ${unit}`.trimEnd()}; the limit is ${`${range} ${unit}`.trimEnd()}`];
  });
}

async function median(count: number, measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let i = 0; i < count; i++) values.push(await measure());
  values.sort((a, b) => a - b);
  return values[Math.floor(count / 2)] as number;
}

// ---- the card that is measured ----

class MeasuredCard {
  readonly #target: Target;
  readonly #conversation: Conversation;
  #answered = 0;
  #answer: Uint8Array = new Uint8Array();
  #screen: { on: boolean; at: number } = { on: false, at: 0 };

  constructor(target: Target) {
    this.#target = target;
    this.#conversation = new Conversation(target, (frame) => this.#heard(frame));
  }

  /** Sends a command. Returns the time to its answer, in ms. */
  async command(op: Op, number = 0): Promise<number> {
    const start = this.#now();
    await this.answer(op, number);
    return this.#now() - start;
  }

  /** Sends nothing for a while. */
  silence(): Promise<void> {
    return this.#target.clock.sleep(SILENCE);
  }

  #now(): number {
    return this.#target.clock.now();
  }

  async answer(op: Op, number = 0): Promise<Answer> {
    this.#target.send(encodeCommand(op, number));
    const observed = await this.#conversation.next(ANSWER_TIME);
    if (typeof observed === "string") throw new MeasureError(`${this.#target.name}: ${observed}`);
    return observed.answer;
  }

  /** Says hello. Returns the time to the answer, in ms. */
  async hello(): Promise<number> {
    const before = this.#answered;
    const start = this.#now();
    this.#target.send(HELLO);
    await this.#must(() => this.#answered > before, ANSWER_TIME, "no answer to hello");
    return this.#now() - start;
  }

  /** Begins a channel. Returns the card's challenge. */
  async challenge(): Promise<string> {
    const before = this.#answered;
    this.#target.send(INITIALIZE_UPDATE);
    await this.#must(() => this.#answered > before, ANSWER_TIME, "no answer to INITIALIZE UPDATE");
    if (this.#answer.length !== INITIALIZE_UPDATE_SIZE) {
      throw new MeasureError(`${this.#target.name}: it does not begin a channel`);
    }
    return parseCardHello(Buffer.from(this.#answer).subarray(0, -2)).challenge.toString("hex");
  }

  /** Sends the longest command `count` times, as fast as the line goes. */
  async flood(count: number): Promise<{ answered: number; time: number }> {
    const before = this.#answered;
    const start = this.#now();
    let last = start;
    this.#target.send(Buffer.concat(Array.from({ length: count }, () => LONGEST)));
    for (let seen = before; seen < before + count; seen = this.#answered) {
      if (!(await this.#conversation.until(() => this.#answered > seen, ANSWER_TIME))) break;
      last = this.#now();
    }
    return { answered: this.#answered - before, time: last - start };
  }

  /** Holds PRESS by the front panel. Returns the time until the card is on, in ms. */
  async turnOnByKey(): Promise<number> {
    const start = this.#now();
    this.#target.send(encodeFrame(Channel.PANEL, Uint8Array.of(Key.PRESS, 1)));
    await this.#must(() => this.#screen.on, ANSWER_TIME, "PRESS does not turn it on");
    this.#target.send(encodeFrame(Channel.PANEL, Uint8Array.of(Key.PRESS, 0)));
    return this.#screen.at - start;
  }

  /** Says hello, then nothing. Returns the time until the card turns off, in ms. */
  async timeOut(): Promise<number> {
    // A frame to the front panel makes the card report its screen.
    this.#target.send(encodeFrame(Channel.PANEL, Buffer.alloc(0)));
    await this.hello();
    const start = this.#now();
    await this.#must(() => this.#screen.on, ANSWER_TIME, "hello does not turn it on");
    await this.#untilOff("time-out");
    return this.#screen.at - start;
  }

  /** Turns a blank card on by PRESS. Returns the time until it turns off, in ms. */
  async message(): Promise<number> {
    await this.#untilOff("message");
    await this.turnOnByKey();
    const start = this.#screen.at;
    await this.#untilOff("message");
    return this.#screen.at - start;
  }

  #untilOff(by: keyof typeof TIMES): Promise<void> {
    return this.#must(() => !this.#screen.on, SLOWEST * TIMES[by], "it does not turn off by itself");
  }

  #heard(frame: Plain): void {
    if (frame.channel === Channel.APDU) {
      this.#answer = frame.payload;
      this.#answered++;
    } else if (frame.payload.length > 0) this.#screen = { on: frame.payload[0] !== 0, at: this.#now() };
  }

  async #must(done: () => boolean, ms: number, otherwise: string): Promise<void> {
    if (!(await this.#conversation.until(done, ms))) throw new MeasureError(`${this.#target.name}: ${otherwise}`);
  }
}
