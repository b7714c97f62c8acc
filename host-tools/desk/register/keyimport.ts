// Imports keys of another organisation, or of seed files of the first release, into the register card by card, so that
// one bad record does not block the others. Importing the same file again changes nothing.

import type { Insertable } from "kysely";
import type { Refusal } from "../../seeds/pskcimport.js";
import type { SeedRecord } from "../../seeds/pskcrecords.js";
import { findCard } from "./cards.js";
import { type Change, change } from "./change.js";
import { RegisterError, type RegisterReason } from "./errors.js";
import { hasImported, importKeys } from "./keys.js";
import type { Register } from "./register.js";
import type { CardsTable } from "./schema.js";

/** The result for the records of a file. */
export interface ImportResult {
  /** Records whose keys are now in the register, including those that were there before. */
  readonly taken: readonly SeedRecord[];
  /** How many of these were there before. */
  readonly known: number;
  readonly refusals: readonly Refusal[];
}

type Outcome = "new" | "known" | Refusal;

/** Cards in one writing transaction: others can write in between. */
const PIECE = 100;
/** Tries of a card if the file does not give them: the default of cards. */
const TRIES = 5;
/** Errors of one card only. */
const OF_ONE_CARD: readonly RegisterReason[] = ["duplicate", "exists", "damaged"];

/** Imports the records of a file; `sha256` is the file's, in hexadecimal. The caller wipes the records. */
export async function importRecords(
  register: Register,
  records: readonly SeedRecord[],
  sha256: string,
): Promise<ImportResult> {
  const outcomes: Outcome[] = [];
  for (let from = 0; from < records.length; from += PIECE) {
    const piece = records.slice(from, from + PIECE);
    const done = await change(register, async (inside) => {
      const all: Outcome[] = [];
      for (const record of piece) all.push(await outcomeOf(inside, record, sha256));
      return all;
    });
    outcomes.push(...done);
  }
  return {
    taken: records.filter((_, at) => typeof outcomes[at] === "string"),
    known: outcomes.filter((outcome) => outcome === "known").length,
    refusals: outcomes.filter((outcome): outcome is Refusal => typeof outcome === "object"),
  };
}

async function outcomeOf(inside: Change, record: SeedRecord, sha256: string): Promise<Outcome> {
  try {
    return await importCard(inside, record, sha256);
  } catch (error) {
    if (!(error instanceof RegisterError && OF_ONE_CARD.includes(error.reason))) throw error;
    // The result names the card itself, so its name is cut from the message.
    return { serial: record.serial, field: "token", why: error.message.replace(`${record.serial}: `, "") };
  }
}

/** All refusals come before anything is written. */
async function importCard(inside: Change, record: SeedRecord, sha256: string): Promise<"new" | "known"> {
  const { serial, key, unlockKey } = record;
  const keys = { serial, token: key, unlock: unlockKey };
  if (await hasImported(inside, keys)) return "known";
  const card = await findCard(inside.db, serial);
  const row = rowOf(record, inside.at);
  if (!card) await inside.db.insertInto("cards").values(row).execute();
  // A card that is already in the register keeps its id.
  const cardId = card && card.card_id !== record.cardId ? undefined : record.cardId;
  await importKeys(inside, { ...keys, cardId });
  const detail = { export: sha256, keys: unlockKey ? "token unlock" : "token" };
  await inside.note({ action: "pskc import", serial, to: card?.state ?? row.state, detail });
  return "new";
}

function rowOf(record: SeedRecord, at: number): Insertable<CardsTable> {
  const { serial, suite, pinCheck, tries = TRIES, keyset = null, cardId = null, state, userName = null } = record;
  const done = state === "done";
  return {
    serial,
    card_id: cardId,
    state: done ? "seeded" : "pending",
    suite,
    pin_check: pinCheck,
    tries,
    keyset,
    // The progress of a pending card of a file is unknown.
    store_data: done ? "answered" : "sent",
    put_key: record.rotation?.putKey ?? "unsent",
    keys_before: record.rotation?.before ?? null,
    user_name: userName,
    created: at,
    changed: at,
  };
}
