// The keys of cards: drawn here or given, bound to one card for ever before they leave for it, and no two cards with one
// token key.
//
// Each key is a row for each opener (docs/REGISTER.md): a key that the desk drew lies under the desk key and, where the
// register has a site, under the site key too; one that was given or imported is the site's alone. A fingerprint tells
// whether a key is there already, in whatever state: a key that was bound to a card is never another one's.

import type { Kysely, Selectable } from "kysely";
import type { Change } from "./change.js";
import { RegisterError } from "./errors.js";
import type { Register } from "./register.js";
import type { KeyField, KeyOrigin, KeysTable, Opener, Tables } from "./schema.js";

/** What belongs into a card. Wipe it after use. */
export interface CardKeys {
  readonly token: Buffer;
  readonly unlock: Buffer;
  /** Of the token key. */
  readonly origin: KeyOrigin;
}

/** Keys, and the card that they are for. They are the caller's. */
export interface Binding {
  readonly serial: string;
  /** 16 hexadecimal digits. */
  readonly cardId: string;
  readonly key: Uint8Array;
  readonly unlockKey: Uint8Array;
  /** Whether the token key was drawn here; the unlock key always is. */
  readonly origin: "drawn" | "given";
}

type KeyRow = Selectable<KeysTable>;

const NO_CARD = "none";

const NAMES: Record<KeyField, string> = { token: "token key", unlock: "unlock key" };

/**
 * Binds keys to the card, as its next version; those that it had are abandoned. Returns the version. Throws a RegisterError
 * ("duplicate") where the token key is another card's or was one's.
 */
export async function bindKeys(change: Change, binding: Binding): Promise<number> {
  const { serial, cardId, key, unlockKey, origin } = binding;
  const version = (await newestVersion(change.db, serial)) + 1;
  await abandonKeys(change, serial);
  const token = { serial, cardId, field: "token", version, origin, key } as const;
  const known = await knownRow(change, binding);
  if (known) await keepAnew(change, known, token);
  else await keep(change, token);
  await keep(change, { serial, cardId, field: "unlock", version, origin: "drawn", key: unlockKey });
  return version;
}

/** The keys of a card that are its own now; nothing where it has none, or one was forgotten. Wipe them after use. */
export async function currentKeys(
  db: Kysely<Tables>,
  register: Register,
  serial: string,
): Promise<CardKeys | undefined> {
  const row = await currentRow(db, register, serial, "token");
  if (!row) return undefined;
  const token = openKey(register, row);
  try {
    const unlock = await currentKey(db, register, serial, "unlock");
    if (unlock) return { token, unlock, origin: row.origin };
    if (!(await wasForgotten(db, serial, "unlock")))
      throw new RegisterError(`${serial}: the register has its token key and no unlock key`, "missing");
    token.fill(0);
    return undefined;
  } catch (error) {
    token.fill(0);
    throw error;
  }
}

/**
 * One key of a card; nothing where it has none. Wipe it after use. Throws a RegisterError ("no-key") where the key that
 * opens it was not given, and one ("damaged") that names the card where it does not open: other cards' keys do.
 */
export async function currentKey(
  db: Kysely<Tables>,
  register: Register,
  serial: string,
  field: KeyField,
): Promise<Buffer | undefined> {
  const row = await currentRow(db, register, serial, field);
  return row && openKey(register, row);
}

/** The id of the card that the token key of a serial number is bound to; nothing where it has none, or one that is bound to none. */
export async function boundTo(db: Kysely<Tables>, serial: string): Promise<string | undefined> {
  const rows = db.selectFrom("keys").select("card_id").where("serial", "=", serial).where("state", "=", "active");
  const row = await rows.where("field", "=", "token").executeTakeFirst();
  return row?.card_id === NO_CARD ? undefined : row?.card_id;
}

/** Whether the newest key of a card was forgotten. */
export async function wasForgotten(db: Kysely<Tables>, serial: string, field: KeyField): Promise<boolean> {
  const newest = db.selectFrom("keys").select("state").where("serial", "=", serial).where("field", "=", field);
  const row = await newest.orderBy("version", "desc").limit(1).executeTakeFirst();
  return row?.state === "forgotten";
}

/** Why a key of a card is not to be had, as an error ("unknown"). */
export async function hasNoKey(db: Kysely<Tables>, serial: string, field: KeyField): Promise<RegisterError> {
  const isForgotten = await wasForgotten(db, serial, field);
  const why = isForgotten
    ? `its ${NAMES[field]} was forgotten: another house has it`
    : `the register has no ${NAMES[field]} for it`;
  return new RegisterError(`${serial}: ${why}`, "unknown");
}

/** Of the rows of a key, one that can be opened with what was given, if there is one. */
async function currentRow(
  db: Kysely<Tables>,
  register: Register,
  serial: string,
  field: KeyField,
): Promise<KeyRow | undefined> {
  const rows = await db
    .selectFrom("keys")
    .selectAll()
    .where("serial", "=", serial)
    .where("field", "=", field)
    .where("state", "=", "active")
    .execute();
  return rows.find(({ opener }) => register.has(opener)) ?? rows[0];
}

function openKey(register: Register, row: KeyRow): Buffer {
  const { serial, field, version, opener, sealed } = row;
  const cardId = row.card_id === NO_CARD ? null : row.card_id;
  const key = sealerOf(register, opener).open(sealed, { serial, cardId, field, version });
  if (key) return key;
  throw new RegisterError(
    `${serial}: its ${NAMES[field]} (version ${version}) does not open with the ${opener} key: the register was changed`,
    "damaged",
  );
}

/** Keys of a card that another house drew; the caller's. */
export interface ForeignKeys {
  readonly serial: string;
  /** The card that has them, or may have: they are bound to it. Undefined: nobody knows which. */
  readonly cardId?: string | undefined;
  readonly token: Uint8Array;
  /** Undefined: it kept that one to itself. */
  readonly unlock: Uint8Array | undefined;
}

/**
 * Whether the register has these keys already. Throws a RegisterError: "duplicate" where the token key is or was another
 * card's, "exists" where this card has another one.
 */
export async function hasImported({ db, register }: Change, { serial, token, unlock }: ForeignKeys): Promise<boolean> {
  const rows = await rowsOfKey(db, register, token);
  const own = rows.some((row) => row.serial === serial && row.state === "active");
  if (!own) {
    const [known] = rows;
    if (known) throw isKnown(serial, known);
    if (await hasActive(db, serial, "token")) throw otherKey(serial, "token");
    return false;
  }
  if (!unlock) return true;
  const same = (await rowsOfKey(db, register, unlock, "unlock")).some((row) => row.serial === serial);
  if (!same && (await hasActive(db, serial, "unlock"))) throw otherKey(serial, "unlock");
  return same;
}

/** Keeps keys of which `hasImported` says that they are not there yet. */
export async function importKeys(change: Change, { serial, cardId, token, unlock }: ForeignKeys): Promise<void> {
  const { db } = change;
  const known = await hasActive(db, serial, "token");
  const version = (await newestVersion(db, serial)) + (known ? 0 : 1);
  const common = { serial, cardId: cardId ?? null, version, origin: "imported" } as const;
  if (!known) await keep(change, { ...common, field: "token", key: token });
  if (unlock) await keep(change, { ...common, field: "unlock", key: unlock });
}

async function hasActive(db: Kysely<Tables>, serial: string, field: KeyField): Promise<boolean> {
  const row = await db
    .selectFrom("keys")
    .select("number")
    .where("serial", "=", serial)
    .where("field", "=", field)
    .where("state", "=", "active")
    .executeTakeFirst();
  return row !== undefined;
}

function otherKey(serial: string, field: KeyField): RegisterError {
  return new RegisterError(`${serial}: the register has another ${NAMES[field]} of this card`, "exists");
}

/** Keys that a card has no more: they are kept, since a card that was left half seeded may have them. */
export async function abandonKeys({ db }: Change, serial: string): Promise<void> {
  await db
    .updateTable("keys")
    .set({ state: "abandoned" })
    .where("serial", "=", serial)
    .where("state", "=", "active")
    .execute();
}

interface NewKey {
  readonly serial: string;
  readonly cardId: string | null;
  readonly field: KeyField;
  readonly version: number;
  readonly origin: KeyOrigin;
  readonly key: Uint8Array;
}

async function keep({ db, register }: Change, { serial, cardId, field, version, origin, key }: NewKey): Promise<void> {
  const rows = openersFor(register, origin).map((opener) => {
    const sealer = sealerOf(register, opener);
    return {
      serial,
      card_id: cardId ?? NO_CARD,
      field,
      version,
      opener,
      origin,
      state: "active" as const,
      sealed: sealer.seal(key, { serial, cardId, field, version }),
      fingerprint: sealer.fingerprint(field, key),
    };
  });
  await db.insertInto("keys").values(rows).execute();
}

/** Under which keys a key is kept. */
function openersFor(register: Register, origin: KeyOrigin): Opener[] {
  const hasSite = register.knows("site");
  if (origin === "drawn") return hasSite ? ["desk", "site"] : ["desk"];
  return hasSite ? ["site"] : ["desk"];
}

function sealerOf(register: Register, opener: Opener) {
  return opener === "site" ? register.site : register.desk;
}

/** The version of the newest keys of a serial number; 0 where it never had any. */
export async function newestVersion(db: Kysely<Tables>, serial: string): Promise<number> {
  const row = await db
    .selectFrom("keys")
    .select("version")
    .where("serial", "=", serial)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.version ?? 0;
}

/**
 * The row of a token key that the register has already: the same card may get its key again, and the card of a serial number
 * the key that was imported for it.
 */
async function knownRow({ db, register }: Change, { serial, cardId, key }: Binding): Promise<KeyRow | undefined> {
  const [known] = await rowsOfKey(db, register, key);
  if (!known) return undefined;
  if (known.serial === serial && (known.card_id === cardId || known.card_id === NO_CARD)) return known;
  throw isKnown(serial, known);
}

function isKnown(serial: string, known: KeyRow): RegisterError {
  const whose = known.serial === serial ? "another card that had this serial number, or was wiped" : known.serial;
  const message = `${serial}: this token key was bound to ${whose}: two cards never have one key`;
  return new RegisterError(message, "duplicate");
}

/** Each token key is there once for each opener. */
async function keepAnew({ db, register }: Change, { number, opener }: KeyRow, key: NewKey): Promise<void> {
  const { serial, cardId, field, version, origin } = key;
  const sealed = sealerOf(register, opener).seal(key.key, { serial, cardId, field, version });
  const values = { card_id: cardId ?? NO_CARD, version, origin, state: "active", sealed } as const;
  await db.updateTable("keys").set(values).where("number", "=", number).execute();
}

/** Every row of that key, by the openers that were given: of each key in the register one of them has a row. */
async function rowsOfKey(
  db: Kysely<Tables>,
  register: Register,
  key: Uint8Array,
  field: KeyField = "token",
): Promise<KeyRow[]> {
  const opener: Opener = register.knows("site") ? "site" : "desk";
  const fingerprint = sealerOf(register, opener).fingerprint(field, key);
  return db
    .selectFrom("keys")
    .selectAll()
    .where("opener", "=", opener)
    .where("field", "=", field)
    .where("fingerprint", "=", fingerprint)
    .execute();
}
