// The keys of cards: drawn here or given, bound to one card for ever before they leave for it, and no two cards with one
// token key.
//
// Each key is a row for each opener (docs/REGISTER.md): a key that the desk drew lies under the desk key and, where the
// register has a site, under the site key too; one that was given or imported is the site's alone. A fingerprint tells
// whether a key is there already, in whatever state: a key that was bound to a card is never another one's.

import { randomFillSync } from "node:crypto";
import type { Kysely, Selectable } from "kysely";
import type { HashName } from "../../card/hashes.js";
import { copyOfSecret, secretBytes } from "../../files/secretbytes.js";
import { parseSuite } from "../../seeds/suite.js";
import type { Change } from "./change.js";
import { RegisterError } from "./errors.js";
import type { Register } from "./register.js";
import type { KeyField, KeyOrigin, KeysTable, Opener, Tables } from "./schema.js";

/** What belongs into a card. Wipe it after use. */
export interface CardKeys {
  readonly token: Buffer;
  readonly unlock: Buffer;
}

/** For which card, and what is given of its keys. */
export interface Binding {
  readonly serial: string;
  /** 16 hexadecimal digits. */
  readonly cardId: string;
  readonly suite: string;
  /** The token key that the site already has; drawn unless given. The caller's. */
  readonly given?: Uint8Array | undefined;
}

type KeyRow = Selectable<KeysTable>;

/** The length of a key that is drawn: that of the hash (RFC 4226 §4, R6; RFC 2104 §3). */
const KEY_SIZES: Record<HashName, number> = { SHA1: 20, SHA256: 32, SHA512: 64 };
const UNLOCK_KEY_SIZE = 32;
const NO_CARD = "none";

const NAMES: Record<KeyField, string> = { token: "token key", unlock: "unlock key" };

/**
 * Binds keys to the card, as its next version; those that it had are abandoned. Returns them. Throws a RegisterError
 * ("duplicate") where the token key is another card's or was one's.
 */
export async function bindKeys(change: Change, binding: Binding): Promise<CardKeys> {
  const { serial, cardId, suite, given } = binding;
  const { db, register } = change;
  const version = (await newestVersion(db, serial)) + 1;
  await abandonKeys(change, serial);
  const token = given ? copyOfSecret(given) : randomFillSync(secretBytes(KEY_SIZES[parseSuite(suite).hash]));
  const unlock = randomFillSync(secretBytes(UNLOCK_KEY_SIZE));
  try {
    const tokenOrigin = given ? "given" : "drawn";
    await refuseKnown(db, register, serial, token);
    await keep(change, { serial, cardId, field: "token", version, origin: tokenOrigin, key: token });
    await keep(change, { serial, cardId, field: "unlock", version, origin: "drawn", key: unlock });
    return { token, unlock };
  } catch (error) {
    token.fill(0);
    unlock.fill(0);
    throw error;
  }
}

/** Whether this token key is the one that is bound to this card and still its own. */
export async function isBound(db: Kysely<Tables>, register: Register, serial: string, cardId: string, key: Uint8Array) {
  const rows = await rowsOfKey(db, register, key);
  return rows.some((row) => row.serial === serial && row.card_id === cardId && row.state === "active");
}

/** The keys of a card that are its own now; nothing where it has none. Wipe them after use. */
export async function currentKeys(
  db: Kysely<Tables>,
  register: Register,
  serial: string,
): Promise<CardKeys | undefined> {
  const token = await currentKey(db, register, serial, "token");
  if (!token) return undefined;
  try {
    const unlock = await currentKey(db, register, serial, "unlock");
    if (unlock) return { token, unlock };
    throw new RegisterError(`${serial}: the register has its token key and no unlock key`, "missing");
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
  const rows = await db
    .selectFrom("keys")
    .selectAll()
    .where("serial", "=", serial)
    .where("field", "=", field)
    .where("state", "=", "active")
    .execute();
  const row = rows.find(({ opener }) => register.has(opener)) ?? rows[0];
  return row && openKey(register, row);
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
    await refuseKnown(db, register, serial, token);
    if (await hasActive(db, serial, "token")) throw otherKey(serial, "token");
    return false;
  }
  if (!unlock) return true;
  const same = (await rowsOfKey(db, register, unlock, "unlock")).some((row) => row.serial === serial);
  if (!same && (await hasActive(db, serial, "unlock"))) throw otherKey(serial, "unlock");
  return same;
}

/** Keeps keys of which `hasImported` says that they are not there yet. They are bound to no card. */
export async function importKeys(change: Change, { serial, token, unlock }: ForeignKeys): Promise<void> {
  const { db } = change;
  const known = await hasActive(db, serial, "token");
  const version = (await newestVersion(db, serial)) + (known ? 0 : 1);
  const common = { serial, cardId: null, version, origin: "imported" } as const;
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

async function newestVersion(db: Kysely<Tables>, serial: string): Promise<number> {
  const row = await db
    .selectFrom("keys")
    .select("version")
    .where("serial", "=", serial)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.version ?? 0;
}

async function refuseKnown(db: Kysely<Tables>, register: Register, serial: string, token: Uint8Array): Promise<void> {
  const [known] = await rowsOfKey(db, register, token);
  if (!known) return;
  const whose = known.serial === serial ? "another card that had this serial number, or was wiped" : known.serial;
  throw new RegisterError(`${serial}: this token key was bound to ${whose}: two cards never have one key`, "duplicate");
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
