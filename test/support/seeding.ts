// Personalization against a simulated card without processes: a seed file in memory, and a line that can be listened to
// and spoiled.

import { Duplex } from "node:stream";
import { CardClient, type CardStatus } from "../../host-tools/card/cardclient.js";
import { Link } from "../../host-tools/card/link.js";
import { carryOut, makePlan, type Request, type Seeds } from "../../host-tools/desk/personalize.js";
import type { PutKeyProgress, SeedRecord, SeedState } from "../../host-tools/seeds/pskc.js";
import type { Card } from "../../sim/core/card.js";
import { FakeClock } from "./fakecard.js";

/** A seed file in memory. */
export class KeptSeeds implements Seeds {
  readonly path = "seeds.xml";
  readonly #records = new Map<string, SeedRecord>();

  get exists(): boolean {
    return this.#records.size > 0;
  }

  find(serial: string): SeedRecord | undefined {
    return this.#records.get(serial);
  }

  add(record: SeedRecord): void {
    if (this.#records.has(record.serial)) throw new Error(`there is a record of ${record.serial} already`);
    const { key, unlockKey } = record;
    this.#records.set(record.serial, { ...record, key: Buffer.from(key), unlockKey: Buffer.from(unlockKey ?? "") });
  }

  setState(serial: string, state: SeedState): void {
    this.#records.set(serial, { ...(this.find(serial) as SeedRecord), state });
  }

  setPutKey(serial: string, putKey: PutKeyProgress): void {
    const record = this.find(serial) as SeedRecord;
    this.#records.set(serial, { ...record, rotation: record.rotation && { ...record.rotation, putKey } });
  }
}

/** What goes wrong with one frame; both sides' frames are counted. */
export interface Fault {
  readonly frame: number;
  /** What is left of it; nothing: the line is cut before it. */
  readonly spoil: ((frame: Buffer) => Buffer) | undefined;
}

/** Somebody on the line. */
export interface Tap {
  hears?(from: "host" | "card", bytes: Buffer): void;
  /** What becomes of the card's answer. */
  alters?(answer: Buffer): Buffer;
}

/** The serial line of a simulated card, as a stream. */
export class Line extends Duplex {
  frames = 0;
  readonly #card: Card;
  readonly #fault: Fault | undefined;
  readonly #tap: Tap;

  constructor(card: Card, fault?: Fault, tap: Tap = {}) {
    super();
    this.#card = card;
    this.#fault = fault;
    this.#tap = tap;
    card.takeSent();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (!this.destroyed) this.#tap.hears?.("host", chunk);
    this.#pass(chunk, (bytes) => this.#card.receive(bytes));
    const answer = Buffer.from(this.#card.takeSent());
    if (answer.length > 0) this.#pass(answer, (bytes) => this.#answer(bytes));
    done();
  }

  #answer(bytes: Buffer): void {
    const answer = this.#tap.alters?.(bytes) ?? bytes;
    this.#tap.hears?.("card", answer);
    this.push(answer);
  }

  #pass(frame: Buffer, on: (bytes: Buffer) => void): void {
    if (this.destroyed) return;
    if (this.frames++ !== this.#fault?.frame) return on(frame);
    if (this.#fault.spoil) on(this.#fault.spoil(frame));
    else this.destroy();
  }
}

/** Personalizes the card as `dsc personalize` does. Returns the plan and how many frames that took. */
export async function attempt(card: Card, request: Request, seeds: Seeds, fault?: Fault, tap?: Tap) {
  const line = new Line(card, fault, tap);
  const clock = new FakeClock();
  // While the host waits, the card's time goes on.
  const timer = (ms: number, call: () => void) =>
    clock.timer(ms, () => {
      card.wait(ms);
      call();
    });
  const client = new CardClient(new Link(line, { timer }));
  const work = async () => {
    await client.hello();
    await client.closeChannel();
    const plan = makePlan(request, await client.readStatus(), seeds);
    await carryOut(plan, request, client, seeds);
    return plan;
  };
  const plan = await clock.until(work());
  return { plan, frames: line.frames };
}

export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return undefined;
}

export async function statusOf(card: Card): Promise<CardStatus> {
  const client = new CardClient(new Link(new Line(card)));
  await client.closeChannel();
  return client.readStatus();
}
