// Orders of cards: the user of each, and its PIN, which is encrypted to the desk at once. Each change of state is an
// entry of the journal. Any other change is refused in one line that names the state.
//
//   placed → claimed → seeded → shipped → done;  placed | claimed → cancelled
//   claimed | seeded → placed, if the card was damaged or the bench gave up
//
// A card that the desk made or began for an order is retired if the order is cancelled or placed again.

import type { Kysely, Selectable } from "kysely";
import { canonical } from "./canonical.js";
import { findCard, retireAtDesk } from "./cards.js";
import type { Change } from "./change.js";
import { privateKeyOf, publicBytesOf } from "./curve25519.js";
import { openAtDesk, sealToDesk } from "./deskbox.js";
import { RegisterError } from "./errors.js";
import type { Register } from "./register.js";
import type { CardState, OrderState, OrdersTable, PinCheck, Tables } from "./schema.js";

export type Order = Selectable<OrdersTable>;

export interface NewOrder {
  readonly userName: string;
  readonly suite: string;
  readonly pinCheck: PinCheck;
  readonly tries: number;
  /** Four digits as ASCII, which the caller wipes; default: drawn at the desk. */
  readonly pin?: Uint8Array | undefined;
}

/** The states that may follow each state. */
export const ORDER_LIFE: Readonly<Record<OrderState, readonly OrderState[]>> = {
  placed: ["claimed", "cancelled"],
  claimed: ["seeded", "placed", "cancelled"],
  seeded: ["shipped", "placed"],
  shipped: ["done"],
  done: [],
  cancelled: [],
};

const BECOMING: Record<OrderState, string> = {
  placed: "placed again",
  claimed: "claimed",
  seeded: "marked as seeded",
  shipped: "shipped",
  done: "marked as done",
  cancelled: "cancelled",
};

/** States in which the PIN is no longer needed. */
const WITHOUT_PIN: readonly OrderState[] = ["seeded", "shipped", "done", "cancelled"];

const ADD = "order add";
const CANCEL = "order cancel";

/** States of cards that are still at the desk. */
const AT_DESK: readonly CardState[] = ["pending", "seeded"];

/** Returns the number of the order. */
export async function addOrder(one: Change, order: NewOrder): Promise<number> {
  const { db, at, note } = one;
  const { userName, suite, pinCheck, tries, pin } = order;
  const row = {
    user_name: userName,
    state: "placed",
    suite,
    pin_check: pinCheck,
    tries,
    placed: at,
    changed: at,
  } as const;
  const { number } = await db.insertInto("orders").values(row).returning("number").executeTakeFirstOrThrow();
  if (pin) await keepPin(one, number, userName, pin);
  await note({ action: ADD, to: "placed", detail: { order: number, user: userName } });
  return number;
}

/** Orders in order of number. */
export function listOrders(db: Kysely<Tables>, state?: OrderState): Promise<Order[]> {
  const query = db.selectFrom("orders").selectAll().orderBy("number");
  return (state === undefined ? query : query.where("state", "=", state)).execute();
}

/** Throws a RegisterError ("unknown") if there is no such order. */
export async function orderOf(db: Kysely<Tables>, number: number): Promise<Order> {
  const order = await db.selectFrom("orders").selectAll().where("number", "=", number).executeTakeFirst();
  if (!order)
    throw new RegisterError(`order ${number}: the register has no such order; dsc order list shows them`, "unknown");
  return order;
}

/** Changes the state of an order and records that. The PIN is erased in the first state that no longer needs it. */
export async function moveOrder(
  { db, at, note }: Change,
  number: number,
  to: OrderState,
  {
    action,
    reason,
    serial,
  }: { readonly action: string; readonly reason?: string | undefined; readonly serial?: string },
): Promise<Order> {
  const order = await orderOf(db, number);
  if (!ORDER_LIFE[order.state].includes(to))
    throw new RegisterError(`order ${number} is ${order.state}: it cannot be ${BECOMING[to]}`, "state");
  // An order that is placed again goes to another batch.
  const card = to === "placed" ? { serial: null, batch_number: null } : serial === undefined ? {} : { serial };
  const erased = WITHOUT_PIN.includes(to) ? { pin: null } : {};
  const changes = { state: to, changed: at, ...card, ...erased };
  await db.updateTable("orders").set(changes).where("number", "=", number).execute();
  await note({ action, serial, from: order.state, to, reason, detail: { order: number } });
  return { ...order, ...changes };
}

/** Whether the card of that serial number was made for the order. */
export function isMadeFor({ serial, state }: Order, card: string): boolean {
  return serial === card && state !== "placed" && state !== "cancelled";
}

/** Cancels an order. A card that was begun for it is retired. */
export async function cancelOrder(one: Change, number: number, reason: string | undefined): Promise<void> {
  const { serial } = await orderOf(one.db, number);
  await moveOrder(one, number, "cancelled", { action: CANCEL, reason });
  await retireCardOf(one, number, serial, { action: CANCEL, reason: `order ${number} was cancelled` });
}

/**
 * Places an order again whose card was damaged; that card is retired. `pin`: four digits as ASCII, which the caller
 * wipes. Without it the order keeps its PIN, which is erased once its card was seeded.
 */
export async function placeAgain(
  one: Change,
  number: number,
  { pin, reason }: { readonly pin?: Uint8Array | undefined; readonly reason?: string | undefined },
): Promise<void> {
  const { serial, user_name: userName } = await orderOf(one.db, number);
  await moveOrder(one, number, "placed", { action: ADD, reason });
  await retireCardOf(one, number, serial, { action: ADD, reason: reason ?? `order ${number} was placed again` });
  if (pin) await keepPin(one, number, userName, pin);
}

/** Encrypts the PIN to the desk at once. */
async function keepPin({ db, register }: Change, number: number, userName: string, pin: Uint8Array): Promise<void> {
  const sealed = sealToDesk(deskPublicOf(register), pin, placeOf(register, number, userName));
  await db.updateTable("orders").set({ pin: sealed }).where("number", "=", number).execute();
}

async function retireCardOf(
  one: Change,
  number: number,
  serial: string | null,
  end: { readonly action: string; readonly reason: string },
): Promise<void> {
  const card = serial === null ? undefined : await findCard(one.db, serial);
  if (card?.order_number === number && AT_DESK.includes(card.state)) await retireAtDesk(one, card, end);
}

/** The PIN of an order, as ASCII; undefined if there is none. Wipe it after use. */
export function openPin(register: Register, { number, user_name, pin }: Order): Buffer | undefined {
  if (!pin) return undefined;
  const deskPrivate = register.deskPrivate();
  try {
    const opened = openAtDesk(deskPrivate, pin, placeOf(register, number, user_name));
    if (opened) return opened;
  } finally {
    deskPrivate.fill(0);
  }
  throw new RegisterError(
    `order ${number}: its PIN does not open with the desk key, since the register was changed; restore a backup`,
    "damaged",
  );
}

/** The associated data of a PIN: it opens for no other order. */
function placeOf(register: Register, number: number, userName: string): Buffer {
  return canonical(register.id, String(number), userName);
}

/** Encrypts the stored PINs to another desk key. */
export async function moveOrderPins({ db, register }: Change, deskPublic: Uint8Array): Promise<void> {
  const orders = await db.selectFrom("orders").selectAll().where("pin", "is not", null).execute();
  for (const order of orders) {
    const opened = openPin(register, order);
    if (!opened) continue;
    const pin = sealToDesk(deskPublic, opened, placeOf(register, order.number, order.user_name));
    opened.fill(0);
    await db.updateTable("orders").set({ pin }).where("number", "=", order.number).execute();
  }
}

/** The public key that PINs are encrypted to, after the site key or desk key has authenticated it. */
function deskPublicOf(register: Register): Buffer {
  const { deskPublic } = register;
  if (register.has("site")) return deskPublic;
  if (register.knows("site") && !register.has("desk")) return register.site && deskPublic;
  const deskPrivate = register.deskPrivate();
  try {
    if (publicBytesOf(privateKeyOf("X25519", deskPrivate)).equals(deskPublic)) return deskPublic;
  } finally {
    deskPrivate.fill(0);
  }
  throw new RegisterError(
    `${register.engine.where}: the desk's public key was replaced, so no PIN is encrypted to it; restore a backup`,
    "damaged",
  );
}
