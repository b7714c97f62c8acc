// Plans what to do with one card, from the request, the card's status and the register's record. Nothing is changed
// here.
//
//   the register has       the card            action   keys
//   nothing                any                 seed     drawn, or given
//   pending, this card     has them            resume   none is sent again
//                          is blank, answered  refused: a false card
//                          otherwise           resume   drawn keys are drawn again, a given key is sent again
//   done, this card        personalized        nothing; with --reseed: seed
//   anything, other card   any                 refused; with --reseed: seed

import { LOW_BATTERY } from "../card/battery.js";
import type { CardStatus } from "../card/cardclient.js";
import { AuthenticationFailed } from "../card/errors.js";
import { HIGHEST_KVN, type Keyset, LOWEST_KVN, wipeKeyset } from "../card/transportkeys.js";
import {
  claimsPublic,
  derivedKeys,
  type ExpectedKeyset,
  expectedFor,
  keysetsFor,
  refuseOtherClaims,
} from "./expectedkeys.js";
import { type CardRecord, isBoundTo, isStored, type KeyRegister, type UnboundRecord } from "./keyregister.js";
import {
  masterCheck,
  refuseAnotherCard,
  refuseEmptyBattery,
  refuseFalseCard,
  refuseFirmware,
  refuseOtherKeyset,
  refuseOtherMaster,
  refuseOtherRecord,
  refuseOtherSerial,
  refusePersonalized,
  refuseSuite,
  refuseUnfinished,
} from "./refusals.js";
import type { Request } from "./request.js";

export type Step = "channel" | WorkStep;
export type WorkStep = "keep" | "store" | "prove" | "rotate" | "finish" | "mark";

/** The work to do if the card has these transport keys. */
export interface Attempt extends ExpectedKeyset {
  /** The card's own keys that it will get. */
  readonly next: Keyset | undefined;
  /** The steps once the channel is open. */
  readonly steps: readonly WorkStep[];
}

export interface Plan {
  /**
   * resume: the register has keys that no finished card has. nothing: card and register both say that the card is done.
   */
  readonly action: "seed" | "resume" | "nothing";
  /** The steps of the first attempt, including the channel. */
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
  /** In this order: the first one whose transport keys the card has is carried out. */
  readonly attempts: readonly Attempt[];
  /** The version of the card's own keys at the end. */
  readonly keyset: number | undefined;
  /** The status that the card reported without a MAC. */
  readonly status: CardStatus;
  /** The register's record of this card. */
  readonly record: CardRecord | undefined;
  /** The record whose keys are used again; undefined: the keys are drawn, or come from the request. */
  readonly kept: CardRecord | undefined;
}

/** Decides what to do. Throws if it must not be done. */
export async function makePlan(request: Request, status: CardStatus, register: KeyRegister): Promise<Plan> {
  refuseFirmware(request, status);
  refuseSuite(request.suite, status.suites);
  refuseOtherSerial(request, status);
  const found = await register.find(request.serial);
  if (found && !isBoundTo(found, status) && !request.reseed) refuseAnotherCard(found, status, register.name);
  const record = isBoundTo(found, status) ? found : undefined;
  const givenUp = found?.state === "done" && !record ? [lossOf(found)] : [];
  if (record) {
    const isDone = isWanted(request, record);
    const becomes = isDone || record.state === "pending";
    refuseOtherMaster(becomes ? request.transport : (request.transportOld ?? request.transport), record, register.name);
    if (isDone) return planNothing(request, status, record, register.name);
    if (record.state === "pending") return planResumption(request, status, record, register.name);
  }
  const plan = planWork(request, status, record, undefined, register.name);
  return { ...plan, warnings: [...givenUp, ...plan.warnings] };
}

/** The finished card that has the serial number so far. */
function lossOf({ serial, cardId, order }: CardRecord | UnboundRecord): string {
  const card = cardId === undefined ? "" : `: those of the card with id ${cardId}`;
  const whose = order === undefined ? "" : `, the card of order ${order}`;
  return `the keys that ${serial} has so far are given up${card}${whose}`;
}

/** A plan without secrets, for people and scripts. */
export function describePlan(request: Request, plan: Plan): object {
  const { serial, suite, pinCheck, tries } = request;
  const { action, steps, warnings, keyset } = plan;
  return { action, serial, suite, pinCheck, tries, keyset: keyset ?? null, steps, warnings };
}

/** Zeroes the transport keys of a plan. */
export function wipePlan({ attempts }: Plan): void {
  for (const { keyset, next } of attempts) {
    wipeKeyset(keyset);
    if (next) wipeKeyset(next);
  }
}

/**
 * Whether the plan needs a PIN that the request does not contain. If the server checks the PIN, the card keeps none.
 */
export function lacksPin({ steps }: Plan, { pinCheck, pin }: Request): boolean {
  return pinCheck === "card" && pin === undefined && (steps.includes("store") || steps.includes("prove"));
}

/**
 * Whether the card is already done as requested and needs no new keys. A change of master key that is complete is not
 * repeated.
 */
function isWanted(request: Request, record: CardRecord): boolean {
  const { reseed, transport, transportOld } = request;
  if (record.state !== "done") return false;
  if (!reseed) return true;
  if (!transport || !transportOld) return false;
  return record.transport === masterCheck(transport) && record.transport !== masterCheck(transportOld);
}

function planNothing(request: Request, status: CardStatus, record: CardRecord, name: string): Plan {
  refuseOtherRecord(request, record, name);
  refuseUnfinished(request, status, name);
  refuseOtherKeyset(request, status, record, name);
  const warnings = status.testKeys ? [KEEPS_TEST_KEYS] : [];
  const { keyset } = record;
  return { action: "nothing", steps: [], warnings, attempts: [], keyset, status, record, kept: record };
}

function planResumption(request: Request, status: CardStatus, record: CardRecord, name: string): Plan {
  refuseOtherRecord(request, record, name);
  refuseFalseCard(record, status, name);
  const isUsed = isStored(record, status) || record.origin === "given";
  return planWork(request, status, record, isUsed ? record : undefined, name);
}

function planWork(
  request: Request,
  status: CardStatus,
  record: CardRecord | undefined,
  kept: CardRecord | undefined,
  name: string,
): Plan {
  const expected = expectedFor(request, record, name);
  refuseOtherClaims(expected, status);
  // If the record says so, the replacement of a personalized card's keys was already under way.
  const replaces = record?.lifeBefore === "personalized" || record?.lifeBefore === "unknown";
  const isMeant = record?.state === "pending" && (replaces || record.storeData === "answered");
  if (!isMeant) refusePersonalized(request, status);
  refuseEmptyBattery(status);
  const keyset = versionFor(request, status, record);
  const attempts = keysetsFor(expected, status).flatMap((each) => attemptsWith(each, request, status, kept, keyset));
  if (attempts.length === 0) throw new AuthenticationFailed(`${name}: ${NOT_STORED}: nothing was sent; ${ANEW}`);
  return {
    action: record?.state === "pending" ? "resume" : "seed",
    steps: ["channel", ...(attempts[0]?.steps ?? [])],
    warnings: warningsFor(request, status, kept),
    attempts,
    keyset,
    status,
    record,
    kept,
  };
}

const NOT_STORED =
  "the card was sent its transport keys twice and did not answer; this card does not report the stored data";
export const ANEW = "if it is that card, wipe it and give it new keys with --reseed";

/** The version of the card's own keyset; undefined if the card gets none. */
function versionFor(
  { serial, transport, transportOld }: Request,
  status: CardStatus,
  record: CardRecord | undefined,
): number | undefined {
  if (!transport) return undefined;
  if (record?.keyset !== undefined && (record.state === "pending" || !transportOld)) return record.keyset;
  if (claimsPublic(status)) return LOWEST_KVN;
  // The keys are derived from the serial number, so another serial number needs other keys.
  const stays = transportOld === undefined && status.serial === serial;
  if (stays) return status.kvn;
  return status.kvn < HIGHEST_KVN ? status.kvn + 1 : LOWEST_KVN;
}

/** The work if the card has the expected keys; undefined if it cannot be finished. */
function attemptsWith(
  expected: ExpectedKeyset,
  request: Request,
  status: CardStatus,
  kept: CardRecord | undefined,
  keyset: number | undefined,
): Attempt[] {
  const { serial, transport } = request;
  const wanted = transport && keyset !== undefined ? derivedKeys(transport, serial, keyset) : undefined;
  const next = wanted && !sameKeyset(wanted, expected.keyset) ? wanted : undefined;
  const stored = kept !== undefined && isStored(kept, status);
  // If no secrets may be sent, the card must have them already.
  if (stored || expected.secretsAfter)
    return [{ ...expected, next, steps: stepsFor(expected, request, status, kept, next) }];
  wipeKeyset(expected.keyset);
  if (next) wipeKeyset(next);
  return [];
}

function sameKeyset(a: Keyset, b: Keyset): boolean {
  const same = (["enc", "mac", "dek"] as const).every((key) => Buffer.compare(a[key], b[key]) === 0);
  return same && a.kvn === b.kvn;
}

function stepsFor(
  { secrets, secretsAfter, isPublic }: ExpectedKeyset,
  request: Request,
  status: CardStatus,
  kept: CardRecord | undefined,
  next: Keyset | undefined,
): WorkStep[] {
  const rotate: WorkStep[] = next ? ["rotate"] : [];
  if (kept && isStored(kept, status)) {
    // The proof needs the PIN, which is a secret; a personalized card has given its proof already.
    const prove: WorkStep[] = secretsAfter && status.life === "seeded" ? ["prove"] : [];
    return secrets ? [...prove, ...rotate, "finish", "mark"] : [...rotate, ...prove, "finish", "mark"];
  }
  const keep: WorkStep[] = kept ? [] : ["keep"];
  // A card's own keys are derived from the serial number that it reports. They must be replaced by the keys of the new
  // serial number before that number is stored: after an interruption in between, the old number would be gone and
  // nobody could derive the card's keys.
  const first = !secrets || (!isPublic && status.serial !== request.serial);
  const seed: WorkStep[] = first ? [...rotate, "store", "prove"] : ["store", "prove", ...rotate];
  return [...keep, ...seed, "finish", "mark"];
}

const KEEPS_TEST_KEYS =
  "the card keeps the public GlobalPlatform test keys: anyone at its contacts can wipe or reseed it (--transport)";

const SEEDED_UNDER_PUBLIC =
  "the card reports the public test keys, with which anybody on the line can read all keys; if it should have " +
  "keys of its own, give their master key with --transport-old";

function warningsFor(request: Request, status: CardStatus, kept: CardRecord | undefined): string[] {
  const { serial, life, battery } = status;
  const warnings: string[] = [];
  const used = !kept && life !== "blank" && claimsPublic(status);
  if (used && request.transport) warnings.push(SEEDED_UNDER_PUBLIC);
  if (!request.transport) warnings.push(KEEPS_TEST_KEYS);
  if (life === "personalized" && !kept) warnings.push(`${serial} was personalized already; its keys are replaced`);
  if (serial !== undefined && serial !== request.serial) warnings.push(`the card was ${serial} before`);
  if (battery < LOW_BATTERY) warnings.push(`the battery is low: ${battery} mV; replace it soon`);
  return warnings;
}
