// The desk forgets keys that another organisation has imported, once it presents its receipt.
//
// Exactly the keys of an export are forgotten: the journal records which keys, in which versions, and for whose
// certificate. A card that got other keys since then keeps those. Either all keys that the receipt names are forgotten,
// or none. Only the fingerprint of a forgotten key remains, so that it never becomes another card's key.

import type { Kysely } from "kysely";
import type { KeyRead, Receipt } from "../../seeds/receipt.js";
import { cardsNow, changeApproved, isApprovalSet, type Subject } from "./approvals.js";
import type { Change } from "./change.js";
import { RegisterError } from "./errors.js";
import { EXPORT_ACTION } from "./keyexport.js";
import type { Register } from "./register.js";
import type { KeyField, Tables } from "./schema.js";

/** A receipt, and the facts about it. */
export interface GivenReceipt {
  /** For messages. */
  readonly path: string;
  readonly receipt: Receipt;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
  /**
   * The certificate whose key signed it, after the check; undefined: it is not signed, or the signature was not
   * checked.
   */
  readonly signedFor: { readonly fingerprint: string } | undefined;
}

/** The result for the keys that the receipt names. */
export interface ForgetResult {
  readonly forgotten: readonly KeyRead[];
  /** The number of keys that had been forgotten before. */
  readonly before: number;
}

/** A key of an export. */
interface ExportedKey extends KeyRead {
  readonly version: number;
}

/** What the journal records about the export of one card. */
interface ExportDetail {
  readonly export?: string;
  readonly keys?: string;
  readonly version?: number;
  readonly certificate?: string;
}

/** Serial numbers that are looked up at once. */
const PIECE = 500;

/**
 * Forgets the keys. Throws a RegisterError: "unknown" for a key that the export did not contain, "state" for a card
 * that has a user name here, "wrong-key" if the receipt is signed for another certificate, "approval".
 */
export function forgetKeys(register: Register, given: GivenReceipt): Promise<ForgetResult> {
  return changeApproved(
    register,
    (one) => forgetSubject(one, given),
    (one) => forget(one, given),
  );
}

/** Without a signature by the key of the export's certificate a receipt proves nothing. */
async function forgetSubject({ db }: Change, given: GivenReceipt): Promise<Subject | undefined> {
  const { receipt, sha256, signedFor } = given;
  const { certificate } = await exportedKeys(db, given);
  await refuseOwned(db, serialsOf(receipt));
  const isVouchedFor = signedFor !== undefined && signedFor.fingerprint === certificate;
  if (isVouchedFor && !(await isApprovalSet(db, "approval.forget"))) return undefined;
  const what = {
    receipt: sha256,
    "signed by the site": isVouchedFor ? "yes" : "no",
    export: receipt.export,
    "token keys": receipt.keys.filter(({ field }) => field === "token").length,
    "unlock keys": receipt.keys.filter(({ field }) => field === "unlock").length,
  };
  const cards = await cardsNow(db, serialsOf(receipt));
  return { command: "pskc forget", arguments: what, cards, recipient: null };
}

async function forget(one: Change, given: GivenReceipt): Promise<ForgetResult> {
  const { keys } = await exportedKeys(one.db, given);
  const forgotten: KeyRead[] = [];
  for (const key of keys)
    if (await forgetKey(one, key, given)) forgotten.push({ serial: key.serial, field: key.field });
  return { forgotten, before: keys.length - forgotten.length };
}

/** Erases both copies of a key, the site's and the desk's. Returns false if it was already forgotten. */
async function forgetKey({ db, note }: Change, key: ExportedKey, { receipt, sha256 }: GivenReceipt): Promise<boolean> {
  const { serial, field, version } = key;
  const changed = await db
    .updateTable("keys")
    .set({ state: "forgotten", sealed: Buffer.alloc(0) })
    .where("serial", "=", serial)
    .where("field", "=", field)
    .where("version", "=", version)
    .where("state", "!=", "forgotten")
    .executeTakeFirst();
  if (changed.numUpdatedRows === 0n) return false;
  await note({
    action: "pskc forget",
    serial,
    detail: { export: receipt.export, keys: field, version, receipt: sha256 },
  });
  return true;
}

/** The keys of the receipt, as the journal records their export, and the certificate of the export. */
async function exportedKeys(db: Kysely<Tables>, given: GivenReceipt) {
  const { path, receipt, signedFor } = given;
  const exported = new Map<string, ExportDetail>();
  const serials = serialsOf(receipt);
  for (let from = 0; from < serials.length; from += PIECE) {
    const piece = serials.slice(from, from + PIECE);
    for (const [serial, detail] of await exportsOf(db, piece, receipt.export)) exported.set(serial, detail);
  }
  const keys = receipt.keys.map(({ serial, field }): ExportedKey => {
    const { keys: held = "", version } = exported.get(serial) ?? {};
    if (version !== undefined && held.split(" ").includes(field)) return { serial, field, version };
    throw new RegisterError(
      `${path}: names the ${NAMES[field]} of ${serial}, which that export did not contain`,
      "unknown",
    );
  });
  const [{ certificate } = {}] = exported.values();
  if (signedFor && certificate === undefined)
    throw new RegisterError(`${path}: that export was not made for a certificate; leave --site-cert out`, "wrong-key");
  if (signedFor && certificate !== signedFor.fingerprint)
    throw new RegisterError(`${path}: that export was made for another certificate; give that one`, "wrong-key");
  return { keys, certificate };
}

const NAMES: Record<KeyField, string> = { token: "token key", unlock: "unlock key" };

/** What the journal records about that export, by card. */
async function exportsOf(
  db: Kysely<Tables>,
  serials: readonly string[],
  sha256: string,
): Promise<[string, ExportDetail][]> {
  const rows = await db
    .selectFrom("journal")
    .select(["serial", "detail"])
    .where("action", "=", EXPORT_ACTION)
    .where("serial", "in", serials)
    .execute();
  return rows.flatMap(({ serial, detail }): [string, ExportDetail][] => {
    const fields = JSON.parse(detail) as ExportDetail;
    return serial !== null && fields.export === sha256 ? [[serial, fields]] : [];
  });
}

/** A card with a user name or an order of this register needs its keys here. */
async function refuseOwned(db: Kysely<Tables>, serials: readonly string[]): Promise<void> {
  for (let from = 0; from < serials.length; from += PIECE) {
    const piece = serials.slice(from, from + PIECE);
    const card = await db
      .selectFrom("cards")
      .select("serial")
      .where("serial", "in", piece)
      .where("user_name", "is not", null)
      .executeTakeFirst();
    if (card) throw isOwned(card.serial, "has a user name");
    const order = await db
      .selectFrom("orders")
      .select(["serial", "number"])
      .where("serial", "in", piece)
      .where("state", "!=", "cancelled")
      .executeTakeFirst();
    if (order) throw isOwned(String(order.serial), `is the card of order ${order.number}`);
  }
}

function isOwned(serial: string, why: string): RegisterError {
  return new RegisterError(
    `${serial} ${why} in this register, so it needs its keys here; nothing was forgotten`,
    "state",
  );
}

function serialsOf({ keys }: Receipt): string[] {
  return [...new Set(keys.map(({ serial }) => serial))];
}
