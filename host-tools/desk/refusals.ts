// Refuses personalizations before anything is changed, each with one line that says why and what to do.

import { EMPTY_BATTERY } from "../card/battery.js";
import type { CardStatus, SuiteSupport } from "../card/cardclient.js";
import { AuthenticationFailed } from "../card/errors.js";
import { type Master, masterKcv } from "../card/transportkeys.js";
import { FileError, WrongCard } from "../files/errors.js";
import { parseSuite } from "../seeds/suite.js";
import { claimsPublic, describeClaims } from "./expectedkeys.js";
import type { CardRecord, UnboundRecord } from "./keyregister.js";
import type { Request } from "./request.js";

const WHICH_CARD =
  "Check which card is on the port with dsc info, and what the register has for it with dsc card show.";

export function refuseSuite(text: string, { hashes, pinHashes, digits, challenge }: SuiteSupport): void {
  const suite = parseSuite(text);
  const sizesFit = suite.digits === digits && suite.format === "N" && suite.challenge === challenge;
  const hashesFit = hashes.includes(suite.hash) && (!suite.pin || pinHashes.includes(suite.pin));
  if (!sizesFit || !hashesFit || suite.counter || suite.session || suite.step)
    throw new WrongCard(`the card does not support ${text}`);
}

/** Refuses firmware without a card id, by which cards are told apart, and development images. */
export function refuseFirmware({ allowDevelopment }: Request, { id, kind }: CardStatus): void {
  if (id === undefined)
    throw new WrongCard(
      "this card has no card id, since its firmware is of the first release; it can be read and wiped; put newer firmware " +
        "on it to personalize it",
    );
  if (kind === "development" && !allowDevelopment)
    throw new WrongCard(
      "this card is a development image: anybody at its contacts can read and erase it; put a production image on " +
        "it, or insist with --allow-development",
    );
}

/**
 * A card's own keys are derived from the serial number that it reports. A card must not choose its keys by reporting
 * another number.
 */
export function refuseOtherSerial({ serial, reseed }: Request, status: CardStatus): void {
  const isFree = status.life === "blank" && claimsPublic(status);
  if (status.serial === undefined || status.serial === serial || isFree || reseed) return;
  throw new WrongCard(
    `this card is ${status.serial}, not ${serial}; put in the card that is meant; only --reseed gives this one that ` +
      "number, and then its keys are replaced",
  );
}

/** Without this, two cards would have one serial number, and the keys of one of them would be lost. */
export function refuseAnotherCard(record: CardRecord | UnboundRecord, { id }: CardStatus, name: string): void {
  const { serial, state, cardId } = record;
  const bound = cardId === undefined ? "bound to no card" : `bound to the card with id ${cardId}`;
  throw new FileError(
    `${name}: has ${serial} as ${state}, ${bound}, and this card has the id ${id}; check which card is on the ` +
      `port (a wiped card counts as a new one), or ${otherwise(record)}`,
    "exists",
    WHICH_CARD,
  );
}

/** The user of an order has its card, and new keys for another card would end that one. */
function otherwise({ state, order }: CardRecord | UnboundRecord): string {
  if (order === undefined || state === "pending") return "give this one new keys with --reseed";
  return `take another serial number (--next): this one is the card of order ${order}, which gets another card with dsc order add --again ${order}`;
}

/** A card that confirmed STORE DATA cannot be blank with the same id: a wipe gives it a new id. */
export function refuseFalseCard(
  { serial, storeData }: Pick<CardRecord, "serial" | "storeData">,
  { life }: Pick<CardStatus, "life">,
  name: string,
): void {
  if (life !== "blank" || storeData !== "answered") return;
  throw new AuthenticationFailed(
    `this card claims to be blank, but has the id of the card that took the keys of ${serial} (${name}): it is a ` +
      "false card; nothing was sent; put it aside",
  );
}

/** Protects a working card from being seeded again by mistake. */
export function refusePersonalized({ reseed }: Request, { life, serial }: CardStatus): void {
  if (life !== "personalized" || reseed) return;
  throw new WrongCard(
    `${serial} is personalized: its keys and PIN would be replaced; if that is meant, insist with --reseed`,
  );
}

/** Without this, keys would be recorded for a card that cannot take them. */
export function refuseEmptyBattery({ battery }: CardStatus): void {
  if (battery < EMPTY_BATTERY)
    throw new WrongCard(`the battery is empty: ${battery} mV, and ${EMPTY_BATTERY} mV are needed; put in a fresh one`);
}

/**
 * A master key that contradicts the record is refused before the card is asked, since the card answers wrong keys ever
 * more slowly.
 */
export function refuseOtherMaster(
  master: Master | undefined,
  record: Pick<CardRecord, "serial" | "transport">,
  name: string,
): void {
  if (record.transport === undefined || !master || masterCheck(master) === record.transport) return;
  throw new AuthenticationFailed(
    `${name}: has ${record.serial} with transport keys of the master key with the check value ${record.transport}, ` +
      `and this one has ${masterCheck(master)}; nothing was sent; give that master key`,
  );
}

/** The check value of a master key, in hexadecimal. */
export function masterCheck(master: Master): string {
  return masterKcv(master).toString("hex");
}

/** A record can be resumed only with the same arguments. */
export function refuseOtherRecord(request: Request, record: CardRecord, name: string): void {
  const { suite, tries, key, transport } = request;
  const differences = [
    record.suite !== suite && `suite (${record.suite}, not ${suite})`,
    record.tries !== tries && `tries (${record.tries}, not ${tries})`,
    key !== undefined && !record.key.equals(key) && "key",
    record.state === "pending" && (record.keyset === undefined) !== (transport === undefined) && otherTransport(record),
  ].filter((difference) => difference !== false);
  if (differences.length === 0) return;
  const what = record.state === "done" ? "has that card already" : "has a pending record of that card";
  const remedy = record.state === "done" ? "give the same, or insist on new keys with --reseed" : "give the same";
  throw new FileError(`${name}: ${what}, with another ${differences.join(" and ")}; ${remedy}`);
}

function otherTransport({ keyset }: CardRecord): string {
  return `transport (${keyset === undefined ? "none: leave --transport out" : "its own: give --transport"})`;
}

/** If the register says that the card is done, the card must say so too. */
export function refuseUnfinished({ serial, suite }: Request, status: CardStatus, name: string): void {
  if (status.serial === serial && status.life === "personalized" && status.suite === suite) return;
  throw new FileError(
    `${name}: has ${serial} as done, but this card is ${describeCard(status)}; check --serial ` +
      "(to seed this card again: --reseed)",
    "exists",
    WHICH_CARD,
  );
}

function describeCard({ serial, life, suite }: CardStatus): string {
  return [serial ?? "without a serial number", life, ...(suite ? [suite] : [])].join(", ");
}

/**
 * If nothing is left to do, the card must have the transport keys of the record, and these must be the requested keys.
 */
export function refuseOtherKeyset(request: Request, status: CardStatus, { keyset }: CardRecord, name: string): void {
  const told = keyset === undefined ? "without transport keys of its own" : `with transport keys of version ${keyset}`;
  const has = `${name}: has ${request.serial} as done ${told}`;
  if (keyset === undefined && request.transport)
    throw new FileError(`${has}; to give it some, personalize it again with --reseed`, "exists", WHICH_CARD);
  const isTold = keyset === undefined ? claimsPublic(status) : !status.testKeys && status.kvn === keyset;
  if (isTold) return;
  throw new AuthenticationFailed(`${has}, but the card claims ${describeClaims(status)}; put it aside`);
}
