// Personalization of a simulated card without processes: a register in memory, and a line that can be tapped and
// disturbed.

import { Duplex } from "node:stream";
import { CardClient, type CardStatus } from "../../host-tools/card/cardclient.js";
import { Link } from "../../host-tools/card/link.js";
import type { CardRecord, KeyRegister, PutKeyProgress, StoreDataProgress } from "../../host-tools/desk/keyregister.js";
import { carryOut } from "../../host-tools/desk/personalize.js";
import { makePlan } from "../../host-tools/desk/plan.js";
import type { Request } from "../../host-tools/desk/request.js";
import { FileError } from "../../host-tools/files/errors.js";
import type { Card } from "../../sim/core/card.js";
import { FakeClock } from "./fakecard.js";

/** A register in memory. */
export class KeptRegister implements KeyRegister {
  readonly name = "register";
  /** Every record that was ever bound, by serial number; the last one counts. */
  readonly #records = new Map<string, CardRecord[]>();

  /** A register with the same records. */
  copy(): KeptRegister {
    const copy = new KeptRegister();
    for (const [serial, records] of this.#records) copy.#records.set(serial, [...records]);
    return copy;
  }

  async find(serial: string): Promise<CardRecord | undefined> {
    return this.newest(serial);
  }

  newest(serial: string): CardRecord | undefined {
    return this.#records.get(serial)?.at(-1);
  }

  /** Every token key that a serial number ever had, the newest last. */
  keysOf(serial: string): Buffer[] {
    return (this.#records.get(serial) ?? []).map(({ key }) => key);
  }

  async bind(record: CardRecord): Promise<void> {
    for (const [serial, records] of this.#records) {
      for (const { key, cardId } of records)
        if (key.equals(record.key) && cardId !== record.cardId)
          throw new FileError("another card may have this key", "exists");
      if (serial !== record.serial && this.newest(serial)?.cardId === record.cardId)
        this.#change(serial, { cardId: undefined });
    }
    const kept = { ...record, key: Buffer.from(record.key), unlockKey: Buffer.from(record.unlockKey) };
    this.#records.set(record.serial, [...(this.#records.get(record.serial) ?? []), kept]);
  }

  async setStoreData(serial: string, storeData: StoreDataProgress): Promise<void> {
    this.#change(serial, { storeData });
  }

  async setPutKey(serial: string, putKey: PutKeyProgress): Promise<void> {
    const { rotation } = this.newest(serial) as CardRecord;
    this.#change(serial, { rotation: rotation && { ...rotation, putKey } });
  }

  async setDone(serial: string): Promise<void> {
    this.#change(serial, { state: "done" });
  }

  #change(serial: string, change: Partial<CardRecord>): void {
    const records = this.#records.get(serial) as CardRecord[];
    records.push({ ...(records.pop() as CardRecord), ...change });
  }
}

/** A fault in one frame; the frames of both sides are counted. */
export interface Fault {
  readonly frame: number;
  /** Returns what arrives of the frame; undefined: the line is cut before the frame. */
  readonly spoil: ((frame: Buffer) => Buffer) | undefined;
}

/** An attacker on the line. */
export interface Tap {
  hears?(from: "host" | "card", bytes: Buffer): void;
  /** Changes the card's answer. */
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
export async function attempt(card: Card, request: Request, register: KeyRegister, fault?: Fault, tap?: Tap) {
  const line = new Line(card, fault, tap);
  const clock = new FakeClock();
  // While the host waits, the card's time passes.
  const timer = (ms: number, call: () => void) =>
    clock.timer(ms, () => {
      card.wait(ms);
      call();
    });
  const client = new CardClient(new Link(line, { timer }));
  const work = async () => {
    await client.hello();
    await client.closeChannel();
    const kept = outside(register, clock);
    const plan = await makePlan(request, await client.readStatus(), kept);
    await carryOut(plan, request, client, kept);
    return plan;
  };
  const plan = await clock.until(work());
  return { plan, frames: line.frames };
}

/** The register; the clock waits for its work. */
function outside(register: KeyRegister, clock: FakeClock): KeyRegister {
  return {
    name: register.name,
    find: (...args) => clock.outside(register.find(...args)),
    bind: (...args) => clock.outside(register.bind(...args)),
    setStoreData: (...args) => clock.outside(register.setStoreData(...args)),
    setPutKey: (...args) => clock.outside(register.setPutKey(...args)),
    setDone: (...args) => clock.outside(register.setDone(...args)),
  };
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
