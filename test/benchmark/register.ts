// Measures what a register in a file costs for each seeded card, with 100 cards in it and with 100,000.
//
// The two registers are used in turn, card by card, so that other work on the machine slows both. The register does for
// each card what `dsc personalize` asks for; test/host-tools/desk/register/statements.test.ts compares that with a real
// personalization.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Kysely, sql } from "kysely";
import type { CardRecord } from "../../host-tools/desk/keyregister.js";
import type { Engine } from "../../host-tools/desk/register/engine.js";
import { JournalKey } from "../../host-tools/desk/register/journalchain.js";
import { openEngine } from "../../host-tools/desk/register/open.js";
import { Register } from "../../host-tools/desk/register/register.js";
import type { Tables } from "../../host-tools/desk/register/schema.js";
import { SeedingDesk } from "../../host-tools/desk/register/seedingdesk.js";
import { KEYS, newRegister, SUITE } from "../support/openregister.js";

const [FEW, MANY] = [100, 100_000];
/** Cards seeded in each register, and how many of them only warm up. */
const [CARDS, WARM_UP] = [220, 20];
/** Entries of the journal for a card: pending, seeded. */
const ENTRIES = 2;
const PIECE = 2000;

export interface RegisterCosts {
  /** Wall-clock time of all transactions of a card in the large register, in ms (median). */
  readonly msPerCard: number;
  /** The part of it inside writing transactions. */
  readonly msWriting: number;
  /** Processor time of a card in the large register, in ms (median): without waiting for the disk. */
  readonly msProcessor: number;
  /** Processor time for a card in the large register over that in the small one (medians). */
  readonly ratio: number;
  /** Writing transactions for a card. */
  readonly transactions: number;
}

/** What one card cost, in ms. */
interface Cost {
  readonly wall: number;
  readonly writing: number;
  readonly processor: number;
  readonly transactions: number;
}

export async function registerCosts(): Promise<RegisterCosts> {
  const folder = mkdtempSync(join(tmpdir(), "dsc-bench-"));
  try {
    const few = await Meter.on(join(folder, "few.db"), FEW);
    const many = await Meter.on(join(folder, "many.db"), MANY);
    const costs: [Cost[], Cost[]] = [[], []];
    for (let card = 0; card < CARDS; card++) {
      costs[0].push(await few.seed(card));
      costs[1].push(await many.seed(card));
    }
    for (const meter of [few, many]) await meter.close();
    const [small, large] = costs.map((list) => list.slice(WARM_UP)) as [Cost[], Cost[]];
    const msProcessor = median(large, ({ processor }) => processor);
    return {
      msPerCard: median(large, ({ wall }) => wall),
      msWriting: median(large, ({ writing }) => writing),
      msProcessor,
      ratio: msProcessor / median(small, ({ processor }) => processor),
      transactions: median(large, ({ transactions }) => transactions),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function median(costs: readonly Cost[], of: (cost: Cost) => number): number {
  const values = costs.map(of).sort((a, b) => a - b);
  return values[values.length >> 1] as number;
}

/** A register that measures what a card costs. */
class Meter {
  readonly #engine: TimedEngine;
  readonly #register: Register;

  private constructor(engine: TimedEngine, register: Register) {
    this.#engine = engine;
    this.#register = register;
  }

  static async on(path: string, cards: number): Promise<Meter> {
    await makeRegister(path, cards);
    const engine = new TimedEngine(await openEngine(path));
    return new Meter(engine, await Register.open(engine, { ...KEYS }, "bench"));
  }

  async seed(card: number): Promise<Cost> {
    this.#engine.reset();
    const { user, system } = process.cpuUsage();
    const started = performance.now();
    await seedOne(this.#register, `IB9${String(card).padStart(6, "0")}`);
    const wall = performance.now() - started;
    const after = process.cpuUsage();
    const processor = (after.user + after.system - user - system) / 1000;
    return { wall, processor, writing: this.#engine.writing, transactions: this.#engine.transactions };
  }

  close(): Promise<void> {
    return this.#register.close();
  }
}

/** All that `dsc personalize --serial … --transport …` does with the register for a blank card, without the card. */
export async function seedOne(register: Register, serial: string): Promise<void> {
  const desk = new SeedingDesk(register, "bench");
  await desk.holding(serial, async () => {
    await desk.find(serial);
    await desk.bind(recordFor(serial));
    await desk.setStoreData(serial, "answered");
    await desk.setPutKey(serial, "sent");
    await desk.setPutKey(serial, "done");
    await desk.setDone(serial);
  });
  desk.wipe();
}

function recordFor(serial: string): CardRecord {
  return {
    ...{ serial, suite: SUITE, pinCheck: "card", tries: 5, state: "pending", cardId: randomBytes(8).toString("hex") },
    ...{ key: randomBytes(32), unlockKey: randomBytes(32), origin: "drawn", lifeBefore: "blank", storeData: "sent" },
    ...{ keyset: 1, rotation: { before: "public", putKey: "unsent" }, transport: "112233" },
  };
}

/** Makes a register with that many seeded cards. Their keys are random bytes; the journal is valid. */
export async function makeRegister(path: string, cards: number): Promise<void> {
  const register = await newRegister(path);
  try {
    await register.engine.write((db) => addCards(db, cards));
    await register.engine.write((db) => addEntries(db, register, cards));
  } finally {
    await register.close();
  }
}

/** The engine makes the rows itself, in a tenth of the time that rows sent from here take. */
async function addCards(db: Kysely<Tables>, cards: number): Promise<void> {
  const numbers = sql`with recursive n(i) as (select 1 union all select i + 1 from n where i < ${cards})`;
  await sql`${numbers}
    insert into cards (serial, card_id, state, suite, pin_check, tries, keyset, transport, store_data, put_key, life_before,
      keys_before, created, changed)
    select printf('IB%07d', i), lower(hex(randomblob(8))), 'shipped', ${SUITE}, 'card', 5, 1, '112233', 'answered', 'done',
      'blank', 'public', 1795867200000, 1795867200000 from n`.execute(db);
  await sql`${numbers}, field(name) as (values ('token'), ('unlock')), opener(name) as (values ('desk'), ('site'))
    insert into keys (serial, card_id, field, version, opener, origin, state, sealed, fingerprint)
    select cards.serial, card_id, field.name, 1, opener.name, 'drawn', 'active', randomblob(61), randomblob(32)
    from n, cards, field, opener where cards.serial = printf('IB%07d', i)`.execute(db);
}

async function addEntries(db: Kysely<Tables>, register: Register, cards: number): Promise<void> {
  const journal = new JournalKey(KEYS.journal, register.id);
  let last = await db
    .selectFrom("journal")
    .select(["number", "mac", "at"])
    .orderBy("number", "desc")
    .executeTakeFirstOrThrow();
  const { at } = last;
  for (let from = 0; from < cards * ENTRIES; from += PIECE) {
    const rows = Array.from({ length: Math.min(PIECE, cards * ENTRIES - from) }, (_, index) => {
      const number = last.number + 1;
      const serial = `IB${String(1 + Math.floor((from + index) / ENTRIES)).padStart(7, "0")}`;
      const entry = { number, at, actor: "bench", action: "personalize", serial, reason: null, detail: "{}" };
      const mac = journal.macOf(last.mac, { ...entry, from: null, to: "pending" });
      last = { number, mac, at };
      return { ...entry, from_state: null, to_state: "pending", mac };
    });
    await db.insertInto("journal").values(rows).execute();
  }
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(last.number));
  const value = Buffer.concat([number, last.mac, journal.positionMac(last)]);
  await db.updateTable("meta").set({ value }).where("name", "=", "journal-position").execute();
  journal.wipe();
}

/** An engine whose writing transactions are timed. */
class TimedEngine implements Engine {
  /** ms since the last reset. */
  writing = 0;
  transactions = 0;
  readonly #inner: Engine;

  constructor(inner: Engine) {
    this.#inner = inner;
  }

  reset(): void {
    this.writing = 0;
    this.transactions = 0;
  }

  get kind() {
    return this.#inner.kind;
  }

  get where() {
    return this.#inner.where;
  }

  read: Engine["read"] = (run) => this.#inner.read(run);

  write: Engine["write"] = async (run) => {
    const started = performance.now();
    try {
      return await this.#inner.write(run);
    } finally {
      this.writing += performance.now() - started;
      this.transactions++;
    }
  };

  now: Engine["now"] = (db) => this.#inner.now(db);

  close(): Promise<void> {
    return this.#inner.close();
  }
}
