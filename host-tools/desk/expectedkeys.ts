// Decides which transport keys a card may have and what may be sent under them. Operator and register decide that
// before the card is asked; the card's own claim is only compared with the decision. Every command that opens a secure
// channel uses this file.
//
// K is the master key of --transport, O that of --transport-old, "public" the test keys that everybody knows.
//
//   command     operator  the register has of this card   keysets that may be tried         secrets under them
//   wipe, test  nothing                                   public                            yes
//               K                                         K's                               yes
//   personalize nothing   none, or pending                public                            yes
//               K         none                            public or K's, as the card says   yes
//               K, O      none                            O's                               yes
//               K         pending, PUT KEY not sent       those it had when it was begun    yes
//               K, O      pending, PUT KEY not sent       O's                               yes
//               K         pending, PUT KEY sent           1. K's  2. those it had before    1. yes  2. no
//               K, O      pending, PUT KEY sent           1. K's  2. O's                    1. yes  2. no
//               K         pending, PUT KEY resent         1. K's  2. public                 no
//               K         pending, PUT KEY done           K's                               yes
//               any       done                            none: nothing is sent; with --reseed as pending
//   check       any       keeps the public ones           public                            see below
//               K         pending                         as personalize with K, without --reseed
//               K         done                            K's
//
// check sends no secret under any keys: only a challenge, and four random digits to a card that takes any PIN.
//
// Secrets are the token key, the unlock key and the PIN. If a card was sent its own keys and did not answer, but
// accepts only the old keys, its own keys are sent again. If the old keys are public, an eavesdropper can then read the
// new keys too. So the record is marked `resent` first, and no secret is sent to the card from then on: a card that
// lacks the secrets is refused. If an imported old seed file does not record the progress of PUT KEY, it counts as
// sent.

import type { CardStatus } from "../card/cardclient.js";
import { AuthenticationFailed } from "../card/errors.js";
import {
  diversificationData,
  diversify,
  type Keyset,
  type Master,
  PUBLIC_KVN,
  testKeys,
  wipeKeyset,
} from "../card/transportkeys.js";
import { UsageError, WrongCard } from "../files/errors.js";
import type { CardRecord } from "./keyregister.js";

/** The card's report about its transport keys. */
export type Claims = Pick<CardStatus, "serial" | "kvn" | "testKeys">;

/** Keys that a card may have. */
interface Candidate {
  /** The master key of the card's own keys; undefined: the public test keys. */
  readonly master: Master | undefined;
  /** The serial number that the keys are derived from; default: the one that the card reports. */
  readonly serial?: string;
  /** The version of the keys; default: the one that the card reports. */
  readonly kvn?: number | undefined;
  /** Whether token key, unlock key and PIN may be sent under these keys. */
  readonly secrets: boolean;
  /** Whether they may be sent under the keys that replace these. */
  readonly secretsAfter: boolean;
}

/** The keys that are expected of a card before it is asked. */
export interface Expected {
  readonly candidates: readonly Candidate[];
  /** How to choose among several candidates: take the one that the card claims, or try each in turn. */
  readonly choice: "claimed" | "tried";
  /** Who states the expectation, and what to do if the card contradicts it; for errors. */
  readonly source: string;
  readonly remedy: string;
}

/** Keys to try. Wipe them after use. */
export interface ExpectedKeyset {
  readonly keyset: Keyset;
  readonly isPublic: boolean;
  readonly secrets: boolean;
  readonly secretsAfter: boolean;
}

/** The operator's statements about a card to personalize. */
export interface Operator {
  readonly serial: string;
  readonly transport?: Master | undefined;
  readonly transportOld?: Master | undefined;
}

const PUBLIC: Candidate = { master: undefined, secrets: true, secretsAfter: true };

const own = (master: Master): Candidate => ({ master, secrets: true, secretsAfter: true });

const withoutSecrets = (candidate: Candidate): Candidate => ({ ...candidate, secrets: false, secretsAfter: false });

/** For wipe and test: with a master key the card has its own keys, without one the public keys. */
export function expectedOf(master: Master | undefined): Expected {
  const saying = (source: string, remedy: string) => ({ choice: "tried", source, remedy }) as const;
  if (!master) return { candidates: [PUBLIC], ...saying("without --transport", GIVE_TRANSPORT) };
  return { candidates: [own(master)], ...saying("with --transport", "if it never had any, leave out --transport") };
}

/** For personalize: from the operator's statements and the record of this card in the register `name`. */
export function expectedFor(operator: Operator, record: CardRecord | undefined, name: string): Expected {
  const { transport, transportOld } = operator;
  if (!transport) return expectedOf(undefined);
  if (record?.keyset !== undefined) return expectedByRecord(operator, transport, record, name);
  if (transportOld) {
    const remedy = "if it never had any, leave out --transport-old";
    return { candidates: [own(transportOld)], choice: "tried", source: "with --transport-old", remedy };
  }
  return { candidates: [PUBLIC, own(transport)], choice: "claimed", source: "with --transport", remedy: GIVE_OLD };
}

/** The register's record of a card's transport keys. */
export type Registered = Pick<CardRecord, "serial" | "state" | "keyset" | "rotation">;

/**
 * For check: from the register `name` alone. `transport`: required if the register says that the card has its own keys.
 */
export function expectedByRegister(registered: Registered, transport: Master | undefined, name: string): Expected {
  const { serial, keyset } = registered;
  const saying = { choice: "tried", source: `by ${name}`, remedy: "put it aside" } as const;
  if (keyset === undefined) return { candidates: [PUBLIC], ...saying };
  if (!transport)
    throw new UsageError(
      `${name}: has ${serial} with transport keys of its own; give their master key with --transport`,
    );
  // For a card that is done, the way in which it got its keys does not matter.
  const { state, rotation } = registered;
  const settled = state === "done" ? ({ before: "own", putKey: "done" } as const) : rotation;
  return { ...expectedByRecord({ serial }, transport, { ...registered, rotation: settled }, name), ...saying };
}

function expectedByRecord(
  { serial, transportOld }: Operator,
  transport: Master,
  { keyset, rotation, state }: Registered,
  name: string,
): Expected {
  const has = state === "done" ? (transportOld ?? transport) : transport;
  const wanted = { ...own(has), serial, kvn: keyset };
  const old = transportOld ? [own(transportOld)] : oldKeys(transport, rotation?.before);
  const byProgress = {
    unsent: old,
    sent: [wanted, ...old.map((candidate) => ({ ...candidate, secrets: false, secretsAfter: !isPublic(candidate) }))],
    resent: [wanted, ...old].map(withoutSecrets),
    done: [wanted],
  } as const;
  return {
    candidates: byProgress[rotation?.putKey ?? "sent"],
    choice: "tried",
    source: `by ${name}`,
    remedy: "if this is the card, wipe it and give it new keys with --reseed",
  };
}

/** If a record (of an old seed file) does not say which keys the card had before, both are possible. */
function oldKeys(transport: Master, before: "public" | "own" | undefined): Candidate[] {
  if (before === "public") return [PUBLIC];
  return before === "own" ? [own(transport)] : [own(transport), PUBLIC];
}

const GIVE_TRANSPORT = "give their master key with --transport";
const GIVE_OLD = "give their master key with --transport-old";

/**
 * The keysets to try, in order; at least one. Throws AuthenticationFailed if the card claims other keys than expected;
 * nothing has been sent then.
 */
export function keysetsFor(expected: Expected, claims: Claims): ExpectedKeyset[] {
  return candidatesFor(expected, claims).map((candidate) => expectedKeyset(candidate, claims));
}

/** Throws under the same conditions as keysetsFor. */
export function refuseOtherClaims(expected: Expected, claims: Claims): void {
  candidatesFor(expected, claims);
}

function candidatesFor(expected: Expected, claims: Claims): Candidate[] {
  const { candidates, choice } = expected;
  const fitting = candidates.filter((candidate) => fits(candidate, claims));
  const first = candidates[0];
  // If keys are tried in turn, the first are tried whatever the card claims.
  if (choice === "tried" && candidates.length > 1 && first) return [...new Set([first, ...fitting])];
  if (fitting.length === 0) throw claimsOthers(expected, claims);
  return fitting;
}

/** The only keyset that may be tried. */
export function keysetFor(expected: Expected, claims: Claims): Keyset {
  const [first, ...others] = keysetsFor(expected, claims);
  for (const { keyset } of others) wipeKeyset(keyset);
  if (!first || others.length > 0) throw new Error("several keysets are expected");
  return first.keyset;
}

function isPublic({ master }: Candidate): boolean {
  return master === undefined;
}

export function claimsPublic({ kvn, testKeys }: Claims): boolean {
  return testKeys && kvn === PUBLIC_KVN;
}

/** A card whose key version contradicts its test-key flag counts as having neither kind of keys. */
function claimsOwn({ kvn, testKeys }: Claims): boolean {
  return !testKeys && kvn !== PUBLIC_KVN;
}

function fits({ master, kvn }: Candidate, claims: Claims): boolean {
  if (!master) return claimsPublic(claims);
  return claimsOwn(claims) && (kvn === undefined || kvn === claims.kvn);
}

function expectedKeyset(candidate: Candidate, claims: Claims): ExpectedKeyset {
  const { master, serial, kvn, secrets, secretsAfter } = candidate;
  const may = { isPublic: isPublic(candidate), secrets, secretsAfter };
  if (!master) return { keyset: testKeys(), ...may };
  const from = serial ?? claims.serial;
  if (from === undefined)
    throw new WrongCard("the card has transport keys of its own but no serial number to derive them from");
  return { keyset: derivedKeys(master, from, kvn ?? claims.kvn), ...may };
}

/** The keys of the card with that serial number. */
export function derivedKeys(master: Master, serial: string, kvn: number): Keyset {
  return diversify(master, diversificationData(serial), kvn);
}

function claimsOthers({ candidates, source, remedy }: Expected, claims: Claims): AuthenticationFailed {
  const said = candidates.map(describeCandidate).join(" or ");
  return new AuthenticationFailed(
    `the card says that it has ${describeClaims(claims)}; ${source} it must have ${said}: nothing was sent; ${remedy}`,
  );
}

function describeCandidate({ master, kvn }: Candidate): string {
  if (!master) return "the public test keys";
  return kvn === undefined ? "transport keys of its own" : `transport keys of its own, version ${kvn}`;
}

/** The transport keys that the card claims, in words for people. */
export function describeClaims(claims: Claims): string {
  if (claimsPublic(claims)) return "the public test keys";
  if (claimsOwn(claims)) return `transport keys of its own, version ${claims.kvn}`;
  return `transport keys that contradict its key version (${claims.kvn})`;
}
