// The interface of a register for personalization: the keys of a serial number, the card that they are bound to, and
// the progress of that card. Keys are bound to a card for ever before they are sent to it. So a key that may be in one
// card never goes into another, and the register has every key that a card has.

import type { CardStatus } from "../card/cardclient.js";

/** How the card gets transport keys of its own. */
export interface Rotation {
  /** The transport keys that the card had when its record was made: the public test keys, or its own. */
  readonly before: "public" | "own";
  readonly putKey: PutKeyProgress;
}

/**
 * Whether the card has its new transport keys. sent: unknown. resent: unknown, and they were sent a second time under
 * the public test keys. done: the card answered, or had them before.
 */
export type PutKeyProgress = "unsent" | "sent" | "resent" | "done";

/** Whether STORE DATA was sent to the card, and whether the card confirmed it. */
export type StoreDataProgress = "unsent" | "sent" | "answered";

/** The newest keys of a serial number. */
export interface CardRecord {
  readonly serial: string;
  readonly suite: string;
  readonly pinCheck: "card" | "server";
  readonly tries: number;
  /** The token key: 16 to 64 bytes. */
  readonly key: Buffer;
  /** 32 bytes. */
  readonly unlockKey: Buffer;
  /** Drawn at the desk, or given by the site. */
  readonly origin: "drawn" | "given";
  /** Pending until the card is personalized. */
  readonly state: "pending" | "done";
  /**
   * The id of the card that the keys are bound to, in hexadecimal; undefined: the keys were imported, or the card got
   * another serial number later.
   */
  readonly cardId: string | undefined;
  /** The order that the card was made for, unless that order has given it up. */
  readonly order?: number | undefined;
  /** The card's life when the keys were bound to it; an imported seed file does not say. */
  readonly lifeBefore: CardStatus["life"] | "unknown";
  readonly storeData: StoreDataProgress;
  /** The version of the card's own transport keys; undefined: the card keeps the public ones. */
  readonly keyset: number | undefined;
  /** undefined if `keyset` is. */
  readonly rotation: Rotation | undefined;
  /** The check value of the master key of those transport keys, in hexadecimal; undefined if `keyset` is. */
  readonly transport: string | undefined;
}

/** A serial number that is in the register without a card: its keys were imported, or its card got another number. */
export type UnboundRecord = Pick<CardRecord, "serial" | "state" | "order"> & { readonly cardId: undefined };

/** Each change is on disk when its promise resolves. */
export interface KeyRegister {
  /** Its name, for people: a path, or a URL. */
  readonly name: string;
  /** The register wipes the keys. */
  find(serial: string): Promise<CardRecord | UnboundRecord | undefined>;
  /**
   * Gives the serial number these keys, bound to the card. Its earlier keys are kept as abandoned, and so are the keys
   * of another serial number that this card had. Throws if another card may have the token key.
   */
  bind(record: CardRecord): Promise<void>;
  setStoreData(serial: string, storeData: StoreDataProgress): Promise<void>;
  setPutKey(serial: string, putKey: PutKeyProgress): Promise<void>;
  setDone(serial: string): Promise<void>;
}

/**
 * Whether this record's keys are in the card, by the recorded progress of STORE DATA and the life that the card
 * reports.
 */
export function isStored(
  { storeData, lifeBefore }: Pick<CardRecord, "storeData" | "lifeBefore">,
  { life }: Pick<CardStatus, "life">,
): boolean {
  if (life === "blank") return false;
  if (storeData === "answered") return true;
  // Only STORE DATA turns a blank or personalized card into a seeded one, so `seeded` proves it for those. For a card
  // that was seeded before, it proves nothing.
  const tells = lifeBefore === "blank" || lifeBefore === "personalized";
  return storeData === "sent" && tells && life === "seeded";
}

/** Whether the keys are bound to the card with this status. */
export function isBoundTo(
  record: CardRecord | UnboundRecord | undefined,
  { id }: Pick<CardStatus, "id">,
): record is CardRecord {
  return record?.cardId !== undefined && record.cardId === id;
}
