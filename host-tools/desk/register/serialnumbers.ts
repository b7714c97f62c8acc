// Which serial number a card gets: that of its unfinished personalization, of its order, or the next one.

import type { Kysely } from "kysely";
import { type Card, findCard } from "./cards.js";
import type { Claimant } from "./claims.js";
import { RegisterError } from "./errors.js";
import { type Order, orderOf } from "./orders.js";
import type { CardState, Tables } from "./schema.js";
import { settingOf } from "./settings.js";

const DIGITS = 7;

/** Tables whose serial numbers are taken, even those of cancelled orders. */
const NUMBERED = ["cards", "batch_rows", "orders"] as const;

/** One above the highest serial number that is taken or claimed; at least that of the setting. */
export async function nextSerial(db: Kysely<Tables>, claimant: Claimant): Promise<string> {
  const first = await settingOf(db, "serial.first");
  const taken: (string | null | undefined)[] = [await highestClaim(db, first, claimant)];
  for (const table of NUMBERED) {
    const top = db.selectFrom(table).select("serial").where("serial", ">=", first).orderBy("serial", "desc").limit(1);
    taken.push((await top.executeTakeFirst())?.serial);
  }
  const used = taken
    .filter((serial) => typeof serial === "string")
    .sort()
    .at(-1);
  if (used === undefined) return first;
  const number = Number(used.slice(-DIGITS)) + 1;
  if (number >= 10 ** DIGITS)
    throw new RegisterError(`${used} is the last possible serial number; no further card can get one`, "full");
  return `${used.slice(0, -DIGITS)}${String(number).padStart(DIGITS, "0")}`;
}

/**
 * A claim that has ended counts, too. But an earlier process at this bench was killed, and the same command takes the
 * same number again.
 */
async function highestClaim(
  db: Kysely<Tables>,
  first: string,
  { bench, process }: Claimant,
): Promise<string | undefined> {
  const claims = db.selectFrom("claims").select("serial").where("serial", ">=", first);
  const others = claims.where(({ or, eb }) => or([eb("bench", "!=", bench), eb("process", "=", process)]));
  return (await others.orderBy("serial", "desc").limit(1).executeTakeFirst())?.serial;
}

/** The serial number of this card, if it is in that state. */
export async function serialOn(
  db: Kysely<Tables>,
  cardId: string | undefined,
  state: CardState,
): Promise<string | undefined> {
  if (cardId === undefined) return undefined;
  const cards = db.selectFrom("cards").select("serial").where("card_id", "=", cardId).where("state", "=", state);
  return (await cards.executeTakeFirst())?.serial;
}

/** The serial number of the card's own unfinished personalization, otherwise the next one. */
export async function pendingOrNext(
  db: Kysely<Tables>,
  cardId: string | undefined,
  claimant: Claimant,
): Promise<string> {
  return (await serialOn(db, cardId, "pending")) ?? nextSerial(db, claimant);
}

/** The serial number of an order's card, or that of its row in a batch, otherwise the next one. */
export async function serialForOrder(db: Kysely<Tables>, number: number, claimant: Claimant): Promise<string> {
  const order = await orderOf(db, number);
  refuseEnded(order);
  if (order.serial === null) return (await serialOfRow(db, order)) ?? nextSerial(db, claimant);
  const card = await findCard(db, order.serial);
  if (card && card.order_number !== number) throw isAnothers(order, card);
  return order.serial;
}

/** The serial number of the order's row in its batch, if no card has it yet. */
async function serialOfRow(db: Kysely<Tables>, { number, batch_number }: Order): Promise<string | undefined> {
  if (batch_number === null) return undefined;
  const row = await db
    .selectFrom("batch_rows")
    .leftJoin("cards", "cards.serial", "batch_rows.serial")
    .select("batch_rows.serial")
    .where("batch_rows.order_number", "=", number)
    .where("batch_rows.batch_number", "=", batch_number)
    .where("batch_rows.state", "=", "pending")
    .where("cards.serial", "is", null)
    .executeTakeFirst();
  return row?.serial ?? undefined;
}

/** Without this, the other card's keys would be given up. */
export function isAnothers({ number, serial }: Order, card: Card): RegisterError {
  const owner = card.order_number === null ? "another card" : `the card of order ${card.order_number}`;
  return new RegisterError(
    `order ${number}: its serial number ${serial ?? card.serial} is that of ${owner}; place the order again ` +
      `(dsc order add --again ${number}), which gives it another number`,
    "state",
  );
}

/** Throws a RegisterError ("state") if no card is made for the order any more. */
export function refuseEnded({ number, state }: Order): void {
  if (state === "cancelled" || state === "shipped" || state === "done")
    throw new RegisterError(`order ${number} is ${state}: no card is seeded for it`, "state");
}
