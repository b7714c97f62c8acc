// Exports keys to another organisation: selects the cards, opens the keys, and records the export in the journal before
// the file is written.

import type { Kysely } from "kysely";
import type { ExportedCard } from "../../seeds/pskcexport.js";
import { cardsNow, changeApproved, isApprovalSet, type Subject } from "./approvals.js";
import { type Card, cardOf, listCards } from "./cards.js";
import { type Change, change } from "./change.js";
import { RegisterError } from "./errors.js";
import { currentKey, hasNoKey, newestVersion, wasForgotten } from "./keys.js";
import type { Register } from "./register.js";
import type { CardState, Tables } from "./schema.js";

/** Which cards; if neither is given, all. */
export interface ExportChoice {
  readonly serials?: readonly string[] | undefined;
  readonly batch?: number | undefined;
}

/** The journal's record of an export. */
export interface ExportNote {
  /** SHA-256 of the PSKC file, in hexadecimal. */
  readonly sha256: string;
  /** Check value of the pre-shared key, or a note that it is a passphrase. */
  readonly pskcKey: string;
  /** For the approval: which key it is; null: it is a passphrase. */
  readonly keyFingerprint: string | null;
  /** SHA-256 of the site's certificate, in hexadecimal. */
  readonly certificate?: string | undefined;
}

/** A card whose keys leave, and the version of the keys. */
export interface CardToExport extends ExportedCard {
  /** Version of its keys. */
  readonly version: number;
}

export interface KeysToExport {
  /** Wipe their keys after use. */
  readonly cards: readonly CardToExport[];
  /** Serial numbers of cards whose state allows no export, or whose keys were forgotten. */
  readonly leftOut: readonly string[];
}

/** The name of the action in the journal, by which exported keys are found later. */
export const EXPORT_ACTION = "pskc export";

/** States of cards that contain their keys and are in use or will be. */
const STATES: readonly CardState[] = ["seeded", "shipped", "active"];
/** Journal entries written in one transaction: others can write in between. */
const PIECE = 100;

/**
 * The cards and their keys. Throws a RegisterError: "state" for a named card whose state allows no export, "unknown"
 * for one that does not exist or has no key, "no-key" if the key that opens one was not given.
 */
export function readExport(register: Register, choice: ExportChoice, unlockKeys: boolean): Promise<KeysToExport> {
  return register.engine.read(async (db) => {
    const chosen = await choose(db, choice);
    const leftOut: string[] = [];
    const cards: CardToExport[] = [];
    try {
      for (const card of chosen) {
        const isReady =
          STATES.includes(card.state) && (choice.serials || !(await wasForgotten(db, card.serial, "token")));
        if (isReady) cards.push(await exported(db, register, card, unlockKeys));
        else leftOut.push(card.serial);
      }
      return { cards, leftOut };
    } catch (error) {
      wipeCards(cards);
      throw error;
    }
  });
}

/** Zeroes the keys of cards. */
export function wipeCards(cards: readonly ExportedCard[]): void {
  for (const { key, unlockKey } of cards) {
    key.fill(0);
    unlockKey?.fill(0);
  }
}

/** Spends the approval that the export needs if the setting requires one: for these cards, keys and recipient. */
export async function spendExportApproval(
  register: Register,
  cards: readonly ExportedCard[],
  { pskcKey, keyFingerprint, certificate }: ExportNote,
  unlockKeys: boolean,
): Promise<void> {
  const subjectOf = async ({ db }: Change): Promise<Subject | undefined> => {
    if (!(await isApprovalSet(db, "approval.export"))) return undefined;
    return {
      command: EXPORT_ACTION,
      arguments: { keys: unlockKeys ? "token keys and unlock keys" : "token keys" },
      cards: await cardsNow(db, serialsOf(cards)),
      recipient: { pskcKey, keyFingerprint, certificate: certificate ?? null },
    };
  };
  await changeApproved(register, subjectOf, async () => {});
}

function serialsOf(cards: readonly ExportedCard[]): string[] {
  return cards.map(({ serial }) => serial);
}

/** Records the export for each card. An export that is recorded but not written does no harm. */
export async function noteExport(register: Register, cards: readonly CardToExport[], noted: ExportNote): Promise<void> {
  const { sha256, pskcKey, certificate } = noted;
  for (let from = 0; from < cards.length; from += PIECE) {
    const piece = cards.slice(from, from + PIECE);
    await change(register, async ({ note }) => {
      for (const { serial, unlockKey, version } of piece) {
        const keys = unlockKey ? "token unlock" : "token";
        const detail = { export: sha256, keys, version, pskcKey, certificate };
        await note({ action: EXPORT_ACTION, serial, detail });
      }
    });
  }
}

async function choose(db: Kysely<Tables>, { serials, batch }: ExportChoice): Promise<Card[]> {
  if (serials === undefined) {
    const cards = await listCards(db);
    return batch === undefined ? cards : cards.filter((card) => card.batch_number === batch);
  }
  const cards: Card[] = [];
  for (const serial of new Set(serials)) {
    const card = await cardOf(db, serial);
    if (!STATES.includes(card.state))
      throw new RegisterError(`${serial} is ${card.state}: its keys are not exported; leave it out`, "state");
    cards.push(card);
  }
  return cards;
}

async function exported(
  db: Kysely<Tables>,
  register: Register,
  { serial, suite, pin_check, tries, user_name }: Card,
  unlockKeys: boolean,
): Promise<CardToExport> {
  const key = await currentKey(db, register, serial, "token");
  if (!key) throw await hasNoKey(db, serial, "token");
  try {
    const unlockKey = unlockKeys ? await currentKey(db, register, serial, "unlock") : undefined;
    return {
      serial,
      version: await newestVersion(db, serial),
      suite,
      pinCheck: pin_check,
      tries,
      key,
      unlockKey,
      ...(user_name !== null && { userName: user_name }),
    };
  } catch (error) {
    key.fill(0);
    throw error;
  }
}
