// Batches: lists of cards to seed, each from a file or from the placed orders. The register holds the work of a batch,
// so that any bench can continue it.
//
// A file is identified by an HMAC of its contents under a key derived from the desk key: the PINs of a file could be
// found by searching a plain hash. A batch gets its number when its file is first read. The same file is the same batch
// until a run has ended with every card done. Seeding the same list again makes another batch, whose name includes the
// number of the run.

import { randomBytes } from "node:crypto";
import type { Insertable, Kysely, Selectable } from "kysely";
import { counted } from "../../files/counted.js";
import { canonical } from "./canonical.js";
import { type Change, change } from "./change.js";
import { RegisterError } from "./errors.js";
import type { Order } from "./orders.js";
import type { Register } from "./register.js";
import type { BatchesTable, BatchRowsTable, PinCheck, Tables } from "./schema.js";

export type Batch = Selectable<BatchesTable>;
export type BatchRow = Selectable<BatchRowsTable>;

/** One card of a list. */
export interface WantedCard {
  /** Line in the file, counted from 1. */
  readonly line: number;
  /** undefined: the next serial number. */
  readonly serial?: string | undefined;
  readonly userName?: string | undefined;
  readonly suite: string;
  readonly pinCheck: PinCheck;
  readonly tries: number;
}

export interface OpenedBatch {
  readonly number: number;
  /** Whether the batch existed already. */
  readonly resumed: boolean;
}

/** The number of rows of a batch in each state. */
export interface BatchCounts {
  readonly done: number;
  readonly failed: number;
  readonly pending: number;
}

export interface FileBatch {
  /** Its name, for messages. */
  readonly path: string;
  readonly contents: Uint8Array;
  readonly cards: readonly WantedCard[];
  /** Seeds a finished list again, as another batch. */
  readonly again: boolean;
}

const LOOK = "dsc batch list shows the batches, and dsc batch show their cards.";

/** Rows for one statement: SQLite takes 32,766 parameters. */
const PIECE = 500;

/**
 * The batch of a file, made if it is new. Throws a RegisterError: "state" if the batch is finished and must not be
 * repeated, "duplicate" if a serial number is taken.
 */
export function openFileBatch(register: Register, file: FileBatch): Promise<OpenedBatch> {
  const first = register.desk.batchName(file.contents);
  const nameOf = (run: number) =>
    run === 1 ? first : register.desk.batchName(canonical("dsc batch run", String(run), first));
  return opening(register, async (one) => {
    for (let run = 1; ; run++) {
      const known = await batchNamed(one.db, nameOf(run));
      if (!known) return { number: await makeFileBatch(one, nameOf(run), file), resumed: false };
      if (known.state === "open" && known.finished === null) return { number: known.number, resumed: true };
      const next = await batchNamed(one.db, nameOf(run + 1));
      if (!next && !file.again) throw isFinished(file.path, known);
    }
  });
}

/**
 * The batch of the placed orders, including orders that were placed after it was made. Throws a RegisterError
 * ("unknown") if no order is placed and no batch of orders is unfinished.
 */
export function openOrdersBatch(register: Register): Promise<OpenedBatch> {
  return opening(register, async (one) => {
    const open = await one.db
      .selectFrom("batches")
      .select("number")
      .where("source", "=", "orders")
      .where("state", "=", "open")
      .where("finished", "is", null)
      .orderBy("number", "desc")
      .executeTakeFirst();
    const placed = await one.db
      .selectFrom("orders")
      .selectAll()
      .where("state", "=", "placed")
      .where("batch_number", "is", null)
      .orderBy("number")
      .execute();
    if (!open && placed.length === 0)
      throw new RegisterError(
        "no order is placed; place one with dsc order add",
        "unknown",
        "dsc order list shows the orders.",
      );
    const number = open?.number ?? (await makeBatch(one, randomBytes(32), "orders"));
    const rows = placed.map((order) => ({
      ...newRow(number, wantedBy(order)),
      order_number: order.number,
    }));
    await addRows(one, rows);
    for (let at = 0; at < placed.length; at += PIECE) {
      const numbers = placed.slice(at, at + PIECE).map((order) => order.number);
      await one.db.updateTable("orders").set({ batch_number: number }).where("number", "in", numbers).execute();
    }
    if (rows.length > 0) await one.note({ action: "batch open", detail: { batch: number, cards: rows.length } });
    return { number, resumed: open !== undefined };
  });
}

function wantedBy({ number, user_name, suite, pin_check, tries }: Order): WantedCard {
  return { line: number, userName: user_name, suite, pinCheck: pin_check, tries };
}

/** If two benches open one list at once, the second finds the batch of the first. */
async function opening(register: Register, run: (one: Change) => Promise<OpenedBatch>): Promise<OpenedBatch> {
  try {
    return await change(register, run);
  } catch (error) {
    if (!(error instanceof RegisterError) || error.reason !== "duplicate" || error instanceof SerialTaken) throw error;
    return change(register, run);
  }
}

/** A serial number of a list belongs to another card. */
class SerialTaken extends RegisterError {
  constructor(message: string) {
    super(message, "duplicate", "Correct the list; dsc card show and dsc batch show say what has the serial number.");
  }
}

async function batchNamed(db: Kysely<Tables>, name: Uint8Array): Promise<Batch | undefined> {
  return db.selectFrom("batches").selectAll().where("name", "=", Buffer.from(name)).executeTakeFirst();
}

async function makeFileBatch(one: Change, name: Buffer, { path, cards }: FileBatch): Promise<number> {
  await refuseTakenSerials(one.db, path, cards);
  const number = await makeBatch(one, name, "file");
  await addRows(
    one,
    cards.map((card) => newRow(number, card)),
  );
  await one.note({ action: "batch open", detail: { batch: number, cards: cards.length } });
  return number;
}

async function makeBatch({ db, at }: Change, name: Buffer, source: Batch["source"]): Promise<number> {
  const values = { name, source, state: "open", opened: at, changed: at } as const;
  return (await db.insertInto("batches").values(values).returning("number").executeTakeFirstOrThrow()).number;
}

type NewRow = Insertable<BatchRowsTable>;

function newRow(batch: number, { line, serial, userName, suite, pinCheck, tries }: WantedCard): NewRow {
  return {
    ...{ batch_number: batch, line, state: "pending", serial: serial ?? null, user_name: userName ?? null },
    ...{ suite, pin_check: pinCheck, tries, serial_given: serial === undefined ? 0 : 1, lettered: 0 },
  };
}

async function addRows({ db }: Change, rows: readonly NewRow[]): Promise<void> {
  for (let at = 0; at < rows.length; at += PIECE)
    await db
      .insertInto("batch_rows")
      .values(rows.slice(at, at + PIECE))
      .execute();
}

async function refuseTakenSerials(db: Kysely<Tables>, path: string, cards: readonly WantedCard[]): Promise<void> {
  const named = cards.flatMap(({ serial, line }) => (serial === undefined ? [] : [{ serial, line }]));
  for (let at = 0; at < named.length; at += PIECE) {
    const piece = named.slice(at, at + PIECE);
    const serials = piece.map(({ serial }) => serial);
    const lineOf = (serial: string) => piece.find((each) => each.serial === serial)?.line;
    const card = await db
      .selectFrom("cards")
      .select(["serial", "state"])
      .where("serial", "in", serials)
      .executeTakeFirst();
    if (card)
      throw new SerialTaken(
        `${path}: line ${lineOf(card.serial)}, serial: ${card.serial} is ${card.state} in the register; take the row out, ` +
          "or seed that card by itself with --serial",
      );
    const row = await db
      .selectFrom("batch_rows")
      .innerJoin("batches", "batches.number", "batch_rows.batch_number")
      .select(["batch_rows.serial", "batch_rows.batch_number"])
      .where("batch_rows.serial", "in", serials)
      .where("batches.state", "=", "open")
      .executeTakeFirst();
    if (row?.serial)
      throw new SerialTaken(
        `${path}: line ${lineOf(row.serial)}, serial: ${row.serial} is already in batch ${row.batch_number}; close that batch, ` +
          "or take the row out",
      );
  }
}

function isFinished(path: string, { number, state }: Batch): RegisterError {
  return new RegisterError(
    `${path}: is batch ${number}, which is ${state === "closed" ? "closed" : "finished"}; to seed the same list again, ` +
      `with other cards, give --again; dsc batch report --batch ${number} shows it`,
    "state",
    LOOK,
  );
}

/** Batches in order of number. */
export function listBatches(db: Kysely<Tables>): Promise<Batch[]> {
  return db.selectFrom("batches").selectAll().orderBy("number").execute();
}

/** Throws a RegisterError ("unknown") if there is no such batch. */
export async function batchOf(db: Kysely<Tables>, number: number): Promise<Batch> {
  const batch = await db.selectFrom("batches").selectAll().where("number", "=", number).executeTakeFirst();
  if (!batch)
    throw new RegisterError(
      `batch ${number}: the register has no such batch; dsc batch list shows them`,
      "unknown",
      LOOK,
    );
  return batch;
}

/** The rows of a batch in the order of its list. */
export function rowsOf(db: Kysely<Tables>, batch: number): Promise<BatchRow[]> {
  return db.selectFrom("batch_rows").selectAll().where("batch_number", "=", batch).orderBy("line").execute();
}

export async function countRows(db: Kysely<Tables>, batch: number): Promise<BatchCounts> {
  const rows = await db
    .selectFrom("batch_rows")
    .select(["state", ({ fn }) => fn.countAll<number>().as("count")])
    .where("batch_number", "=", batch)
    .groupBy("state")
    .execute();
  const of = (state: BatchRow["state"]) => rows.find((row) => row.state === state)?.count ?? 0;
  return { done: of("done"), failed: of("failed"), pending: of("pending") };
}

/** Records that a run ended with every card done: from now on the same list makes another batch. */
export function finishBatch(register: Register, number: number): Promise<void> {
  return change(register, async ({ db, at, note }) => {
    const { finished } = await batchOf(db, number);
    if (finished !== null) return;
    await db.updateTable("batches").set({ finished: at, changed: at }).where("number", "=", number).execute();
    await note({ action: "batch finish", detail: { batch: number } });
  });
}

/** Confirmations for closing a batch early. */
export interface ClosingOptions {
  /** Accepts that some cards will not be done. */
  readonly unfinished: boolean;
  /** Accepts that PINs without a letter are lost. */
  readonly withoutLetters: boolean;
}

/**
 * Closes a batch and erases its PINs. Throws a RegisterError ("state") if it is closed already, if a card is not done,
 * or if the PIN of a finished card is in no synced letters file.
 */
export function closeBatch(register: Register, number: number, options: ClosingOptions): Promise<BatchCounts> {
  return change(register, async (one) => {
    const { db, at } = one;
    const batch = await batchOf(db, number);
    if (batch.state === "closed") throw new RegisterError(`batch ${number} is closed already`, "state", LOOK);
    const counts = await countRows(db, number);
    const open = counts.pending + counts.failed;
    if (open > 0 && !options.unfinished)
      throw new RegisterError(
        `batch ${number}: ${cardsInWords(open)} not done; finish them, or close it without them (--unfinished)`,
        "state",
        LOOK,
      );
    const letters = await countUnlettered(db, number);
    if (letters > 0 && !options.withoutLetters)
      throw new RegisterError(
        `batch ${number}: the PINs of ${counted(letters, "done card")} are in no letters file; write it ` +
          `with dsc batch report --batch ${number} --pin-letters FILE, or erase them unprinted (--without-letters)`,
        "state",
        LOOK,
      );
    await db.updateTable("batch_rows").set({ pin: null }).where("batch_number", "=", number).execute();
    await db.updateTable("batches").set({ state: "closed", changed: at }).where("number", "=", number).execute();
    await releaseOrders(one, number);
    await one.note({
      action: "batch close",
      from: "open",
      to: "closed",
      detail: { batch: number, ...counts, letters },
    });
    return counts;
  });
}

function cardsInWords(count: number): string {
  return count === 1 ? "one card is" : `${count} cards are`;
}

/** The number of finished cards whose PIN is in no synced file. */
async function countUnlettered(db: Kysely<Tables>, batch: number): Promise<number> {
  const row = await db
    .selectFrom("batch_rows")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("batch_number", "=", batch)
    .where("state", "=", "done")
    .where("pin", "is not", null)
    .where("lettered", "=", 0)
    .executeTakeFirst();
  return row?.count ?? 0;
}

/** Orders that got no card go to the next batch. */
async function releaseOrders({ db }: Change, batch: number): Promise<void> {
  await db
    .updateTable("orders")
    .set({ batch_number: null })
    .where("batch_number", "=", batch)
    .where("state", "=", "placed")
    .execute();
}
