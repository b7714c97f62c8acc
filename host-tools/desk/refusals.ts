// What personalization refuses before anything is changed, each with one line that says why and what to do.

import { EMPTY_BATTERY } from "../card/battery.js";
import type { CardStatus, SuiteSupport } from "../card/cardclient.js";
import { AuthenticationFailed } from "../card/scp03.js";
import { type Master, masterKcv } from "../card/transportkeys.js";
import { WrongCard } from "../files/errors.js";
import { FileError } from "../files/files.js";
import { parseSuite } from "../seeds/suite.js";
import { claimsPublic, describeClaims } from "./expectedkeys.js";
import type { CardRecord, UnboundRecord } from "./keyregister.js";
import type { Request } from "./request.js";

export function refuseSuite(text: string, { hashes, pinHashes, digits, challenge }: SuiteSupport): void {
  const suite = parseSuite(text);
  const sizesFit = suite.digits === digits && suite.format === "N" && suite.challenge === challenge;
  const hashesFit = hashes.includes(suite.hash) && (!suite.pin || pinHashes.includes(suite.pin));
  if (!sizesFit || !hashesFit || suite.counter || suite.session || suite.step)
    throw new WrongCard(`the card does not do ${text}`);
}

/** What a card runs in, and whether it has an id by which another one is told from it. */
export function refuseFirmware({ allowDevelopment }: Request, { id, kind }: CardStatus): void {
  if (id === undefined)
    throw new WrongCard(
      "this card has no card id, its firmware is of the first release: it can be read and wiped; put a newer firmware " +
        "on it to personalize it",
    );
  if (kind === "development" && !allowDevelopment)
    throw new WrongCard(
      "this card is a development image: whoever is at its contacts can read and blank it; put a production image on " +
        "it, or insist with --allow-development",
    );
}

/** A card's own keys are derived from the serial number that it claims: it is not the card's to choose them. */
export function refuseOtherSerial({ serial, reseed }: Request, status: CardStatus): void {
  const isFree = status.life === "blank" && claimsPublic(status);
  if (status.serial === undefined || status.serial === serial || isFree || reseed) return;
  throw new WrongCard(`this card is ${status.serial}, not ${serial}; to make it that one, insist with --reseed`);
}

/** Otherwise two cards would have one serial number, and one of them keys that nobody looks for. */
export function refuseAnotherCard(record: CardRecord | UnboundRecord, { id }: CardStatus, name: string): void {
  const { serial, state, cardId } = record;
  const bound = cardId === undefined ? "bound to no card" : `bound to the card with id ${cardId}`;
  throw new FileError(
    `${name}: has ${serial} as ${state}, ${bound}, and this is another one, with id ${id}; look which card is on the ` +
      "port (a card that was wiped is a new one), or give this one new keys with --reseed",
    "exists",
  );
}

/** A card that answered STORE DATA cannot be blank: a wipe gives it a new id. */
export function refuseFalseCard({ serial, storeData }: CardRecord, { life }: CardStatus, name: string): void {
  if (life !== "blank" || storeData !== "answered") return;
  throw new AuthenticationFailed(
    `this card says that it is blank, and has the id of the one that took the keys of ${serial} (${name}): it is a ` +
      "false card; nothing was sent; put it aside",
  );
}

/** A card that works is not made anew by mistake. */
export function refusePersonalized({ reseed }: Request, { life, serial }: CardStatus): void {
  if (life !== "personalized" || reseed) return;
  throw new WrongCard(
    `${serial} is personalized: its keys and PIN would be replaced; if that is meant, insist with --reseed`,
  );
}

/** Otherwise keys would be kept for a card that cannot take them. */
export function refuseEmptyBattery({ battery }: CardStatus): void {
  if (battery < EMPTY_BATTERY)
    throw new WrongCard(`the battery is empty: ${battery} mV, and ${EMPTY_BATTERY} are needed; put in a fresh one`);
}

/**
 * A wrong master key of the transport keys that the card has, or is to have by its record, is refused before the card is
 * asked: it answers wrong keys ever more slowly.
 */
export function refuseOtherMaster(
  master: Master | undefined,
  record: Pick<CardRecord, "serial" | "transport">,
  name: string,
): void {
  if (record.transport === undefined || !master || masterCheck(master) === record.transport) return;
  throw new AuthenticationFailed(
    `${name}: has ${record.serial} with transport keys of the master key with the check value ${record.transport}, ` +
      `and this one has ${masterCheck(master)}: nothing was sent; give that master key`,
  );
}

/** The check value of a master key, in hexadecimal. */
export function masterCheck(master: Master): string {
  return masterKcv(master).toString("hex");
}

/** A record that is resumed must be what the same arguments would make. */
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

/** The register says that the card is done: so must the card. */
export function refuseUnfinished({ serial, suite }: Request, status: CardStatus, name: string): void {
  if (status.serial === serial && status.life === "personalized" && status.suite === suite) return;
  throw new FileError(
    `${name}: has ${serial} as done, but this card is ${describeCard(status)}; look at --serial ` +
      "(to seed this card anew: --reseed)",
    "exists",
  );
}

function describeCard({ serial, life, suite }: CardStatus): string {
  return [serial ?? "without a serial number", life, ...(suite ? [suite] : [])].join(", ");
}

/** Where nothing would be done, the card must have the transport keys that the register tells of, and were asked for. */
export function refuseOtherKeyset(request: Request, status: CardStatus, { keyset }: CardRecord, name: string): void {
  const told = keyset === undefined ? "without transport keys of its own" : `with transport keys of version ${keyset}`;
  const has = `${name}: has ${request.serial} as done ${told}`;
  if (keyset === undefined && request.transport)
    throw new FileError(`${has}; to give it some, personalize it anew with --reseed`, "exists");
  const isTold = keyset === undefined ? claimsPublic(status) : !status.testKeys && status.kvn === keyset;
  if (isTold) return;
  throw new AuthenticationFailed(`${has}, and the card says that it has ${describeClaims(status)}; put it aside`);
}
