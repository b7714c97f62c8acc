// The state of a card as its users see it, which a power cut must not corrupt.

import type { PersonalizationRecord } from "../../../host-tools/card/cardclient.js";
import { type Keyset, testKeys } from "../../../host-tools/card/transportkeys.js";
import { DEMO } from "../../../sim/session/demo.js";

/** Wrong unlock codes that block a card (docs/CARD.md). */
export const CODES = 5;

export interface Situation {
  readonly life: "blank" | "seeded" | "personalized";
  /** Whose keys it holds: a name of OWNERS. */
  readonly owner?: string;
  readonly pin?: string;
  /** Wrong PINs that lock it. */
  readonly tries: number;
  /** Wrong PINs left; 0: locked. */
  readonly left: number;
  /** Wrong unlock codes left; 0: blocked. */
  readonly codes: number;
  /** The version of its transport keys. */
  readonly kvn: number;
  readonly serial: string;
}

/** A card that has not been personalized. */
export const BLANK: Situation = { life: "blank", tries: 0, left: 0, codes: 0, kvn: 0xff, serial: "" };

/** Records that share nothing. */
const OLD: PersonalizationRecord = { ...DEMO };
const NEW: PersonalizationRecord = {
  ...DEMO,
  serial: "IB3000002",
  pin: "6250",
  key: DEMO.key.map((byte) => byte ^ 0xa5),
  unlockKey: DEMO.unlockKey.map((byte) => 255 - byte),
};
const SITE: PersonalizationRecord = {
  ...DEMO,
  serial: "IB3000004",
  suite: "OCRA-1:HOTP-SHA256-8:QN06-PSHA1",
  pinCheck: "server",
  key: DEMO.key.map((byte) => byte ^ 0x3c),
  unlockKey: DEMO.unlockKey.map((byte) => byte ^ 0x3c),
};
export const OWNERS: Readonly<Record<string, PersonalizationRecord>> = { old: OLD, new: NEW, site: SITE };

/** The PIN of a card whose site checks it. */
export const ANY = "any";

/** All PINs that a flow gives a card. */
export const PINS = [OLD.pin, NEW.pin, "7394", "9146"] as const;

/** The record that made a situation's card. */
export function recordOf({ owner, tries }: Pick<Situation, "owner" | "tries">): PersonalizationRecord {
  const record = OWNERS[owner ?? ""];
  if (!record) throw new Error(`${owner}: no such owner`);
  return { ...record, tries };
}

/** A card that was just seeded with an owner's record. */
export function seededWith(owner: string, tries: number, kvn: number): Situation {
  const record = recordOf({ owner, tries });
  const pin = record.pinCheck === "server" ? ANY : record.pin;
  const { serial } = record;
  return { life: "seeded", owner, pin, tries, left: tries, codes: CODES, kvn, serial };
}

/** The transport keys of a version. */
export function keysOf(kvn: number): Keyset {
  if (kvn === 0xff) return testKeys();
  const key = (use: number) => new Uint8Array(16).fill(16 * kvn + use);
  return { kvn, enc: key(1), mac: key(2), dek: key(3) };
}

/**
Describes the situation in one line; equal lines mean equal situations. A locked card's PIN is left out, since it has
none.
*/
export function lineOf({ life, owner, pin, tries, left, codes, kvn, serial }: Situation): string {
  const keys = `kvn ${kvn} serial ${serial || "none"}`;
  if (life === "blank") return `blank ${keys}`;
  const holds = codes === 0 ? "blocked" : `${owner} key, ${left ? `PIN ${pin}` : "locked"}`;
  return `${life} ${holds}, ${left} of ${tries} tries, ${codes} codes, ${keys}`;
}
