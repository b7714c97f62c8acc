// The journal in the register: each entry is added in the change that it records, and is never changed.

import type { Insertable, Kysely, Selectable, Transaction } from "kysely";
import { RegisterError } from "./errors.js";
import {
  ChainCheck,
  type Entry,
  type Finding,
  type Head,
  isSignedBy,
  type JournalKey,
  MAC_BYTES,
  type Position,
  SEGMENT_ACTION,
  type Segment,
  type SignedHead,
  segmentAt,
  segmentsBy,
} from "./journalchain.js";
import { SignatureCheck } from "./journalsignatures.js";
import { getMeta, putMeta } from "./meta.js";
import { type Actor, listOperators, nameOf, signatureFor } from "./operators.js";
import { keepTime } from "./registerclock.js";
import type { JournalTable, Tables } from "./schema.js";

/** What happened. */
export interface JournalEvent {
  /** The command that did it: `card ship`. */
  readonly action: string;
  readonly serial?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly reason?: string | undefined;
  /** Further details; nothing secret. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null | undefined>>;
}

/** What happened, when (ms since 1970) and who did it. */
export interface NewEntry extends JournalEvent {
  readonly at: number;
  /** Who did it; an operator signs the entry. */
  readonly actor: Actor;
}

/** Which entries to read. */
export interface JournalFilter {
  readonly serial?: string | undefined;
  /** Only this many entries, the last ones. */
  readonly last?: number | undefined;
}

/** Entries that are read at once. */
const PIECE = 1000;

/** Adds an entry; returns its number. The caller's transaction contains the change that the entry records. */
export async function append(db: Transaction<Tables>, key: JournalKey, entry: NewEntry): Promise<number> {
  const before = await positionIn(db, key);
  const { at, actor, action, serial = null, from = null, to = null, reason = null, detail = {} } = entry;
  const what = { action, serial, from, to, reason, detail: sorted(detail) };
  const content = { number: before.number + 1, at, actor: nameOf(actor), ...what };
  const signature = await signatureFor(db, actor, key.signedContent(before.mac, content));
  const added = { ...content, mac: key.macOf(before.mac, content), signature };
  // Update first the row that every entry changes: of several concurrent transactions all but one fail here and are
  // repeated.
  await keepPosition(db, key, added);
  await db.insertInto("journal").values(rowOf(added)).execute();
  await keepTime(db, at);
  return added.number;
}

/** Adds the entry that begins a segment under another journal key. */
export async function beginSegment(
  db: Transaction<Tables>,
  before: JournalKey,
  key: JournalKey,
  { at, actor }: Pick<NewEntry, "at" | "actor">,
): Promise<void> {
  const position = await positionIn(db, before);
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  const head = hex(before.signHead(position, at).signature);
  const detail = { before: hex(before.publicKey), head, key: hex(key.publicKey) };
  await keepPosition(db, key, position);
  await append(db, key, { at, actor, action: SEGMENT_ACTION, detail });
}

/** The segments of the journal. `current`: the public key of the last one. */
export async function segmentsIn(db: Kysely<Tables>, current: Uint8Array): Promise<Segment[]> {
  const rows = await db
    .selectFrom("journal")
    .selectAll()
    .where("action", "=", SEGMENT_ACTION)
    .orderBy("number")
    .execute();
  return segmentsBy(rows.map(entryOf), current);
}

/** Whether a saved head was signed with the journal key of its time. `current`: the public key in use now. */
export async function isHeadOf(db: Kysely<Tables>, current: Uint8Array, head: SignedHead): Promise<boolean> {
  return isSignedBy(segmentAt(await segmentsIn(db, current), head.number).publicKey, head);
}

/**
 * The position of the last entry, as the register keeps it beside the journal. Throws a RegisterError if it was
 * changed.
 */
export async function positionIn(db: Kysely<Tables>, key: JournalKey): Promise<Position> {
  const kept = await getMeta(db, "journal-position");
  if (!kept) return key.start();
  const position = positionOf(kept);
  if (position && key.vouchesFor(position, kept.subarray(NUMBER_BYTES + MAC_BYTES))) return position;
  throw new RegisterError("the journal's end was changed; dsc journal verify says more", "damaged");
}

const NUMBER_BYTES = 8;

/** The number in 8 bytes (big-endian), the entry's MAC, and the position's own MAC. */
function keepPosition(db: Transaction<Tables>, key: JournalKey, { number, mac }: Position): Promise<void> {
  const bytes = Buffer.alloc(NUMBER_BYTES);
  bytes.writeBigUInt64BE(BigInt(number));
  return putMeta(db, "journal-position", Buffer.concat([bytes, mac, key.positionMac({ number, mac })]));
}

function positionOf(kept: Buffer): Position | undefined {
  if (kept.length !== NUMBER_BYTES + 2 * MAC_BYTES) return undefined;
  const mac = kept.subarray(NUMBER_BYTES, NUMBER_BYTES + MAC_BYTES);
  return { number: Number(kept.readBigUInt64BE()), mac };
}

/** A head of the journal as it is now. Throws a RegisterError ("damaged") if its end was cut off. */
export async function signHead(db: Kysely<Tables>, key: JournalKey, at: number): Promise<SignedHead> {
  const position = await positionIn(db, key);
  const last = await db.selectFrom("journal").select("mac").where("number", "=", position.number).executeTakeFirst();
  if (!last?.mac.equals(position.mac))
    throw new RegisterError(
      "the journal's last entry is missing or was changed; dsc journal verify says more",
      "damaged",
    );
  return key.signHead(position, at);
}

/** The newest entries that match the filter, in order of number. */
export async function readEntries(db: Kysely<Tables>, { serial, last }: JournalFilter = {}): Promise<Entry[]> {
  let query = db.selectFrom("journal").selectAll().orderBy("number", "desc");
  if (serial !== undefined) query = query.where("serial", "=", serial);
  if (last !== undefined) query = query.limit(last);
  const rows = await query.execute();
  return rows.reverse().map(entryOf);
}

export interface JournalReport {
  readonly count: number;
  readonly findings: readonly Finding[];
  /**
   * Entries up to this one are under a journal key that was not given: only their numbers were checked. 0: there are
   * none.
   */
  readonly unchecked: number;
}

/**
 * The faults of the journal. Without the journal key only its numbers and a saved head are checked, and nothing
 * authenticates its entries up to that head. `earlier`: earlier journal keys.
 */
export async function verifyJournal(
  db: Kysely<Tables>,
  key: JournalKey | undefined,
  head?: Head,
  earlier: readonly JournalKey[] = [],
): Promise<JournalReport> {
  const kept = await getMeta(db, "journal-position");
  const position = kept && positionOf(kept);
  const segments = key && (await segmentsIn(db, key.publicKey));
  const check = new ChainCheck(key, { position, head, segments, earlier });
  const signatures = new SignatureCheck((await getMeta(db, "register")) ?? Buffer.alloc(0));
  for (let from = 0; ; ) {
    const rows = await db
      .selectFrom("journal")
      .selectAll()
      .where("number", ">", from)
      .orderBy("number")
      .limit(PIECE)
      .execute();
    for (const entry of rows.map(entryOf)) {
      check.take(entry);
      signatures.take(entry);
    }
    const last = rows.at(-1);
    if (!last) break;
    from = last.number;
  }
  const { count, findings: ofChain } = check.end();
  const { unchecked } = check;
  const findings = [...ofChain, ...signatures.end(await listOperators(db))];
  if (!key || (kept && position && key.vouchesFor(position, kept.subarray(NUMBER_BYTES + MAC_BYTES))))
    return { count, findings, unchecked };
  const message = "the register's record of the journal's end is missing or was changed";
  return { count, findings: [...findings, { number: count, what: "end", message }], unchecked };
}

export function entryOf({ from_state, to_state, signature, ...row }: Selectable<JournalTable>): Entry {
  return { ...row, from: from_state, to: to_state, ...(signature && { signature }) };
}

/**
 * Leave out the column of an unsigned entry: a backup of the first version is restored into tables without it.
 */
function rowOf({ from, to, mac, signature, ...entry }: Entry): Insertable<JournalTable> {
  return { ...entry, from_state: from, to_state: to, mac, ...(signature && { signature }) };
}

function sorted(detail: NonNullable<JournalEvent["detail"]>): string {
  const entries = Object.entries(detail).filter(([, value]) => value !== undefined);
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}
