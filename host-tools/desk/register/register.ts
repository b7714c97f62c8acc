// An open register with the given keys, on which commands work.
//
// The register recognises its keys by tags, so a wrong key is refused before it is used.

import { randomBytes, timingSafeEqual } from "node:crypto";
import type { Kysely, Transaction } from "kysely";
import { drawDeskPair } from "./deskbox.js";
import type { Engine } from "./engine.js";
import { RegisterError } from "./errors.js";
import { keyOf, keyToUse, type MacKey, type WrappingKey, wrappedRow } from "./heldkeys.js";
import { JournalKey } from "./journalchain.js";
import type { MetaRow } from "./meta.js";
import { REGISTER_ID } from "./open.js";
import type { Actor } from "./operators.js";
import type { Opener, Tables } from "./schema.js";
import { type CustodyKind, custodyTag, type Place, REGISTER_ID_BYTES, Sealer } from "./sealing.js";

/** The given keys, up to three: 32 bytes each, or an object that holds the key. */
export interface CustodyKeys {
  site?: Buffer | WrappingKey;
  desk?: Buffer | WrappingKey;
  journal?: Buffer | MacKey;
}

export const CUSTODY_KINDS: readonly CustodyKind[] = ["site", "desk", "journal"];

/** The name under which the site key authenticates the desk's public key. */
const DESK_PUBLIC = "desk-public";
const DESK_PUBLIC_TAG = "desk-public-tag";
const DESK_PRIVATE = "desk-private";
export const JOURNAL_PUBLIC = "journal-public";
const DESK_PRIVATE_PLACE: Place = { serial: "", cardId: null, field: DESK_PRIVATE, version: 1 };

/** Values of `meta`, by name. */
type Meta = ReadonlyMap<string, Buffer>;

/** The row of `meta` with the tag of a key. */
export function tagRow(kind: CustodyKind): string {
  return `${kind}-key`;
}

export class Register {
  /** 16 bytes. */
  readonly id: Buffer;
  /** The acting person, for the journal. */
  readonly actor: Actor;
  readonly engine: Engine;
  readonly #site: Sealer | undefined;
  readonly #desk: Sealer | undefined;
  readonly #journal: JournalKey | undefined;
  readonly #meta: Meta;

  private constructor(engine: Engine, id: Buffer, meta: Meta, keys: OpenKeys, actor: Actor) {
    this.engine = engine;
    this.id = id;
    this.actor = actor;
    this.#meta = meta;
    this.#site = keys.site;
    this.#desk = keys.desk;
    this.#journal = keys.journal;
  }

  /** The caller wipes `keys`. Throws a RegisterError if one belongs to another register. */
  static async open(engine: Engine, keys: CustodyKeys, actor: Actor): Promise<Register> {
    const meta = await engine.read(metaOf);
    const id = meta.get(REGISTER_ID);
    if (id?.length !== REGISTER_ID_BYTES)
      throw new RegisterError(
        `${engine.where}: is not complete; run again the dsc register restore or dsc register init that was interrupted`,
        "missing",
        "After a restore that was interrupted, run dsc register restore again; dsc register init makes an empty register.",
      );
    const open: OpenKeys = {};
    try {
      if (keys.site) open.site = openSealer(engine.where, meta, id, "site", keys.site);
      if (keys.desk) open.desk = openSealer(engine.where, meta, id, "desk", keys.desk);
      if (keys.journal) open.journal = openJournalKey(engine.where, meta, id, keys.journal);
      return new Register(engine, id, meta, open, actor);
    } catch (error) {
      for (const key of Object.values(open)) key.wipe();
      throw error;
    }
  }

  /** Throws a RegisterError ("no-key") if the site key was not given. */
  get site(): Sealer {
    return this.#site ?? this.#missing("site");
  }

  get desk(): Sealer {
    return this.#desk ?? this.#missing("desk");
  }

  get journal(): JournalKey {
    return this.#journal ?? this.#missing("journal");
  }

  /** Whether that key was given. */
  has(kind: CustodyKind): boolean {
    return { site: this.#site, desk: this.#desk, journal: this.#journal }[kind] !== undefined;
  }

  /** Whether the register has such a key, whether or not it was given. */
  knows(kind: CustodyKind): boolean {
    return this.#meta.has(tagRow(kind));
  }

  /** The desk's X25519 public key. With the site key, a replaced public key is detected. */
  get deskPublic(): Buffer {
    const value = this.#meta.get(DESK_PUBLIC);
    if (!value) throw new RegisterError(`${this.engine.where}: has no desk key, so PINs cannot be stored`, "no-key");
    const tag = this.#meta.get(DESK_PUBLIC_TAG);
    if (this.#site && !(tag && this.#site.vouchesFor(DESK_PUBLIC, value, tag)))
      throw new RegisterError(
        `${this.engine.where}: the desk's public key does not fit the site key, since it was replaced; restore a backup`,
        "damaged",
      );
    return value;
  }

  /**
   * The public key that checks a head of the journal, as the register has it: 32 bytes. Anybody who can write to the
   * register can replace it.
   */
  get journalPublic(): Buffer {
    const value = this.#meta.get(JOURNAL_PUBLIC);
    if (value) return value;
    throw new RegisterError(`${this.engine.where}: has no public key for its journal`, "damaged");
  }

  /** The desk's X25519 private key; wipe it after use. */
  deskPrivate(): Buffer {
    const value = this.desk.open(this.#meta.get(DESK_PRIVATE) ?? Buffer.alloc(0), DESK_PRIVATE_PLACE);
    if (!value)
      throw new RegisterError(
        `${this.engine.where}: the desk's private key does not open, since the register was changed; restore a backup`,
        "damaged",
      );
    return value;
  }

  /**
   * Throws a RegisterError if the register's keys were replaced after it was opened, so that nothing is sealed with old
   * keys.
   */
  async refuseRekeyed(db: Kysely<Tables>): Promise<void> {
    const names = CUSTODY_KINDS.map(tagRow);
    const rows = await db.selectFrom("meta").selectAll().where("name", "in", names).execute();
    if (rows.every(({ name, value }) => this.#meta.get(name)?.equals(value))) return;
    throw new RegisterError(
      `${this.engine.where}: was given other keys meanwhile; run the command again with those`,
      "wrong-key",
    );
  }

  /** Wipes the derived keys, and closes the engine. */
  async close(): Promise<void> {
    this.#site?.wipe();
    this.#desk?.wipe();
    this.#journal?.wipe();
    await this.engine.close();
  }

  #missing(kind: CustodyKind): never {
    const option = `--${kind}-key (or DSC_${kind.toUpperCase()}_KEY)`;
    throw new RegisterError(`${this.engine.where}: the ${kind} key is needed; name its file with ${option}`, "no-key");
  }
}

/** Gives an empty register its id and the records of its keys. `keys` must include the journal key. */
export async function writeIdentity(db: Transaction<Tables>, keys: CustodyKeys): Promise<Buffer> {
  const id = randomBytes(REGISTER_ID_BYTES);
  const rows = [{ name: REGISTER_ID, value: id }, ...keyRows(keys, id)];
  await db.insertInto("meta").values(rows).execute();
  return id;
}

/** The rows that the register keeps about its keys; none of them reveals a key. */
function keyRows(keys: CustodyKeys, id: Buffer): MetaRow[] {
  const site = keys.site && useKey(keys.site, "site", id);
  const desk = keys.desk && useKey(keys.desk, "desk", id);
  try {
    const pair = desk ? drawDeskRows(desk.sealer, site?.sealer).rows : [];
    return [...(site?.rows ?? []), ...(desk?.rows ?? []), ...pair, ...journalRows(keys, id)];
  } finally {
    for (const used of [site, desk]) used?.sealer.wipe();
  }
}

/**
 * A new site key or desk key, and the rows that the register keeps about it. Wipe the sealer after use.
 */
export function useKey(
  key: Buffer | WrappingKey,
  kind: Opener,
  id: Uint8Array,
): { readonly sealer: Sealer; readonly rows: MetaRow[] } {
  const used = keyToUse(key, kind, id);
  try {
    const tag = { name: tagRow(kind), value: custodyTag(kind, used.key, id) };
    return { sealer: new Sealer(used.key, id), rows: used.row ? [tag, used.row] : [tag] };
  } finally {
    used.key.fill(0);
  }
}

/** The rows of a new X25519 pair of the desk. The site key authenticates the public key. */
export function drawDeskRows(desk: Sealer, site: Sealer | undefined): { publicKey: Buffer; rows: MetaRow[] } {
  const { publicKey, privateKey } = drawDeskPair();
  const rows = [
    { name: DESK_PUBLIC, value: publicKey },
    { name: DESK_PRIVATE, value: desk.seal(privateKey, DESK_PRIVATE_PLACE) },
    ...(site ? [vouchingRow(site, publicKey)] : []),
  ];
  privateKey.fill(0);
  return { publicKey, rows };
}

/** The row by which the site recognises the desk's public key. */
export function vouchingRow(site: Sealer, deskPublic: Uint8Array): MetaRow {
  return { name: DESK_PUBLIC_TAG, value: site.tagOf(DESK_PUBLIC, deskPublic) };
}

function journalRows({ journal }: CustodyKeys, id: Buffer): MetaRow[] {
  if (!journal) throw new Error("a register without a journal key");
  const key = new JournalKey(journal, id);
  const { tag, publicKey } = key;
  key.wipe();
  return [
    { name: tagRow("journal"), value: tag },
    { name: JOURNAL_PUBLIC, value: Buffer.from(publicKey) },
  ];
}

async function metaOf(db: Kysely<Tables>): Promise<Meta> {
  const rows = await db.selectFrom("meta").selectAll().execute();
  return new Map(rows.map(({ name, value }) => [name, value]));
}

/** The given keys, ready for use. */
interface OpenKeys {
  site?: Sealer;
  desk?: Sealer;
  journal?: JournalKey;
}

function openSealer(where: string, meta: Meta, id: Buffer, kind: Opener, given: Buffer | WrappingKey): Sealer {
  const tag = tagIn(where, meta, kind);
  const key = keyOf(given, kind, id, meta.get(wrappedRow(kind)), where);
  try {
    const own = custodyTag(kind, key, id);
    if (tag.length !== own.length || !timingSafeEqual(tag, own)) throw foreignKey(where, kind);
    return new Sealer(key, id);
  } finally {
    key.fill(0);
  }
}

function openJournalKey(where: string, meta: Meta, id: Buffer, given: Buffer | MacKey): JournalKey {
  const tag = tagIn(where, meta, "journal");
  const key = new JournalKey(given, id);
  try {
    if (!key.isTaggedBy(tag)) throw foreignKey(where, "journal");
    return key;
  } catch (error) {
    key.wipe();
    throw error;
  }
}

function tagIn(where: string, meta: Meta, kind: CustodyKind): Buffer {
  const tag = meta.get(tagRow(kind));
  if (tag) return tag;
  throw new RegisterError(`${where}: has no ${kind} key; leave out --${kind}-key`, "wrong-key");
}

function foreignKey(where: string, kind: CustodyKind): RegisterError {
  return new RegisterError(`${where}: the ${kind} key belongs to another register; give the right one`, "wrong-key");
}
