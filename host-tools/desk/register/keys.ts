// The keys of cards: drawn here or given, bound to one card for ever before they are sent to it; no two cards ever have
// the same token key.
//
// Each key has a row for each opener (docs/REGISTER.md). A key that the desk drew is sealed under the desk key and, if
// the register serves a site, also under the site key; one that was given or imported only under the site key. A
// fingerprint shows whether a key is already there, in any state: a key that was bound to a card is never bound to
// another.

import type { Kysely, Selectable } from "kysely";
import type { Change } from "./change.js";
import { RegisterError } from "./errors.js";
import type { Register } from "./register.js";
import type { KeyField, KeyOrigin, KeysTable, Opener, Tables } from "./schema.js";

/** The keys that go into a card. Wipe them after use. */
export interface CardKeys {
  readonly token: Buffer;
  readonly unlock: Buffer;
  /** Origin of the token key. */
  readonly origin: KeyOrigin;
}

/** Keys, and the card that they are for. The caller wipes them. */
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
 * Binds keys to the card as its next version; its earlier keys are abandoned. Returns the version. Throws a
 * RegisterError ("duplicate") if the token key is or was another card's.
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

/** The current keys of a card; undefined if it has none, or one was forgotten. Wipe them after use. */
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
      throw new RegisterError(`${serial}: the register has its token key but no unlock key`, "missing");
    token.fill(0);
    return undefined;
  } catch (error) {
    token.fill(0);
    throw error;
  }
}

/**
 * One key of a card; undefined if it has none. Wipe it after use. Throws a RegisterError: "no-key" if the key that
 * opens it was not given, "damaged" if it does not open, which is a fault of this card's row only; the message names
 * the card.
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

/**
 * The id of the card that the token key of a serial number is bound to; undefined if there is no key, or it is bound to
 * no card.
 */
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

/** The error ("unknown") that says why a key of a card is not available. */
export async function hasNoKey(db: Kysely<Tables>, serial: string, field: KeyField): Promise<RegisterError> {
  const isForgotten = await wasForgotten(db, serial, field);
  const why = isForgotten
    ? `its ${NAMES[field]} was forgotten: another organisation has it`
    : `the register has no ${NAMES[field]} for it`;
  return new RegisterError(`${serial}: ${why}`, "unknown");
}

/** A row of the key that one of the given keys can open, if there is one. */
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
    `${serial}: its ${NAMES[field]} (version ${version}) does not open with the ${opener} key, since the register was changed; restore a backup`,
    "damaged",
  );
}

/** Keys of a card that another organisation drew. The caller wipes them. */
export interface ForeignKeys {
  readonly serial: string;
  /** The card that the keys are bound to, since it has or may have them; undefined: unknown. */
  readonly cardId?: string | undefined;
  readonly token: Uint8Array;
  /** undefined: the other organisation did not give it. */
  readonly unlock: Uint8Array | undefined;
}

/**
 * Whether the register already has these keys. Throws a RegisterError: "duplicate" if the token key is or was another
 * card's, "exists" if this card has another one.
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

/** Stores keys that `hasImported` did not find. */
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
  return new RegisterError(`${serial}: the register has another ${NAMES[field]} for this card`, "exists");
}

/** Marks keys as abandoned. They are kept, since a card that was left half seeded may have them. */
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

/** The openers under which a key is stored. */
function openersFor(register: Register, origin: KeyOrigin): Opener[] {
  const hasSite = register.knows("site");
  if (origin === "drawn") return hasSite ? ["desk", "site"] : ["desk"];
  return hasSite ? ["site"] : ["desk"];
}

function sealerOf(register: Register, opener: Opener) {
  return opener === "site" ? register.site : register.desk;
}

/** The version of the newest keys of a serial number; 0 if it never had any. */
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
 * The row of a token key that is already in the register. It may be used again in two cases only: the same card gets
 * its key again, or a card gets the key that was imported for its serial number.
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

/** Each token key has exactly one row for each opener. */
async function keepAnew({ db, register }: Change, { number, opener }: KeyRow, key: NewKey): Promise<void> {
  const { serial, cardId, field, version, origin } = key;
  const sealed = sealerOf(register, opener).seal(key.key, { serial, cardId, field, version });
  const values = { card_id: cardId ?? NO_CARD, version, origin, state: "active", sealed } as const;
  await db.updateTable("keys").set(values).where("number", "=", number).execute();
}

/**
 * Every row of that key that the given openers find. At least one of them has a row for each key in the register.
 */
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
