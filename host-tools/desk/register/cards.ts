// The states of a card in the register, and the changes between them. Each change is an entry of the journal. Any other
// change is refused in one line that names the state.
//
//   blank → pending → seeded → shipped → active → returned | retired
//   shipped | active → lost;  lost → active (found);  lost → returned
//
// A card has a row from `pending` on; the register does not know blank cards. Seeding a card again (seedingdesk.ts)
// starts again at `pending`.

import type { Kysely, Selectable } from "kysely";
import type { CardStatus } from "../../card/cardclient.js";
import type { CardRecord } from "../keyregister.js";
import type { Change } from "./change.js";
import { RegisterError } from "./errors.js";
import type { CardState, CardsTable, Tables } from "./schema.js";

export type Card = Selectable<CardsTable>;

/** The states that may follow each state. */
export const LIFE: Readonly<Record<CardState, readonly CardState[]>> = {
  blank: ["pending"],
  pending: ["seeded"],
  seeded: ["shipped"],
  shipped: ["active", "lost"],
  active: ["lost", "returned", "retired"],
  lost: ["active", "returned"],
  returned: [],
  retired: [],
};

/** The end of the sentence "it cannot be …" for each state. */
const BECOMING: Record<CardState, string> = {
  blank: "wiped",
  pending: "seeded",
  seeded: "marked as seeded",
  shipped: "shipped",
  active: "activated",
  lost: "reported lost",
  returned: "returned",
  retired: "retired",
};

export interface CardFilter {
  readonly state?: CardState | undefined;
  readonly userName?: string | undefined;
}

export interface Move {
  readonly serial: string;
  readonly to: CardState;
  /** The command that does it. */
  readonly action: string;
  readonly reason?: string | undefined;
  readonly detail?: Readonly<Record<string, string | number | null | undefined>>;
}

/** Cards in order of serial number. */
export function listCards(db: Kysely<Tables>, { state, userName }: CardFilter = {}): Promise<Card[]> {
  let query = db.selectFrom("cards").selectAll().orderBy("serial");
  if (state !== undefined) query = query.where("state", "=", state);
  if (userName !== undefined) query = query.where("user_name", "=", userName);
  return query.execute();
}

export function findCard(db: Kysely<Tables>, serial: string): Promise<Card | undefined> {
  return db.selectFrom("cards").selectAll().where("serial", "=", serial).executeTakeFirst();
}

/**
 * What the register has for a card that reports this serial number and id: looked up by both, then by the id, then by
 * the serial number. Throws a RegisterError ("unknown") if there is none. `name`: the register's name.
 */
export async function cardAtPort(
  db: Kysely<Tables>,
  { serial, id, life }: Pick<CardStatus, "serial" | "id" | "life">,
  name: string,
): Promise<Card> {
  const bySerial = serial === undefined ? undefined : await findCard(db, serial);
  if (bySerial && bySerial.card_id === id) return bySerial;
  const byId = db
    .selectFrom("cards")
    .selectAll()
    .where("card_id", "=", id ?? "");
  const card = (await byId.executeTakeFirst()) ?? bySerial;
  if (card) return card;
  const said = serial ?? "without a serial number";
  const its = id ?? "of the first release";
  const why =
    life === "blank"
      ? `this card is blank and not in the register (${serial === undefined ? "" : `serial number ${serial}, `}id ${its})`
      : `has no card ${said}, and none with the id ${its}`;
  throw new RegisterError(`${name}: ${why}; nothing was sent to it; check --register`, "unknown");
}

/** The register's record of the card's transport keys and of its progress. */
export function progressOf(
  card: Card,
): Pick<CardRecord, "serial" | "state" | "keyset" | "rotation" | "transport" | "lifeBefore" | "storeData"> {
  const { serial, state, keyset, transport, keys_before: before, put_key: putKey } = card;
  return {
    serial,
    state: state === "pending" ? "pending" : "done",
    keyset: keyset ?? undefined,
    transport: transport ?? undefined,
    rotation: before === null ? undefined : { before, putKey },
    lifeBefore: card.life_before ?? "unknown",
    storeData: card.store_data,
  };
}

/** Throws a RegisterError ("unknown") if there is no such card. */
export async function cardOf(db: Kysely<Tables>, serial: string): Promise<Card> {
  const card = await findCard(db, serial);
  if (!card) throw new RegisterError(`${serial}: the register has no such card`, "unknown");
  return card;
}

/** Changes the state of a card and records that. Throws a RegisterError ("state") if the state does not allow it. */
export async function moveCard({ db, at, note }: Change, move: Move): Promise<Card> {
  const { serial, to, action, reason, detail } = move;
  const card = await cardOf(db, serial);
  const from = card.state;
  if (!LIFE[from].includes(to)) throw new RegisterError(`${serial} is ${from}: it cannot be ${BECOMING[to]}`, "state");
  if (to === "active") await refuseSecondActive(db, card);
  await db.updateTable("cards").set({ state: to, changed: at }).where("serial", "=", serial).execute();
  await note({ action, serial, from, to, reason, ...(detail && { detail }) });
  return { ...card, state: to, changed: at };
}

/** States of cards that somebody has or will have, with keys in them. */
export const IN_USE: readonly CardState[] = ["seeded", "shipped", "active", "lost"];

/** States in which a card is permanently out of use. */
export const ENDED: readonly CardState[] = ["returned", "retired"];

/** The reason why a card is retired at the desk, before its owner has it. */
export interface End {
  readonly action: string;
  readonly reason: string;
  /** The card has got another serial number. */
  readonly renumbered?: boolean;
}

/**
 * Retires a card at the desk: it was damaged, its order was cancelled, or it got another serial number. The desk may do
 * that in any state, so LIFE does not list it.
 */
export async function retireAtDesk({ db, at, note }: Change, card: Card, end: End): Promise<void> {
  const { serial, state: from } = card;
  const { action, reason, renumbered = false } = end;
  const to = ENDED.includes(from) ? from : "retired";
  const values = { state: to, changed: at, ...(renumbered && { card_id: null }) } as const;
  await db.updateTable("cards").set(values).where("serial", "=", serial).execute();
  await note({ action, serial, from, to, reason });
}

/** A user name has one active card: a lost card cannot become active again once its replacement is. */
async function refuseSecondActive(db: Kysely<Tables>, { serial, user_name }: Card): Promise<void> {
  if (user_name === null) return;
  const active = await listCards(db, { state: "active", userName: user_name });
  const other = active.find((card) => card.serial !== serial);
  if (other)
    throw new RegisterError(
      `${serial} cannot be activated: its user has the active card ${other.serial}; retire that one first`,
      "state",
    );
}
