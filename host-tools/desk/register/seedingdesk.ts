// The register for one bench during personalization: the keys and the progress of each card.

import type { Kysely } from "kysely";
import type { CardRecord, KeyRegister, PutKeyProgress, StoreDataProgress, UnboundRecord } from "../keyregister.js";
import { refuseFalseCard } from "../refusals.js";
import { cardsNow, changeApproved, isApprovalSet, type Subject } from "./approvals.js";
import { leaveRows } from "./batchwithdrawals.js";
import { type Card, findCard, IN_USE, moveCard, progressOf, retireAtDesk } from "./cards.js";
import { type Change, change } from "./change.js";
import { type Claimant, claimCard, releaseCard } from "./claims.js";
import { RegisterError } from "./errors.js";
import { abandonKeys, bindKeys, boundTo, currentKeys, newestVersion } from "./keys.js";
import { isMadeFor, moveOrder, type Order, openPin, orderOf } from "./orders.js";
import type { Register } from "./register.js";
import type { CardState, PinCheck, Tables } from "./schema.js";
import { isAnothers, pendingOrNext, refuseEnded, serialForOrder, serialOn } from "./serialnumbers.js";

const ACTION = "personalize";

/** What an order specifies for its card. */
export interface OrderedCard {
  readonly suite: string;
  readonly pinCheck: PinCheck;
  readonly tries: number;
  /** Four digits as ASCII; undefined: there is none, or it is already in the card. Wipe it after use. */
  readonly pin: Buffer | undefined;
}

/** A card that is seeded as part of a batch. */
export interface Job {
  /** The order with its encrypted PIN at the time of reading; undefined: the card is for no order. */
  readonly order: Pick<Order, "number" | "pin"> | undefined;
  readonly batch: number;
  readonly userName: string | null;
  /** Called in the change in which the card becomes done. */
  done(one: Change): Promise<void>;
}

/** The state of a serial number when this bench read it. Each change requires that the state is unchanged. */
interface Seen {
  /** The version of the newest keys; 0: there are none. */
  readonly version: number;
  readonly cardId: string | undefined;
  readonly state: CardState | undefined;
}

/**
 * A claim only decides which bench waits, and it can expire. So each change requires that the serial number is pending,
 * still has the keys and the card that this bench read, and that its order was not cancelled or placed again. A card's
 * answer is recorded in any case, since it is a fact. Wipe it after use.
 */
export class SeedingDesk implements KeyRegister {
  readonly name: string;
  readonly #register: Register;
  readonly #claimant: Claimant;
  readonly #found: CardRecord[] = [];
  readonly #seen = new Map<string, Seen>();
  /** Cards that were marked as done, which ended their claims. */
  readonly #done = new Set<string>();
  readonly #job: Job | undefined;
  /** The order of the card, with the encrypted PIN at the time of reading. */
  #order: Pick<Order, "number" | "pin"> | undefined;

  /** `bench` names this computer and port, for benches that wait. */
  constructor(register: Register, bench: string, job?: Job) {
    this.name = register.engine.where;
    this.#register = register;
    this.#claimant = { bench, process: String(process.pid) };
    this.#job = job;
    this.#order = job?.order;
  }

  /** Runs `work` while this bench claims the card. The claim ends with the work, or when the card is done. */
  async holding<T>(serial: string, work: () => Promise<T>): Promise<T> {
    await this.#change((one) => claimCard(one, serial, this.#claimant));
    let result: T;
    try {
      result = await work();
    } catch (error) {
      // Ignore the error, since the error of the work is the one to report. The claim expires.
      await this.#release(serial).catch(() => {});
      throw error;
    }
    if (!this.#done.delete(serial)) await this.#release(serial);
    return result;
  }

  /** Claims the serial number that is pending on this card, otherwise the next one. */
  serialFor(cardId: string | undefined): Promise<string> {
    return this.#claimed((db) => pendingOrNext(db, cardId, this.#claimant));
  }

  /** The serial number that `serialFor` would claim. Nothing is written. */
  plannedSerialFor(cardId: string | undefined): Promise<string> {
    return this.#register.engine.read((db) => pendingOrNext(db, cardId, this.#claimant));
  }

  /** The serial number of this card if it is done and still at the desk. */
  seededOn(cardId: string | undefined): Promise<string | undefined> {
    return this.#register.engine.read((db) => serialOn(db, cardId, "seeded"));
  }

  async order(number: number): Promise<OrderedCard> {
    const order = await this.#register.engine.read((db) => orderOf(db, number));
    refuseEnded(order);
    this.#order = { number, pin: order.pin };
    const { suite, pin_check: pinCheck, tries } = order;
    return { suite, pinCheck, tries, pin: openPin(this.#register, order) };
  }

  /**
   * Claims the serial number for the card of an order. The order itself is claimed when keys are bound: until then its
   * card may be refused, or turn out to be the wrong one.
   */
  serialOfOrder(number: number): Promise<string> {
    return this.#claimed((db) => serialForOrder(db, number, this.#claimant));
  }

  /** The serial number that `serialOfOrder` would claim. Nothing is written. */
  plannedSerialOfOrder(number: number): Promise<string> {
    return this.#register.engine.read((db) => serialForOrder(db, number, this.#claimant));
  }

  async find(serial: string): Promise<CardRecord | UnboundRecord | undefined> {
    const { found, version, state } = await this.#register.engine.read(async (db) => ({
      found: await readRecord(db, this.#register, serial),
      version: await newestVersion(db, serial),
      state: (await findCard(db, serial))?.state,
    }));
    this.#seen.set(serial, { version, cardId: found?.cardId, state });
    if (found && "key" in found) this.#found.push(found);
    return found;
  }

  async bind(record: CardRecord): Promise<void> {
    const { serial, cardId } = record;
    if (cardId === undefined) throw new Error("a record that is bound to no card");
    const version = await changeApproved(
      this.#register,
      (one) => reseedSubject(one, serial, cardId),
      async (one) => {
        await claimCard(one, serial, this.#claimant);
        const { version: seen = 0, state } = this.#seen.get(serial) ?? {};
        const before = await findCard(one.db, serial);
        if ((await newestVersion(one.db, serial)) !== seen || before?.state !== state) throw isChanged(serial);
        await this.#refuseOrder(one.db, record, before);
        await this.#claimOrder(one, serial);
        await leaveRows(one, { serial, cardId, batch: this.#job?.batch, order: this.#order?.number });
        await retireOthers(one, record, this.name);
        await keepCard(one, record, before, this.#order?.number, this.#job);
        const version = await bindKeys(one, { ...record, cardId });
        const detail = { card: cardId, version, key: record.origin, life: record.lifeBefore };
        await one.note({ action: ACTION, serial, from: before?.state, to: "pending", detail });
        return version;
      },
    );
    this.#seen.set(serial, { version, cardId, state: "pending" });
  }

  setStoreData(serial: string, storeData: StoreDataProgress): Promise<void> {
    return this.#update(serial, { store_data: storeData }, storeData === "answered");
  }

  setPutKey(serial: string, putKey: PutKeyProgress): Promise<void> {
    return this.#update(serial, { put_key: putKey }, putKey === "done");
  }

  /** Also releases the claim, in the same change. */
  async setDone(serial: string): Promise<void> {
    await this.#change(async (one) => {
      const stopped = await this.#whyStopped(one.db, await this.#sameCard(one.db, serial));
      if (stopped) throw stopped;
      await releaseCard(one, serial, this.#claimant);
      const { order_number: order } = await moveCard(one, { serial, to: "seeded", action: ACTION });
      await this.#job?.done(one);
      if (order === null || (await orderOf(one.db, order)).state !== "claimed") return;
      await moveOrder(one, order, "seeded", { action: ACTION, serial });
    });
    this.#done.add(serial);
  }

  /** Zeroes the keys that were found. */
  wipe(): void {
    for (const { key, unlockKey } of this.#found) {
      key.fill(0);
      unlockKey.fill(0);
    }
  }

  /**
   * Updates the record. `answered`: the card confirmed this, so it is recorded in any case, and only later steps are
   * refused.
   */
  async #update(
    serial: string,
    values: Partial<Pick<Card, "store_data" | "put_key">>,
    answered: boolean,
  ): Promise<void> {
    const stopped = await this.#change(async (one) => {
      await claimCard(one, serial, this.#claimant);
      const why = await this.#whyStopped(one.db, await this.#sameCard(one.db, serial));
      if (why && !answered) throw why;
      await one.db
        .updateTable("cards")
        .set({ ...values, changed: one.at })
        .where("serial", "=", serial)
        .execute();
      return why;
    });
    if (stopped) throw stopped;
  }

  /** The card with the keys that this bench saw; throws if either has changed. */
  async #sameCard(db: Kysely<Tables>, serial: string): Promise<Card> {
    const seen = this.#seen.get(serial);
    const card = await findCard(db, serial);
    const isSame = card !== undefined && (card.card_id ?? undefined) === seen?.cardId;
    if (!isSame || (await newestVersion(db, serial)) !== seen?.version) throw isChanged(serial);
    return card;
  }

  /** Why nothing more may be sent to the card; undefined if it may. */
  async #whyStopped(db: Kysely<Tables>, card: Card): Promise<RegisterError | undefined> {
    const { serial, state, order_number: number } = card;
    if (number !== null) {
      const order = await orderOf(db, number);
      if (!isMadeFor(order, serial)) return notMadeFor(serial, order);
      if (order.state === "claimed" && number !== this.#order?.number) return belongsTo(serial, number);
    }
    if (state === "pending") return undefined;
    return new RegisterError(`${serial} was set to ${state} meanwhile; ${STOPPED}`, "state");
  }

  /**
   * Checks before keys are bound: an order must still wait for this card, and a serial number without an order must not
   * belong to one.
   */
  async #refuseOrder(db: Kysely<Tables>, record: CardRecord, before: Card | undefined): Promise<void> {
    const { serial } = record;
    if (!this.#order) {
      const claimed = await claimedOrderOf(db, serial);
      if (claimed) throw belongsTo(serial, claimed.number);
      return;
    }
    const order = await orderOf(db, this.#order.number);
    if (!(await this.#isFor(db, order, record))) throw notMadeFor(serial, order);
    if (order.state !== "placed" && order.state !== "claimed") throw isMade(order);
    const isSamePin = order.pin === null ? this.#order.pin === null : this.#order.pin?.equals(order.pin);
    if (!isSamePin) throw isChanged(serial);
    if (before && before.order_number !== order.number) throw isAnothers(order, before);
  }

  /** Whether the card may become the card of the order. */
  async #isFor(db: Kysely<Tables>, order: Order, record: CardRecord): Promise<boolean> {
    // An order that was placed again meanwhile is in no batch, or in another one.
    if (order.state === "placed") return !this.#job || order.batch_number === this.#job.batch;
    if (isMadeFor(order, record.serial)) return true;
    return order.state === "claimed" && (await this.#replaces(db, order, record));
  }

  /** Whether the order's row of this batch is with this card now, after an earlier card of the batch failed. */
  async #replaces(db: Kysely<Tables>, { number, serial }: Order, record: CardRecord): Promise<boolean> {
    if (!this.#job || serial === null) return false;
    const { batch } = this.#job;
    const rows = db.selectFrom("batch_rows").select("number").where("order_number", "=", number);
    const row = await rows
      .where("batch_number", "=", batch)
      .where("serial", "=", record.serial)
      .where("card_id", "=", record.cardId ?? "")
      .executeTakeFirst();
    return row !== undefined && (await findCard(db, serial))?.batch_number === batch;
  }

  /** In the change that binds the keys: an order that is claimed has a card. */
  async #claimOrder(one: Change, serial: string): Promise<void> {
    if (!this.#order) return;
    const { number } = this.#order;
    const { state, serial: before } = await orderOf(one.db, number);
    if (state === "placed") await moveOrder(one, number, "claimed", { action: ACTION, serial });
    else if (before !== serial)
      await one.db.updateTable("orders").set({ serial }).where("number", "=", number).execute();
  }

  #claimed(serialIn: (db: Kysely<Tables>) => Promise<string>): Promise<string> {
    return this.#change(async (one) => {
      const serial = await serialIn(one.db);
      await claimCard(one, serial, this.#claimant);
      return serial;
    });
  }

  #release(serial: string): Promise<void> {
    return this.#change((one) => releaseCard(one, serial, this.#claimant));
  }

  #change<T>(run: (one: Change) => Promise<T>): Promise<T> {
    return change(this.#register, run);
  }
}

async function readRecord(
  db: Kysely<Tables>,
  register: Register,
  serial: string,
): Promise<CardRecord | UnboundRecord | undefined> {
  const card = await findCard(db, serial);
  if (!card) return undefined;
  const progress = progressOf(card);
  const order = await orderMadeFor(db, card);
  const isBound = card.card_id !== null && (await boundTo(db, serial)) === card.card_id;
  const keys = isBound ? await currentKeys(db, register, serial) : undefined;
  if (!keys || card.card_id === null) return { serial, state: progress.state, cardId: undefined, order };
  return {
    ...progress,
    order,
    ...{ suite: card.suite, pinCheck: card.pin_check, tries: card.tries, cardId: card.card_id },
    ...{ key: keys.token, unlockKey: keys.unlock, origin: keys.origin === "drawn" ? "drawn" : "given" },
  };
}

/** The order that has this card; undefined: none, or it was cancelled or placed again. */
async function orderMadeFor(db: Kysely<Tables>, { serial, order_number }: Card): Promise<number | undefined> {
  if (order_number === null) return undefined;
  return isMadeFor(await orderOf(db, order_number), serial) ? order_number : undefined;
}

async function keepCard(
  { db, at }: Change,
  record: CardRecord,
  before: Card | undefined,
  order: number | undefined,
  job: Job | undefined,
): Promise<void> {
  const { serial, suite, pinCheck, tries, cardId = null, storeData, keyset, rotation, transport, lifeBefore } = record;
  if (lifeBefore === "unknown") throw new Error("newly bound keys need the card's earlier life");
  const values = {
    ...{ card_id: cardId, state: "pending" as const, suite, pin_check: pinCheck, tries },
    ...{ life_before: lifeBefore, store_data: storeData, changed: at },
    ...{ keyset: keyset ?? null, transport: transport ?? null },
    ...{ keys_before: rotation?.before ?? null, put_key: rotation?.putKey ?? ("unsent" as const) },
    ...(await whomFor(db, before, order)),
    ...(job && { batch_number: job.batch, ...(!job.order && { user_name: job.userName }) }),
  };
  if (before) await db.updateTable("cards").set(values).where("serial", "=", serial).execute();
  else
    await db
      .insertInto("cards")
      .values({ serial, created: at, ...values })
      .execute();
}

/** The user of a card: from its order, or the previous user unless that was given up. */
async function whomFor(
  db: Kysely<Tables>,
  before: Card | undefined,
  order: number | undefined,
): Promise<Partial<Pick<Card, "order_number" | "user_name">>> {
  if (order !== undefined) return { order_number: order, user_name: (await orderOf(db, order)).user_name };
  if (!before || before.order_number === null || (await orderMadeFor(db, before)) !== undefined) return {};
  return { order_number: null, user_name: null };
}

/**
 * Replacing the keys of cards in use, which needs an approval if the settings require one. Nothing has been sent to the
 * cards yet.
 */
async function reseedSubject({ db }: Change, serial: string, cardId: string): Promise<Subject | undefined> {
  if (!(await isApprovalSet(db, "approval.reseed"))) return undefined;
  const cards = await db
    .selectFrom("cards")
    .select("serial")
    .where((where) => where.or([where("serial", "=", serial), where("card_id", "=", cardId)]))
    .where("state", "in", IN_USE)
    .execute();
  if (cards.length === 0) return undefined;
  const serials = cards.map((card) => card.serial);
  const given = { "new keys for": serial, "card id": cardId };
  return { command: "personalize", arguments: given, cards: await cardsNow(db, serials), recipient: null };
}

/** Retires the earlier serial numbers of a card. A false card must not end the keys of the card whose id it claims. */
async function retireOthers(one: Change, { serial, cardId = "", lifeBefore }: CardRecord, name: string): Promise<void> {
  const others = await one.db
    .selectFrom("cards")
    .selectAll()
    .where("card_id", "=", cardId)
    .where("serial", "!=", serial)
    .execute();
  for (const other of others) {
    if (lifeBefore === "blank") refuseFalseCard(progressOf(other), { life: lifeBefore }, name);
    await abandonKeys(one, other.serial);
    await retireAtDesk(one, other, { action: ACTION, reason: `its card became ${serial}`, renumbered: true });
  }
}

function claimedOrderOf(db: Kysely<Tables>, serial: string): Promise<Order | undefined> {
  const orders = db.selectFrom("orders").selectAll().where("serial", "=", serial).where("state", "=", "claimed");
  return orders.executeTakeFirst();
}

function isChanged(serial: string): RegisterError {
  return new RegisterError(
    `${serial}: another bench changed it meanwhile; nothing more was sent to this card; run the command again`,
    "busy",
  );
}

const STOPPED = "nothing more was sent to this card; dsc card history shows why";

function notMadeFor(serial: string, { number, state }: Order): RegisterError {
  const why = state === "cancelled" || state === "placed" ? state : `${state} with another card`;
  return new RegisterError(`${serial} was made for order ${number}, which is ${why} now; ${STOPPED}`, "state");
}

function belongsTo(serial: string, order: number): RegisterError {
  return new RegisterError(
    `${serial} is being made for order ${order}; give --order ${order} instead of its serial number`,
    "state",
  );
}

function isMade({ number, state }: Order): RegisterError {
  return new RegisterError(
    `order ${number} is ${state}; if its card was damaged, place it again (dsc order add --again ${number})`,
    "state",
  );
}
