// The rows of a batch that is being seeded: which card each row is for, and its result.
//
// A row is paired with a card, by the card's id, in one transaction before anything is sent. Once keys are bound to
// that card the pair is final: the card may have the keys and that row's PIN. If the card was removed before that, the
// row goes to the next card.
//
//   the card at the port                          its row
//   paired with a row of this batch               that row, whichever bench seeded it; done: nothing to do
//   begun elsewhere, or in use                    none: refused
//   any other                                     the first row that has no card, or whose card got no keys

import type { Kysely } from "kysely";
import type { CardStatus } from "../../card/cardclient.js";
import { drawPin } from "../drawnpin.js";
import { type BatchRow, countRows } from "./batches.js";
import { failUseless, isReplaced } from "./batchwithdrawals.js";
import { findCard, IN_USE } from "./cards.js";
import { type Change, change } from "./change.js";
import { type Claimant, claimCard, counts, releaseCard, takeClaim } from "./claims.js";
import { RegisterError } from "./errors.js";
import { type Order, openPin, orderOf } from "./orders.js";
import type { Register } from "./register.js";
import type { Tables } from "./schema.js";
import { nextSerial } from "./serialnumbers.js";

/** A row with its serial number and its card. */
export interface PairedRow {
  readonly number: number;
  readonly batch: number;
  readonly line: number;
  readonly serial: string;
  readonly cardId: string;
  readonly userName: string | null;
  /** The order with its encrypted PIN; undefined: the row is for no order. */
  readonly order: Pick<Order, "number" | "pin"> | undefined;
  readonly suite: string;
  readonly pinCheck: "card" | "server";
  readonly tries: number;
  /** Four digits as ASCII; undefined: the server checks the PIN. Wipe it after use. */
  readonly pin: Buffer | undefined;
  /** Whether this card replaces an earlier card of the batch under this serial number. */
  readonly replaces: boolean;
  /** When the work on it began, ms since 1970. */
  readonly began: number;
}

/** The register's answer for a card. */
export type Pairing =
  | { readonly kind: "row"; readonly row: PairedRow }
  /** The card is done and has this serial number. */
  | { readonly kind: "known"; readonly serial: string }
  | { readonly kind: "refused"; readonly why: string }
  /** No row is left: each is done or has another card. */
  | { readonly kind: "none" }
  /** No row is pending. */
  | { readonly kind: "complete" };

/** The report of the card at a port. */
export type PresentCard = Pick<CardStatus, "serial" | "life" | "testKeys"> & { readonly id: string };

export interface PairingOptions {
  readonly batch: number;
  readonly claimant: Claimant;
  /** The PIN that the file has in this line; undefined: it is drawn. The caller wipes it. */
  pinOf(line: number): Uint8Array | undefined;
}

/** Pairs the card at a port with a row. */
export function pairCard(register: Register, card: PresentCard, options: PairingOptions): Promise<Pairing> {
  return change(register, async (one) => {
    const own = await rowOfCard(one.db, options.batch, card.id);
    if (own?.state === "done") return { kind: "known", serial: own.serial ?? "" };
    if (own) {
      const why = await failUseless(one, own, card.id);
      return why === undefined ? pair(one, own, card, options) : { kind: "refused", why };
    }
    const refusal = await refusalOf(one.db, card);
    if (refusal) return { kind: "refused", why: refusal };
    for (;;) {
      const row = await freeRow(one, options, card.serial);
      if (!row) break;
      if ((await failUseless(one, row, card.id)) === undefined) return pair(one, row, card, options);
    }
    const { pending } = await countRows(one.db, options.batch);
    return { kind: pending === 0 ? "complete" : "none" };
  });
}

function rowOfCard(db: Kysely<Tables>, batch: number, cardId: string): Promise<BatchRow | undefined> {
  const rows = db.selectFrom("batch_rows").selectAll().where("card_id", "=", cardId).where("batch_number", "=", batch);
  return rows.executeTakeFirst();
}

/** The reason why a card cannot get a row; undefined if it can. */
async function refusalOf(db: Kysely<Tables>, { id, life, serial }: PresentCard): Promise<string | undefined> {
  const known = await db.selectFrom("cards").selectAll().where("card_id", "=", id).executeTakeFirst();
  if (known && known.state !== "pending") return `this card is ${known.serial}, which is ${known.state} already`;
  if (known?.batch_number)
    return (
      `this card was begun as ${known.serial} in batch ${known.batch_number}; insert it when that list is seeded, or wipe ` +
      "it first (dsc wipe)"
    );
  if (known) return `this card was begun as ${known.serial}; finish it with --serial ${known.serial}`;
  if (life !== "personalized") return undefined;
  return `this card is personalized${serial === undefined ? "" : ` as ${serial}`}; to give it new keys, seed it singly with --reseed`;
}

/** A row that waits for a card: the row of the serial number that the card had, otherwise the first one. */
async function freeRow(
  one: Change,
  { batch, claimant }: PairingOptions,
  serial: string | undefined,
): Promise<BatchRow | undefined> {
  const pending = one.db
    .selectFrom("batch_rows")
    .selectAll()
    .where("batch_number", "=", batch)
    .where("state", "=", "pending");
  const unpaired = pending.where("card_id", "is", null);
  const same = serial === undefined ? undefined : await unpaired.where("serial", "=", serial).executeTakeFirst();
  const first = same ?? (await unpaired.orderBy("line").limit(1).executeTakeFirst());
  return first ?? leftRow(one, batch, claimant);
}

/**
 * The first row that a killed process paired with a card that got no keys and has not come back.
 */
async function leftRow({ db, at }: Change, batch: number, claimant: Claimant): Promise<BatchRow | undefined> {
  const rows = await db
    .selectFrom("batch_rows")
    .leftJoin("cards", "cards.serial", "batch_rows.serial")
    .leftJoin("claims", "claims.serial", "batch_rows.serial")
    .selectAll("batch_rows")
    .select(CLAIM)
    .where("batch_rows.batch_number", "=", batch)
    .where("batch_rows.state", "=", "pending")
    .where(({ or, eb }) =>
      or([eb("cards.card_id", "is", null), eb("cards.card_id", "!=", eb.ref("batch_rows.card_id"))]),
    )
    .orderBy("batch_rows.line")
    .execute();
  return rows.find((row) => !isHeld(row, claimant, at));
}

/** The claim to a row's serial number. */
const CLAIM = [
  "claims.bench as claim_bench",
  "claims.process as claim_process",
  "claims.until as claim_until",
] as const;

interface MayBeHeld {
  readonly claim_bench: string | null;
  readonly claim_process: string | null;
  readonly claim_until: number | null;
}

/** Whether somebody works on the card of a row. */
function isHeld(row: MayBeHeld, claimant: Claimant, at: number): boolean {
  const { claim_bench: bench, claim_process: process, claim_until: until } = row;
  return bench !== null && process !== null && until !== null && counts({ bench, process, until }, claimant, at);
}

async function pair(one: Change, row: BatchRow, card: PresentCard, options: PairingOptions): Promise<Pairing> {
  const { db, at } = one;
  const serial = row.serial ?? (await nextSerial(db, options.claimant));
  // The card is at this port, so any other claim to it is out of date.
  if (row.card_id === card.id) await takeClaim(one, serial, options.claimant);
  else await claimCard(one, serial, options.claimant);
  // The order is claimed when keys are bound to the card (seedingdesk.ts).
  const order = row.order_number === null ? undefined : await orderOf(db, row.order_number);
  const pin = await keepPin(one, row, options);
  const bound = await findCard(db, serial);
  await db
    .updateTable("batch_rows")
    .set({ state: "pending", card_id: card.id, serial })
    .where("number", "=", row.number)
    .execute();
  return {
    kind: "row",
    row: {
      ...{ number: row.number, batch: row.batch_number, line: row.line, serial, cardId: card.id },
      ...{ userName: row.user_name, order, began: at, pin, replaces: isReplaced(bound, row, card.id) },
      ...{ suite: row.suite, pinCheck: row.pin_check, tries: row.tries },
    },
  };
}

/** The PIN of a row. It is stored before any card gets it, for the letter and for the next attempt. */
async function keepPin(one: Change, row: BatchRow, options: PairingOptions): Promise<Buffer | undefined> {
  const { db, register } = one;
  if (row.pin_check === "server") return undefined;
  if (row.pin) return openRowPin(register, row);
  const pin = (await givenPin(one, row, options)) ?? drawPin();
  const sealed = register.desk.seal(pin, placeOf(row));
  await db.updateTable("batch_rows").set({ pin: sealed }).where("number", "=", row.number).execute();
  return pin;
}

async function givenPin({ db, register }: Change, row: BatchRow, options: PairingOptions): Promise<Buffer | undefined> {
  if (row.order_number !== null) return openPin(register, await orderOf(db, row.order_number));
  const given = options.pinOf(row.line);
  return given && Buffer.from(given);
}

/** The PIN of a row, as ASCII. Wipe it after use. */
export function openRowPin(register: Register, row: BatchRow): Buffer {
  const pin = row.pin && register.desk.open(row.pin, placeOf(row));
  if (pin) return pin;
  throw new RegisterError(
    `batch ${row.batch_number}, line ${row.line}: its PIN does not open with the desk key, since the register was changed; restore a backup`,
    "damaged",
  );
}

/** The associated data of a PIN: a PIN that was moved to another row does not open. */
function placeOf({ number, batch_number }: Pick<BatchRow, "number" | "batch_number">) {
  return { serial: "", cardId: null, field: `pin of batch ${batch_number}`, version: number };
}

/** The work of a bench on one card. */
export interface Attempt {
  readonly batch: number;
  readonly claimant: Claimant;
  readonly cardId: string | undefined;
  /** ms since 1970. */
  readonly began: number;
}

/** Marks the row as done, in the change in which its card becomes done. */
export async function finishRow(one: Change, row: PairedRow, claimant: Claimant): Promise<void> {
  const { db } = one;
  // If a claim expired before keys were bound, the row may have been given to another card.
  const values = { state: "done", why: null, card_id: row.cardId } as const;
  await db.updateTable("batch_rows").set(values).where("number", "=", row.number).execute();
  await noteAttempt(one, { ...row, claimant }, "done", null, row.number);
}

/** The failure of an attempt. */
export interface Failure {
  readonly why: string;
  /**
   * `card`: this card cannot be used. `row`: no card can be seeded from this row. `away`: the card was removed, and may
   * come back.
   */
  readonly whose: "card" | "row" | "away";
}

/**
 * Records that seeding failed. The row goes to the next card if this one got no keys. Returns whether the row failed,
 * too.
 */
export function failRow(register: Register, row: PairedRow, claimant: Claimant, failure: Failure): Promise<boolean> {
  return change(register, async (one) => {
    const { db } = one;
    const card = await db.selectFrom("cards").select("card_id").where("serial", "=", row.serial).executeTakeFirst();
    const bound = card?.card_id === row.cardId;
    const failed = failure.whose === "row" || (failure.whose === "card" && bound);
    const values = {
      ...(failed ? { state: "failed" as const, why: failure.why } : {}),
      ...(bound ? {} : { card_id: null }),
    };
    if (failed || !bound)
      await db
        .updateTable("batch_rows")
        .set(values)
        .where("number", "=", row.number)
        .where("state", "!=", "done")
        .where("card_id", "=", row.cardId)
        .execute();
    await noteAttempt(one, { ...row, claimant }, "failed", failure.why, row.number);
    await releaseCard(one, row.serial, claimant);
    return failed;
  });
}

/** Records a card that fits no row. */
export function failCard(register: Register, attempt: Attempt, why: string): Promise<void> {
  return change(register, (one) => noteAttempt(one, attempt, "failed", why, null));
}

async function noteAttempt(
  { db, at }: Change,
  { batch, claimant, cardId, began }: Attempt,
  result: "done" | "failed",
  why: string | null,
  row: number | null,
): Promise<void> {
  const values = { batch_number: batch, row_number: row, bench: claimant.bench, card_id: cardId ?? null };
  await db
    .insertInto("batch_attempts")
    .values({ ...values, began, ended: at, result, why })
    .execute();
}

/**
 * Frees the rows of cards that failed or did not come back, for other cards. A serial number that was assigned stays
 * with its row. Rows of cards that a bench works on are kept, and a row whose card was finished singly is done. Returns
 * the number of freed rows.
 */
export function replaceCards(register: Register, batch: number, claimant: Claimant): Promise<number> {
  return change(register, async ({ db, at, note }) => {
    const rows = await db
      .selectFrom("batch_rows")
      .leftJoin("claims", "claims.serial", "batch_rows.serial")
      .leftJoin("cards", (join) =>
        join.onRef("cards.serial", "=", "batch_rows.serial").onRef("cards.card_id", "=", "batch_rows.card_id"),
      )
      .select(["batch_rows.number", "batch_rows.serial_given", "batch_rows.serial", "batch_rows.state"])
      .select([...CLAIM, "cards.state as card_state"])
      .where("batch_rows.batch_number", "=", batch)
      .where(({ or, and, eb }) =>
        or([
          eb("batch_rows.state", "=", "failed"),
          and([eb("batch_rows.state", "=", "pending"), eb("batch_rows.card_id", "is not", null)]),
        ]),
      )
      .execute();
    const done = rows.filter(({ card_state: state }) => state !== null && IN_USE.includes(state));
    for (const { number } of done)
      await db.updateTable("batch_rows").set({ state: "done", why: null }).where("number", "=", number).execute();
    const free = rows.filter((row) => !done.includes(row) && (row.state === "failed" || !isHeld(row, claimant, at)));
    for (const { number, serial_given, serial } of free) {
      const values = { state: "pending" as const, card_id: null, why: null, ...(serial_given ? {} : { serial: null }) };
      await db.updateTable("batch_rows").set(values).where("number", "=", number).execute();
      await note({ action: "batch replace", serial: serial ?? undefined, detail: { batch } });
    }
    return free.length;
  });
}
