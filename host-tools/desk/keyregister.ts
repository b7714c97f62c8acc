// What personalization needs of a register: which keys a serial number has, which card they are bound to, and how far
// that card came. Keys are bound to a card before they leave for it, for ever: a key that may be in a card is never
// given to another one, and the register has every key that a card has.

import type { CardStatus } from "../card/cardclient.js";

/** How the card comes to transport keys of its own. */
export interface Rotation {
  /** Which transport keys the card had when its record was made: the public test keys, or its own. */
  readonly before: "public" | "own";
  readonly putKey: PutKeyProgress;
}

/**
 * Whether the card has its new transport keys. Sent: that is not known. Resent: nor is it, and they were sent a second
 * time under the public test keys. Done: it answered, or had them before.
 */
export type PutKeyProgress = "unsent" | "sent" | "resent" | "done";

/** Whether STORE DATA left for the card, and whether the card answered that it took it. */
export type StoreDataProgress = "unsent" | "sent" | "answered";

/** The newest keys of a serial number. */
export interface CardRecord {
  readonly serial: string;
  readonly suite: string;
  readonly pinCheck: "card" | "server";
  /** undefined: an old seed file does not say. */
  readonly tries: number | undefined;
  /** The token key: 16 to 64 bytes. */
  readonly key: Buffer;
  /** 32 bytes. */
  readonly unlockKey: Buffer;
  /** Drawn at the desk, or given by the site. */
  readonly origin: "drawn" | "given";
  /** Pending until the card is personalized. */
  readonly state: "pending" | "done";
  /**
   * The id of the card that the keys are bound to, in hexadecimal; undefined: imported, or the card got another serial
   * number since.
   */
  readonly cardId: string | undefined;
  /** What the card was when the keys were bound to it; a seed file does not say. */
  readonly lifeBefore: CardStatus["life"] | "unknown";
  readonly storeData: StoreDataProgress;
  /** The version of the card's own transport keys; undefined: it keeps the public ones. */
  readonly keyset: number | undefined;
  /** undefined where keyset is. */
  readonly rotation: Rotation | undefined;
  /** The check value of the master key of those transport keys, in hexadecimal; undefined where keyset is. */
  readonly transport: string | undefined;
}

/** A serial number that the register has, and no card: its keys were imported, or its card got another number. */
export type UnboundRecord = Pick<CardRecord, "serial" | "state"> & { readonly cardId: undefined };

/** Each change is on the disk when its promise is fulfilled. */
export interface KeyRegister {
  /** Its name, for people: a path, or a URL. */
  readonly name: string;
  /** Whether a serial number that is done may get new keys here. */
  readonly takesNewKeys: boolean;
  /** The keys are the register's to wipe. `cardId`: of the card at the port, for records that name none. */
  find(serial: string, cardId?: string): Promise<CardRecord | UnboundRecord | undefined>;
  /**
   * Gives the serial number these keys, bound to the card. Its earlier keys are kept as abandoned; so are those of another
   * serial number that this card had. Throws where another card may have the token key.
   */
  bind(record: CardRecord): Promise<void>;
  setStoreData(serial: string, storeData: StoreDataProgress): Promise<void>;
  setPutKey(serial: string, putKey: PutKeyProgress): Promise<void>;
  setDone(serial: string): Promise<void>;
}

/** Whether this record's keys are in the card: by what was noted of STORE DATA, and the life that the card tells. */
export function isStored(
  { storeData, lifeBefore }: Pick<CardRecord, "storeData" | "lifeBefore">,
  { life }: Pick<CardStatus, "life">,
): boolean {
  if (life === "blank") return false;
  if (storeData === "answered") return true;
  // Only STORE DATA makes a blank card or a personalized one a seeded card. A card that was seeded before tells nothing.
  const tells = lifeBefore === "blank" || lifeBefore === "personalized";
  return storeData === "sent" && tells && life === "seeded";
}

/** Whether the keys are bound to the card that says this. */
export function isBoundTo(
  record: CardRecord | UnboundRecord | undefined,
  { id }: Pick<CardStatus, "id">,
): record is CardRecord {
  return record?.cardId !== undefined && record.cardId === id;
}
