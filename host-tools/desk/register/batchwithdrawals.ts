// Rows of batches that lose their card: the order wants none any more, or the serial number or the card got other keys
// than those of the row. Such a row fails with the reason, and its PIN goes into no letter.

import type { Kysely } from "kysely";
import type { BatchRow } from "./batches.js";
import { type Card, ENDED, findCard } from "./cards.js";
import type { Change } from "./change.js";
import { RegisterError } from "./errors.js";
import { isMadeFor, orderOf } from "./orders.js";
import type { Tables } from "./schema.js";

/**
 * Marks the row as failed if this card cannot be seeded from it, since its order or its serial number has another card
 * by now. Returns the reason.
 */
export async function failUseless({ db }: Change, row: BatchRow, cardId: string): Promise<string | undefined> {
  const withdrawn = await withdrawalOf(db, row, cardId);
  const why = withdrawn ?? (await ownerOf(db, row, cardId));
  if (why === undefined) return undefined;
  const values = { state: "failed", why, ...(withdrawn !== undefined && { pin: null }) } as const;
  await db.updateTable("batch_rows").set(values).where("number", "=", row.number).execute();
  return why;
}

/** Why the order of a row wants no card of this batch any more. */
async function withdrawalOf(db: Kysely<Tables>, row: BatchRow, cardId: string): Promise<string | undefined> {
  const { order_number, batch_number, serial, card_id } = row;
  if (order_number === null) return undefined;
  const order = await orderOf(db, order_number);
  const isOpen = order.state === "placed" || order.state === "claimed";
  if (isOpen && order.batch_number === batch_number) return undefined;
  // This very card was seeded singly for the order.
  if (card_id === cardId && serial !== null && isMadeFor(order, serial)) return undefined;
  return isOpen ? "the order was placed again" : `the order is ${order.state}`;
}

/**
 * Which other card has the serial number of a row. A batch never replaces a card that is in use: that is done singly,
 * where it may need an approval.
 */
async function ownerOf(db: Kysely<Tables>, row: BatchRow, cardId: string): Promise<string | undefined> {
  const bound = row.serial === null ? undefined : await findCard(db, row.serial);
  if (!bound || isReplaced(bound, row, cardId)) return undefined;
  const { serial, state, card_id } = bound;
  if (card_id === cardId && !ENDED.includes(state)) return undefined;
  const whose = card_id === cardId ? "" : ", with another card";
  return `${serial} is ${state} in the register by now${whose}; to give it new keys, seed it by itself with --serial ${serial} --reseed`;
}

/** Only a card that this very batch left half done can lose its serial number to another card. */
export function isReplaced(bound: Card | undefined, row: BatchRow, cardId: string): boolean {
  return bound?.state === "pending" && bound.batch_number === row.batch_number && bound.card_id !== cardId;
}

/** The work for which keys are bound to a card. */
export interface Binding {
  readonly serial: string;
  readonly cardId: string;
  /** undefined: the card is seeded singly. */
  readonly batch: number | undefined;
  readonly order: number | undefined;
}

/**
 * Parts a card and a serial number that get keys from the rows of other work. Throws a RegisterError ("state") if such
 * a row still waits for that serial number. A row that is done keeps no PIN, since the card has another one now.
 */
export async function leaveRows({ db }: Change, { serial, cardId, batch, order }: Binding): Promise<void> {
  const rows = await db
    .selectFrom("batch_rows")
    .innerJoin("batches", "batches.number", "batch_rows.batch_number")
    .selectAll("batch_rows")
    .where("batches.state", "=", "open")
    .where(({ or, eb }) => or([eb("batch_rows.serial", "=", serial), eb("batch_rows.card_id", "=", cardId)]))
    .execute();
  for (const row of rows) {
    const isOwn = row.batch_number === batch || (order !== undefined && row.order_number === order);
    if (isOwn && row.serial === serial) continue;
    if (row.serial === serial && row.state === "pending") throw isWaitedFor(row);
    const values = row.state === "done" ? { pin: null } : { card_id: null };
    await db.updateTable("batch_rows").set(values).where("number", "=", row.number).execute();
  }
}

function isWaitedFor({ serial, line, batch_number }: BatchRow): RegisterError {
  return new RegisterError(
    `${serial} is line ${line} of batch ${batch_number}, which is not done; put the card in when that list is seeded, or ` +
      `close the batch first (dsc batch close --batch ${batch_number} --unfinished)`,
    "state",
    `dsc batch show --batch ${batch_number} shows its cards.`,
  );
}
