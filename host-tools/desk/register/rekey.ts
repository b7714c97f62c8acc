// Replaces the site key, desk key or journal key of a register in one change.
//
// Sealed values are sealed again. With a new desk key the desk also gets a new X25519 pair, and the PINs of orders are
// encrypted to that. The journal continues under a new journal key in a new segment (journalchain.ts).

import type { Selectable } from "kysely";
import { type Change, change } from "./change.js";
import { RegisterError } from "./errors.js";
import { wrappedRow } from "./heldkeys.js";
import { beginSegment } from "./journal.js";
import { JournalKey } from "./journalchain.js";
import { type MetaRow, putRow } from "./meta.js";
import { moveOrderPins } from "./orders.js";
import {
  type CustodyKeys,
  drawDeskRows,
  JOURNAL_PUBLIC,
  type Register,
  tagRow,
  useKey,
  vouchingRow,
} from "./register.js";
import type { KeysTable, Opener } from "./schema.js";
import type { Sealer } from "./sealing.js";

/** The keys that change. */
export type NewKeys = CustodyKeys;

type Sealers = { readonly [opener in Opener]?: Sealer | undefined };

/** The keys that change, with the rows that the register keeps about each. */
type Used = { readonly [opener in Opener]?: ReturnType<typeof useKey> | undefined };

const OPENERS: readonly Opener[] = ["site", "desk"];
const NO_CARD = "none";
/** Rows that are read at once. */
const PIECE = 500;

/**
 * Changes the keys. The caller wipes `next`. The register must be opened with the keys that change, and cannot be used
 * afterwards. Returns the number of card keys that were sealed again.
 */
export async function rekey(register: Register, next: NewKeys): Promise<number> {
  for (const opener of OPENERS)
    if (next[opener] && !register.knows(opener))
      throw new RegisterError(`${register.engine.where}: has no ${opener} key to replace`, "wrong-key");
  const journal = next.journal && new JournalKey(next.journal, register.id);
  let used: Used = {};
  try {
    if (journal?.publicKey.equals(register.journal.publicKey))
      throw new RegisterError(`${register.engine.where}: has this journal key already; name another one`, "wrong-key");
    if (next.site) used = { ...used, site: useKey(next.site, "site", register.id) };
    if (next.desk) used = { ...used, desk: useKey(next.desk, "desk", register.id) };
    return await change(register, async (one) => {
      const count = await rekeyAll(one, used, journal !== undefined);
      if (journal) await moveJournal(one, journal);
      return count;
    });
  } finally {
    journal?.wipe();
    for (const opener of OPENERS) used[opener]?.sealer.wipe();
  }
}

async function rekeyAll(one: Change, used: Used, journal: boolean): Promise<number> {
  const sealers: Sealers = { site: used.site?.sealer, desk: used.desk?.sealer };
  if (sealers.desk) await refuseOpenBatches(one);
  const count = await sealKeys(one, sealers);
  for (const opener of OPENERS) if (used[opener]) await forgetWrapped(one, opener);
  const rows = OPENERS.flatMap((opener) => used[opener]?.rows ?? []);
  for (const row of [...rows, ...(await moveDesk(one, sealers))]) await putRow(one.db, row);
  const detail = { site: sealers.site !== undefined, desk: sealers.desk !== undefined, journal };
  await one.note({ action: "register rekey", detail });
  return count;
}

/** Record nothing more in this change, since it still uses the old journal key. */
async function moveJournal(one: Change, key: JournalKey): Promise<void> {
  const { db, at, register } = one;
  await beginSegment(db, register.journal, key, { at, actor: register.actor });
  await putRow(db, { name: tagRow("journal"), value: key.tag });
  await putRow(db, { name: JOURNAL_PUBLIC, value: key.publicKey });
}

/** A batch is found by a MAC of its file under the desk key, and the file is not here. */
async function refuseOpenBatches({ db, register }: Change): Promise<void> {
  const open = await db.selectFrom("batches").select("number").where("state", "=", "open").executeTakeFirst();
  if (open)
    throw new RegisterError(
      `${register.engine.where}: batch ${open.number} is open; close it before the desk key changes`,
      "state",
    );
}

async function sealKeys(one: Change, sealers: Sealers): Promise<number> {
  const { db } = one;
  const openers = OPENERS.filter((opener) => sealers[opener]);
  let count = 0;
  if (openers.length === 0) return count;
  for (let after = 0; ; ) {
    const query = db.selectFrom("keys").selectAll().where("number", ">", after).where("opener", "in", openers);
    const rows = await query.orderBy("number").limit(PIECE).execute();
    for (const row of rows) if (await sealAnew(one, row, sealers[row.opener] as Sealer)) count++;
    const last = rows.at(-1);
    if (!last) return count;
    after = last.number;
  }
}

/** Only the fingerprint of a forgotten key remains; no other key may have it. */
async function sealAnew({ db, register }: Change, row: Selectable<KeysTable>, sealer: Sealer): Promise<boolean> {
  if (row.state === "forgotten") return false;
  const { number, serial, field, version, opener } = row;
  const place = { serial, cardId: row.card_id === NO_CARD ? null : row.card_id, field, version };
  const key = (opener === "site" ? register.site : register.desk).open(row.sealed, place);
  if (!key)
    throw new RegisterError(
      `${serial}: its ${field} key (version ${version}) does not open; nothing was changed; run dsc register check`,
      "damaged",
    );
  const values = { sealed: sealer.seal(key, place), fingerprint: sealer.fingerprint(field, key) };
  key.fill(0);
  await db.updateTable("keys").set(values).where("number", "=", number).execute();
  return true;
}

/** The rows about the desk's pair. */
async function moveDesk(one: Change, { site, desk }: Sealers): Promise<readonly MetaRow[]> {
  const { register } = one;
  if (desk) {
    const { publicKey, rows } = drawDeskRows(desk, site ?? (register.knows("site") ? register.site : undefined));
    await moveOrderPins(one, publicKey);
    return rows;
  }
  return site && register.knows("desk") ? [vouchingRow(site, register.deskPublic)] : [];
}

/** A key in a file needs no row in the register; one in a token needs a different row. */
async function forgetWrapped({ db }: Change, opener: Opener): Promise<void> {
  await db.deleteFrom("meta").where("name", "=", wrappedRow(opener)).execute();
}
