// Approvals: an operator's request that another operator has to approve.
//
// A command that needs an approval is refused and writes a request. The request contains the register, the command and
// its arguments, the cards with their states and key versions, the recipient, the requesting operator, a random number
// and an expiry time. Another operator sees all of this and signs its hash (dsc approve). When the command is run
// again, it finds its approval and spends it in the transaction that does or begins its work. An approval is valid for
// exactly one request.

import { createHash, randomBytes } from "node:crypto";
import type { Kysely, Selectable } from "kysely";
import { UsageError } from "../../files/errors.js";
import type { ApprovalSetting } from "./approvalsettings.js";
import { canonical } from "./canonical.js";
import { type Change, change } from "./change.js";
import { RegisterError } from "./errors.js";
import { newestVersion } from "./keys.js";
import {
  APPROVE_ACTION,
  ASK_ACTION,
  activeOperators,
  isSignedWith,
  LEAST_FOR_APPROVAL,
  nameOf,
  Operator,
  type OperatorRow,
  SPEND_ACTION,
} from "./operators.js";
import type { Register } from "./register.js";
import type { ApprovalsTable, CardState, Tables } from "./schema.js";
import { settingOf } from "./settings.js";

/** A card in the state in which the approval was requested. */
export interface ApprovedCard {
  readonly serial: string;
  readonly state: CardState;
  /** The version of its newest keys. */
  readonly keys: number;
}

/** The recipient of exported keys. */
export interface Recipient {
  /** The check value of the PSKC key, in hexadecimal; or a note that it is a passphrase. */
  readonly pskcKey: string;
  /** Which key it is, in hexadecimal: many keys have the same check value. null: it is a passphrase. */
  readonly keyFingerprint: string | null;
  /** The fingerprint of the certificate: SHA-256, in hexadecimal. */
  readonly certificate: string | null;
}

/** The work that an approval covers. */
export interface Subject {
  /** As typed: `pskc export`. */
  readonly command: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
  /** In order of serial number. */
  readonly cards: readonly ApprovedCard[];
  readonly recipient: Recipient | null;
}

export interface ApprovalRequest extends Subject {
  /** The register's id, in hexadecimal. */
  readonly register: string;
  readonly askedBy: string;
  /** 16 bytes, in hexadecimal, so that no two requests are the same. */
  readonly random: string;
  /** ms since 1970. */
  readonly expires: number;
}

export const APPROVAL_LIFETIME = 15 * 60_000;

/** The number of hash digits that are printed, and the fewest that are accepted. */
export const HASH_DIGITS = 16;
const HASH = new RegExp(`^[0-9a-f]{${HASH_DIGITS},64}$`);
const RANDOM_BYTES = 16;
const LABEL = "dsc approval";
const NEW_REQUEST =
  "Nothing was signed. Who needs the approval runs the refused command again, which prints the request to approve.";

type Row = Selectable<ApprovalsTable>;

interface Known {
  readonly row: Row;
  readonly request: ApprovalRequest;
}

/** Whether the setting requires an approval for this. */
export async function isApprovalSet(db: Kysely<Tables>, setting: ApprovalSetting): Promise<boolean> {
  return (await settingOf(db, setting)) === "yes";
}

/** Whether there is a second operator, who has to approve changes of operators and settings. */
export async function hasSecondOperator(db: Kysely<Tables>): Promise<boolean> {
  return (await activeOperators(db)).length >= LEAST_FOR_APPROVAL;
}

/** The cards in their current states. */
export async function cardsNow(db: Kysely<Tables>, serials: readonly string[]): Promise<ApprovedCard[]> {
  const cards: ApprovedCard[] = [];
  for (const serial of [...new Set(serials)].sort()) {
    const card = await db.selectFrom("cards").select("state").where("serial", "=", serial).executeTakeFirst();
    cards.push({ serial, state: card?.state ?? "blank", keys: await newestVersion(db, serial) });
  }
  return cards;
}

/**
 * Makes one change that may need an approval. `subjectOf` returns what the approval must cover, or undefined if none is
 * needed. With a valid approval, spends it and calls `run` in one transaction. Otherwise writes a request and throws a
 * RegisterError ("approval") that says what the second operator has to run.
 */
export async function changeApproved<T>(
  register: Register,
  subjectOf: (change: Change) => Promise<Subject | undefined>,
  run: (change: Change) => Promise<T>,
  begin: typeof change = change,
): Promise<T> {
  const outcome = await begin(register, async (one) => {
    const subject = await subjectOf(one);
    const refusal = subject && (await spendOrAsk(one, subject));
    return refusal ? { refusal } : { result: await run(one) };
  });
  if ("refusal" in outcome) throw outcome.refusal;
  return outcome.result;
}

/** Spends the approval of the subject. If there is none, writes a request and returns the error. */
async function spendOrAsk(one: Change, subject: Subject): Promise<RegisterError | undefined> {
  const { db, at, register } = one;
  const operators = await activeOperators(db);
  if (operators.length < LEAST_FOR_APPROVAL)
    throw new RegisterError(
      `dsc ${subject.command} needs the approval of a second operator, and the register has ${operators.length}; ` +
        "enrol operators with dsc operator add",
      "approval",
      "Enrol a second operator with dsc operator add; dsc operator list shows those that there are.",
    );
  const askedBy = nameOf(register.actor);
  const known = await requestsOf(db, askedBy, subject.command);
  const same = known.find(({ request }) => isSame(one, request, subject));
  const fault = same ? faultOf(one, same, operators) : await differenceOf(one, known, subject);
  if (same && fault === undefined) return spend(one, same);
  if (same && fault === WAITING) return needsApproval(subject, same.row.hash, "it was requested already");
  return needsApproval(subject, await ask(one, { ...subject, askedBy }, at), fault);
}

/** The error for a request that is not approved yet. */
const WAITING = "waiting";

/** Why a request for the same subject cannot be spent. */
function faultOf({ at, register }: Change, { row, request }: Known, operators: readonly OperatorRow[]) {
  const name = shortOf(row.hash);
  const over = endOf(row);
  if (over !== undefined) return `the approval ${name} ${over}`;
  if (at >= request.expires) return `the request ${name} has expired`;
  if (row.approved_by === null) return WAITING;
  const approver = operators.find((operator) => operator.name === row.approved_by);
  if (!approver) return `the approval ${name} is by ${row.approved_by}, who is no longer an operator`;
  if (approver.name === request.askedBy) return `the approval ${name} is by the operator who requested it`;
  const message = approvalMessage(register, row.hash);
  if (!row.signature || !isSignedWith(approver.public_key, message, row.signature))
    return `the approval ${name} is not signed by ${approver.name}`;
  return undefined;
}

/**
 * How a request ended, apart from its expiry. A restore sets the time of use to the time of expiry (backup.ts), and a
 * request that was used has an earlier one.
 */
function endOf({ spent, expires }: Row): string | undefined {
  if (spent === null) return undefined;
  return spent < expires ? "was used already" : "ended when the register was restored from a backup";
}

async function spend({ db, at, note }: Change, { row, request }: Known): Promise<undefined> {
  const spent = await db
    .updateTable("approvals")
    .set({ spent: at })
    .where("hash", "=", row.hash)
    .where("spent", "is", null)
    .executeTakeFirst();
  if (spent.numUpdatedRows !== 1n) throw new RegisterError("the approval was used meanwhile", "approval");
  const detail = { request: row.hash.toString("hex"), command: request.command, approvedBy: row.approved_by };
  await note({ action: SPEND_ACTION, detail });
}

/**
 * How an existing approval of this operator differs from this subject. The error says so, since the operator would
 * otherwise not understand the refusal.
 */
async function differenceOf(one: Change, known: readonly Known[], subject: Subject): Promise<string | undefined> {
  const { at } = one;
  const open = known.find(({ row, request }) => row.spent === null && row.approved_by !== null && at < request.expires);
  if (!open) return undefined;
  const name = shortOf(open.row.hash);
  const changed = changedCard(open.request.cards, subject.cards);
  if (changed === undefined) return `the approval ${name} is for other arguments`;
  return `the approval ${name} is no longer valid: ${changed}`;
}

/** The first difference between the cards of a request and the same cards now. */
function changedCard(before: readonly ApprovedCard[], now: readonly ApprovedCard[]): string | undefined {
  if (before.length !== now.length) return undefined;
  for (const [at, { serial, state, keys }] of before.entries()) {
    const card = now[at];
    if (card?.serial !== serial) return undefined;
    if (card.state !== state) return `${serial} was ${state} and is ${card.state} now`;
    if (card.keys !== keys) return `${serial} has other keys now`;
  }
  return undefined;
}

/** The number that distinguishes a request from an earlier one for the same work. */
export function requestNumber(): Buffer {
  return randomBytes(RANDOM_BYTES);
}

async function ask({ db, register, note }: Change, asked: Subject & { askedBy: string }, at: number): Promise<Buffer> {
  const request: ApprovalRequest = {
    register: register.id.toString("hex"),
    command: asked.command,
    arguments: asked.arguments,
    cards: asked.cards,
    recipient: asked.recipient,
    askedBy: asked.askedBy,
    random: requestNumber().toString("hex"),
    expires: at + APPROVAL_LIFETIME,
  };
  const text = JSON.stringify(request);
  const hash = hashOf(text);
  const row = { hash, request: text, asked_by: asked.askedBy, expires: request.expires };
  await db.insertInto("approvals").values(row).execute();
  await note({ action: ASK_ACTION, detail: { request: hash.toString("hex"), command: asked.command } });
  return hash;
}

function needsApproval({ command }: Subject, hash: Buffer, why: string | undefined): RegisterError {
  return new RegisterError(
    `${why === undefined ? "" : `${why}; `}dsc ${command} needs the approval of a second operator, who runs: ` +
      `dsc approve ${shortOf(hash)}`,
    "approval",
  );
}

/** The requests of an operator for a command, the latest first. A request that was tampered with does not count. */
async function requestsOf(db: Kysely<Tables>, askedBy: string, command: string): Promise<Known[]> {
  const rows = await db
    .selectFrom("approvals")
    .selectAll()
    .where("asked_by", "=", askedBy)
    .orderBy("expires", "desc")
    .execute();
  return rows.flatMap((row) => {
    const request = requestIn(row);
    return request?.command === command ? [{ row, request }] : [];
  });
}

function isSame({ register }: Change, request: ApprovalRequest, subject: Subject): boolean {
  return (
    request.register === register.id.toString("hex") &&
    request.askedBy === nameOf(register.actor) &&
    textOf(request) === textOf(subject)
  );
}

/** The subject as text in canonical form. */
function textOf({ command, arguments: given, cards, recipient }: Subject): string {
  const sorted = Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1));
  const each = cards.map(({ serial, state, keys }) => [serial, state, keys]);
  return JSON.stringify([command, sorted, each, recipient && recipientIn(recipient)]);
}

function recipientIn({ pskcKey, keyFingerprint, certificate }: Recipient) {
  return [pskcKey, keyFingerprint, certificate];
}

function hashOf(request: string): Buffer {
  return createHash("sha256").update(request).digest();
}

/** The request in a row; undefined if its text does not match its hash or is no request: anybody can compute a hash. */
function requestIn({ hash, request: text }: Row): ApprovalRequest | undefined {
  if (!hashOf(text).equals(hash)) return undefined;
  try {
    const request = JSON.parse(text) as ApprovalRequest;
    return isRequest(request) && JSON.stringify(request) === text ? request : undefined;
  } catch {
    return undefined;
  }
}

function isRequest(value: Partial<ApprovalRequest> | null): value is ApprovalRequest {
  const { register, command, arguments: given, cards, recipient, askedBy, random, expires } = value ?? {};
  const texts = [register, command, askedBy, random].every((each) => typeof each === "string");
  const isCard = ({ serial, state, keys }: ApprovedCard) =>
    typeof serial === "string" && typeof state === "string" && Number.isSafeInteger(keys);
  const areCards = Array.isArray(cards) && cards.every(isCard);
  const hasRecipient = recipient === null || typeof recipient?.pskcKey === "string";
  return (
    texts && Number.isSafeInteger(expires) && areCards && hasRecipient && typeof given === "object" && given !== null
  );
}

/** The bytes that are signed. */
function approvalMessage({ id }: Register, hash: Uint8Array): Buffer {
  return canonical(LABEL, id, hash);
}

export function shortOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString("hex").slice(0, HASH_DIGITS);
}

/** A request, as shown to the second operator. */
export interface ShownRequest {
  readonly hash: Buffer;
  readonly request: ApprovalRequest;
}

/**
 * The request with this hash (its first digits or all of them), if this operator may approve it now. Throws a
 * RegisterError: "unknown" if there is no such request, otherwise "approval".
 */
export async function requestToApprove({ db, at, register }: Change, hash: string): Promise<ShownRequest> {
  const row = await rowOf(db, hash);
  const request = requestIn(row);
  const name = shortOf(row.hash);
  const refuse = (why: string) => new RegisterError(`${name}: ${why}`, "approval", NEW_REQUEST);
  if (!request) throw refuse("the request was changed after it was written; run the command again for a new one");
  if (request.register !== register.id.toString("hex"))
    throw refuse("the request belongs to another register; run the command again for a new one");
  const over = endOf(row);
  if (over !== undefined) throw refuse(`the approval ${over}`);
  if (at >= request.expires) throw refuse("the request has expired; run the command again for a new one");
  if (row.approved_by !== null) throw refuse(`it was approved already, by ${row.approved_by}`);
  if (request.askedBy === nameOf(register.actor))
    throw refuse("operators cannot approve their own requests; ask another operator");
  const now = await cardsNow(
    db,
    request.cards.map(({ serial }) => serial),
  );
  const changed = changedCard(request.cards, now);
  if (changed !== undefined) throw refuse(`${changed}; run the command again for a new request`);
  return { hash: row.hash, request };
}

async function rowOf(db: Kysely<Tables>, hash: string): Promise<Row> {
  const digits = hash.toLowerCase();
  if (!HASH.test(digits))
    throw new UsageError(`a hash has ${HASH_DIGITS} hexadecimal digits or more; copy it as it was printed`);
  const rows = await db.selectFrom("approvals").selectAll().execute();
  const [row, ...more] = rows.filter((each) => each.hash.toString("hex").startsWith(digits));
  if (row && more.length === 0) return row;
  throw new RegisterError(
    `${digits}: the register has no such request, or more than one; give more digits of the hash`,
    "unknown",
    NEW_REQUEST,
  );
}

/** Signs the request. The register must have been opened by an operator. */
export async function approve(one: Change, hash: string): Promise<ShownRequest> {
  const { db, register, note } = one;
  const shown = await requestToApprove(one, hash);
  const { actor } = register;
  if (!(actor instanceof Operator))
    throw new RegisterError("there are no operators; enrol them with dsc operator add", "operator");
  const signature = actor.sign(approvalMessage(register, shown.hash));
  const values = { approved_by: actor.name, signature };
  await db.updateTable("approvals").set(values).where("hash", "=", shown.hash).execute();
  const { command, askedBy } = shown.request;
  await note({ action: APPROVE_ACTION, detail: { request: shown.hash.toString("hex"), command, askedBy } });
  return shown;
}
