// Reads a whole register and reports its faults: keys that do not open, rows that refer to missing rows, a changed
// journal. It checks as much as the given keys allow, and changes nothing.

import { createHash } from "node:crypto";
import { type Kysely, type Selectable, sql } from "kysely";
import { counted } from "../../files/counted.js";
import { openRowPin } from "./batchrows.js";
import { privateKeyOf, publicBytesOf } from "./curve25519.js";
import { RegisterError } from "./errors.js";
import { isHeadOf, verifyJournal } from "./journal.js";
import type { JournalKey, SignedHead } from "./journalchain.js";
import { openPin } from "./orders.js";
import { CUSTODY_KINDS, type Register } from "./register.js";
import { latestTime } from "./registerclock.js";
import type { KeysTable, Tables } from "./schema.js";
import type { CustodyKind } from "./sealing.js";

export interface CheckReport {
  readonly cards: number;
  /** The number of sealed keys that were opened. */
  readonly opened: number;
  readonly entries: number;
  /** Entries up to this one are under a journal key that was not given. 0: there are none. */
  readonly unchecked: number;
  /** One line for each. */
  readonly findings: readonly string[];
  /** Keys of the register that were not given, so that values under them were not checked. */
  readonly notGiven: readonly CustodyKind[];
}

type KeyRow = Selectable<KeysTable>;

/** Rows that are read at once. */
const PIECE = 500;
const NO_CARD = "none";

/** Checks the register in one snapshot. `head`: a saved head of its journal. */
export function checkRegister(
  register: Register,
  head?: SignedHead,
  earlier: readonly JournalKey[] = [],
): Promise<CheckReport> {
  return register.engine.read(async (db) => {
    const findings: string[] = [];
    if (head && !(await isOwnHead(db, register, head)))
      findings.push("journal: the saved head belongs to another register");
    const opened = await checkKeys(db, register, findings);
    await checkDeskPair(register, findings);
    await checkPins(db, register, findings);
    await checkErased(db, findings);
    await checkReferences(db, register, findings);
    await checkTime(db, findings);
    if (register.has("journal") && !register.journal.publicKey.equals(register.journalPublic))
      findings.push("journal: the public key in the register was replaced");
    const journal = await verifyJournal(db, register.has("journal") ? register.journal : undefined, head, earlier);
    findings.push(...journal.findings.map(({ message }) => `journal: ${message}`));
    const cards = await db
      .selectFrom("cards")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .executeTakeFirst();
    const notGiven = CUSTODY_KINDS.filter((kind) => register.knows(kind) && !register.has(kind));
    const { count: entries, unchecked } = journal;
    return { cards: cards?.count ?? 0, opened, entries, unchecked, findings, notGiven };
  });
}

/**
 * Prefer the public key of the journal key itself: anybody who can write to the register can replace the stored one.
 */
async function isOwnHead(db: Kysely<Tables>, register: Register, head: SignedHead): Promise<boolean> {
  const publicKey = register.has("journal") ? register.journal.publicKey : register.journalPublic;
  return register.id.equals(head.register) && isHeadOf(db, publicKey, head);
}

/** Opens every key. Returns the number that opened. */
async function checkKeys(db: Kysely<Tables>, register: Register, findings: string[]): Promise<number> {
  const check = new KeyCheck(register, findings);
  for (let after = 0; ; ) {
    const query = db.selectFrom("keys").selectAll().where("number", ">", after).orderBy("number").limit(PIECE);
    const rows = await query.execute();
    for (const row of rows) check.take(row);
    const last = rows.at(-1);
    if (!last) return check.end();
    after = last.number;
  }
}

/** Checks keys one by one; a key that is sealed under two openers must be the same under both. */
class KeyCheck {
  readonly #register: Register;
  readonly #findings: string[];
  /** Digests of keys whose second copy has not been read yet. */
  readonly #copies = new Map<string, Buffer>();
  #opened = 0;

  constructor(register: Register, findings: string[]) {
    this.#register = register;
    this.#findings = findings;
  }

  take(row: KeyRow): void {
    const { serial, field, version, opener } = row;
    if (row.state === "forgotten") return this.#takeForgotten(row);
    if (!this.#register.has(opener)) return;
    const sealer = opener === "site" ? this.#register.site : this.#register.desk;
    const cardId = row.card_id === NO_CARD ? null : row.card_id;
    const key = sealer.open(row.sealed, { serial, cardId, field, version });
    if (!key) return this.#find(row, `does not open with the ${opener} key`);
    this.#opened++;
    if (!sealer.fingerprint(field, key).equals(row.fingerprint)) this.#find(row, "has the fingerprint of another key");
    this.#compare(row, createHash("sha256").update(key).digest());
    key.fill(0);
  }

  end(): number {
    return this.#opened;
  }

  #takeForgotten(row: KeyRow): void {
    if (row.sealed.length > 0) this.#find(row, "is marked as forgotten but still there");
  }

  #compare(row: KeyRow, digest: Buffer): void {
    const name = `${row.serial} ${row.field} ${row.version}`;
    const other = this.#copies.get(name);
    if (!other) return void this.#copies.set(name, digest);
    this.#copies.delete(name);
    if (!other.equals(digest)) this.#find(row, "is not the same under the site key and under the desk key");
  }

  #find({ serial, field, version }: KeyRow, what: string): void {
    this.#findings.push(`${serial}: its ${field} key (version ${version}) ${what}`);
  }
}

async function checkDeskPair(register: Register, findings: string[]): Promise<void> {
  if (!register.knows("desk")) return;
  trying(findings, () => {
    const { deskPublic } = register;
    if (!register.has("desk")) return;
    const deskPrivate = register.deskPrivate();
    const same = publicBytesOf(privateKeyOf("X25519", deskPrivate)).equals(deskPublic);
    deskPrivate.fill(0);
    if (!same) findings.push("the desk's public key and its private key do not belong together");
  });
}

async function checkPins(db: Kysely<Tables>, register: Register, findings: string[]): Promise<void> {
  if (!register.has("desk")) return;
  const orders = await db.selectFrom("orders").selectAll().where("pin", "is not", null).orderBy("number").execute();
  for (const order of orders) trying(findings, () => void openPin(register, order)?.fill(0));
  for (let after = 0; ; ) {
    const kept = db.selectFrom("batch_rows").selectAll().where("pin", "is not", null).where("number", ">", after);
    const rows = await kept.orderBy("number").limit(PIECE).execute();
    for (const row of rows) trying(findings, () => void openRowPin(register, row).fill(0));
    const last = rows.at(-1);
    if (!last) return;
    after = last.number;
  }
}

/** PINs of a closed batch must be erased: its letters were printed, or its PINs were given up. */
async function checkErased(db: Kysely<Tables>, findings: string[]): Promise<void> {
  const kept = await db
    .selectFrom("batch_rows")
    .innerJoin("batches", "batches.number", "batch_rows.batch_number")
    .select(["batch_number", ({ fn }) => fn.countAll<number>().as("count")])
    .where("batches.state", "=", "closed")
    .where("pin", "is not", null)
    .groupBy("batch_number")
    .orderBy("batch_number")
    .execute();
  findings.push(
    ...kept.map(({ batch_number, count }) => `batch ${batch_number}: is closed but still has ${counted(count, "PIN")}`),
  );
}

async function checkTime(db: Kysely<Tables>, findings: string[]): Promise<void> {
  try {
    await latestTime(db);
  } catch (error) {
    findings.push(inWords(error));
  }
}

/** Checks references that the engine does not enforce, and the file itself if the register is one. */
async function checkReferences(db: Kysely<Tables>, { engine }: Register, findings: string[]): Promise<void> {
  if (engine.kind === "sqlite") findings.push(...(await faultsOfFile(db)));
  const lost = await db
    .selectFrom("orders")
    .leftJoin("cards", "cards.serial", "orders.serial")
    .select(["orders.number", "orders.serial"])
    .where("orders.serial", "is not", null)
    // A claimed order has the serial number of its future card; it may be cancelled before the card exists.
    .where("orders.state", "not in", ["claimed", "cancelled"])
    .where("cards.serial", "is", null)
    .execute();
  findings.push(...lost.map(({ number, serial }) => `order ${number}: its card ${serial} is not in the register`));
  const unmade = await db
    .selectFrom("batch_rows")
    .leftJoin("cards", "cards.serial", "batch_rows.serial")
    .select(["batch_rows.batch_number", "batch_rows.line"])
    .where("batch_rows.state", "=", "done")
    .where("cards.serial", "is", null)
    .orderBy("batch_rows.number")
    .execute();
  findings.push(
    ...unmade.map((row) => `batch ${row.batch_number}, line ${row.line}: is done, but its card is not in the register`),
  );
  const foreign = await db
    .selectFrom("keys")
    .innerJoin("cards", "cards.serial", "keys.serial")
    .select(["keys.serial", "keys.field"])
    .where("keys.state", "=", "active")
    .where("keys.card_id", "!=", NO_CARD)
    .whereRef("keys.card_id", "!=", "cards.card_id")
    .groupBy(["keys.serial", "keys.field"])
    .execute();
  findings.push(...foreign.map(({ serial, field }) => `${serial}: its ${field} key is bound to another card`));
}

async function faultsOfFile(db: Kysely<Tables>): Promise<string[]> {
  const integrity = await sql<{ integrity_check: string }>`PRAGMA integrity_check(20)`.execute(db);
  const faults = integrity.rows.map((row) => row.integrity_check).filter((text) => text !== "ok");
  const references = await sql<{ table: string; parent: string }>`PRAGMA foreign_key_check`.execute(db);
  return [
    ...faults.map((text) => `the file is damaged: ${text}`),
    ...references.rows.map(({ table, parent }) => `a row of ${table} refers to a missing row of ${parent}`),
  ];
}

function trying(findings: string[], run: () => void): void {
  try {
    run();
  } catch (error) {
    findings.push(inWords(error));
  }
}

function inWords(error: unknown): string {
  if (error instanceof RegisterError) return error.message;
  throw error;
}
