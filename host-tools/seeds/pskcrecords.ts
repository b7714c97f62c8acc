// The records of a seed file: a card's key packages read and written. What a file is made of stands in pskc.ts.

import type { Document, Element } from "@xmldom/xmldom";
import { SeedFileError } from "../files/errors.js";
import { copyOfSecret } from "../files/secretbytes.js";
import { encrypt, encryptedData, type Keys, macOf, openSecret, TOKEN_KEY_BYTES } from "./pskckeys.js";
import { child, children, integer, maker, need, newLine, quoted, text } from "./pskcxml.js";
import { parseSuite } from "./suite.js";

/** How far a card is: its keys are drawn and kept here (then it is resumed), or they are in the card. */
export type SeedState = "pending" | "done";

/** What the site knows about a card. */
export interface SeedRecord {
  readonly serial: string;
  readonly suite: string;
  /** Who judges the PIN. */
  readonly pinCheck: "card" | "server";
  /** Wrong PINs in a row that lock the card; undefined: not said. */
  readonly tries: number | undefined;
  /** 16 to 64 bytes. */
  readonly key: Buffer;
  /** Undefined: the file has none for this card. */
  readonly unlockKey: Buffer | undefined;
  readonly state: SeedState;
  /** The version of the card's own transport keys, once they are rotated; undefined: not said. */
  readonly keyset: number | undefined;
  /** How the card comes to transport keys of its own; undefined: it gets none, or it is not said. */
  readonly rotation?: Rotation | undefined;
  /** The id of the card that the record was begun on, in hexadecimal; undefined: not said. */
  readonly cardId?: string | undefined;
}

export interface Rotation {
  /** Which transport keys the card had when its record was made: the public test keys, or its own. */
  readonly before: "public" | "own";
  readonly putKey: PutKeyProgress;
}

const PUT_KEY_PROGRESS = ["unsent", "sent", "resent", "done"] as const;
/**
 * Whether the card has its new keys. Sent: that is not known. Resent: nor is it, and they were sent a second time under
 * the public test keys. Done: it answered, or had them before.
 */
export type PutKeyProgress = (typeof PUT_KEY_PROGRESS)[number];

/** RFC 6030 has `iana.` and a registered name here; this one is for documentation (RFC 5612). */
const MANUFACTURER = "iana.Example";
const MODEL = "DSC+";

const OCRA = "urn:ietf:params:xml:ns:keyprov:pskc:ocra";
/** The suite of unlock codes: a lock code is its challenge. */
export const UNLOCK_SUITE = "OCRA-1:HOTP-SHA256-8:QN08";

// Reading records

/** Puts every OCRA key of the file into `records`; keys of other algorithms are no cards of ours and are left alone. */
export function readRecords(
  container: Element,
  keys: Keys,
  records: SeedRecord[],
  unlockKeys: Map<string, Buffer>,
): void {
  const ocraPackages = children(container, "pskc:KeyPackage").filter(isOcra);
  for (const keyPackage of ocraPackages.filter(isUnlock)) {
    unlockKeys.set(serialOf(keyPackage), readSecret(keyPackage, keys));
  }
  const serials = new Set<string>();
  for (const keyPackage of ocraPackages.filter((any) => !isUnlock(any))) {
    const record = readRecord(keyPackage, keys, unlockKeys);
    records.push(record);
    if (serials.has(record.serial)) throw new SeedFileError(`has two cards ${quoted(record.serial)}`);
    serials.add(record.serial);
  }
}

function readRecord(keyPackage: Element, keys: Keys, unlockKeys: Map<string, Buffer>): SeedRecord {
  const outline = readOutline(keyPackage);
  return { ...outline, key: readSecret(keyPackage, keys), unlockKey: unlockKeys.get(outline.serial) };
}

export function readOutline(keyPackage: Element): Omit<SeedRecord, "key" | "unlockKey"> {
  const serial = serialOf(keyPackage);
  const suite = readSuite(keyPackage, serial);
  const pinPolicy = child(policyOf(keyPackage), "pskc:PINPolicy");
  const tries = pinPolicy?.getAttribute("MaxFailedAttempts");
  const mark = findMark(keyPackage);
  const keyset = mark?.getAttribute("KeysetVersion");
  const rotation = readRotation(mark);
  if (rotation && !keyset) throw new SeedFileError(`has a card with transport keys of no version: ${quoted(serial)}`);
  return {
    serial,
    suite,
    // A PIN that goes into the response is for the server to judge (§4.3.4: "Algorithmic").
    pinCheck: parseSuite(suite).pin ? "server" : "card",
    tries: tries ? integer(tries, 1, 255, "MaxFailedAttempts") : undefined,
    // Another tool's file says nothing of it: its cards are in use.
    state: readState(mark?.getAttribute("State") ?? "done"),
    keyset: keyset ? integer(keyset, 1, 127, "KeysetVersion") : undefined,
    ...(rotation && { rotation }),
    ...readCardId(mark),
  };
}

function readRotation(mark: Element | undefined): Rotation | undefined {
  const before = mark?.getAttribute("KeysBefore");
  if (!before) return undefined;
  const putKey = mark?.getAttribute("PutKey") ?? "";
  const known = (before === "public" || before === "own") && isPutKeyProgress(putKey);
  if (!known) throw new SeedFileError(`has a card with unknown transport keys: ${quoted(`${before}, ${putKey}`)}`);
  return { before, putKey };
}

function readCardId(mark: Element | undefined): Pick<SeedRecord, "cardId"> {
  const cardId = mark?.getAttribute("CardId");
  if (!cardId) return {};
  if (!/^[0-9a-f]{16}$/.test(cardId)) throw new SeedFileError(`has a card with an id that is none: ${quoted(cardId)}`);
  return { cardId };
}

function isPutKeyProgress(text: string): text is PutKeyProgress {
  return PUT_KEY_PROGRESS.some((known) => known === text);
}

function readSuite(keyPackage: Element, serial: string): string {
  const suite = text(need(need(keyOf(keyPackage), "pskc:AlgorithmParameters"), "pskc:Suite"));
  try {
    parseSuite(suite);
  } catch {
    throw new SeedFileError(`${quoted(serial)}: ${quoted(suite)} is no OCRA suite`);
  }
  return suite;
}

function readSecret(keyPackage: Element, keys: Keys): Buffer {
  const secret = need(need(keyOf(keyPackage), "pskc:Data"), "pskc:Secret");
  return openSecret(secret, keys, quoted(serialOf(keyPackage)));
}

function readState(state: string): SeedState {
  if (state !== "pending" && state !== "done") throw new SeedFileError(`has a card in state ${quoted(state)}`);
  return state;
}

export function serialOf(keyPackage: Element): string {
  const serial = child(child(keyPackage, "pskc:DeviceInfo"), "pskc:SerialNo");
  // DeviceInfo may be missing (§4.3); the Id of a key is always there.
  const name = serial ? text(serial) : (keyOf(keyPackage)?.getAttribute("Id") ?? "");
  if (!isSerial(name)) throw new SeedFileError(`has a card with no usable serial number: ${quoted(name)}`);
  return name;
}

/** Serial numbers are shown to people: printable, and not endless. */
function isSerial(text: string): boolean {
  return /^[!-~]([ -~]{0,62}[!-~])?$/.test(text);
}

/** The packages of a card: its token key, and perhaps its unlock key. */
export function packagesOf(container: Element, serial: string): Element[] {
  return children(container, "pskc:KeyPackage").filter((any) => isOcra(any) && serialOf(any) === serial);
}

function keyOf(keyPackage: Element): Element | undefined {
  return child(keyPackage, "pskc:Key");
}

function policyOf(keyPackage: Element): Element | undefined {
  return child(keyOf(keyPackage), "pskc:Policy");
}

export function isOcra(keyPackage: Element): boolean {
  return keyOf(keyPackage)?.getAttribute("Algorithm") === OCRA;
}

export function isUnlock(keyPackage: Element): boolean {
  return children(policyOf(keyPackage), "pskc:KeyUsage").some((usage) => text(usage) === "Unlock");
}

// Writing records

/** Adds the packages of a card after the last one of the container. */
export function appendRecord(document: Document, container: Element, record: SeedRecord, keys: Keys): Element[] {
  checkRecord(record);
  const packages = [tokenPackage(document, record, keys)];
  if (record.unlockKey) packages.push(unlockPackage(document, record.serial, record.unlockKey, keys));
  const last = children(container, "pskc:KeyPackage").at(-1);
  const next = last ? last.nextSibling : null;
  for (const added of packages) {
    if (last) container.insertBefore(document.createTextNode(newLine(1)), next);
    container.insertBefore(added, next);
  }
  return packages;
}

/** What cannot be read back is not written. */
function checkRecord(record: SeedRecord): void {
  if (!isSerial(record.serial))
    throw new SeedFileError(`cannot keep a card with serial number ${quoted(record.serial)}`);
  const { least, most } = TOKEN_KEY_BYTES;
  const sizes = [record.key.length, record.unlockKey?.length ?? most];
  if (sizes.some((size) => size < least || size > most))
    throw new SeedFileError(`cannot keep a key that has not ${least} to ${most} bytes`);
  if ((record.pinCheck === "server") !== (parseSuite(record.suite).pin !== undefined))
    throw new SeedFileError(`cannot keep a card whose PIN check (${record.pinCheck}) does not fit ${record.suite}`);
}

function tokenPackage(document: Document, record: SeedRecord, keys: Keys): Element {
  const make = maker(document);
  const pinPolicy = make("pskc:PINPolicy", {
    MaxFailedAttempts: record.tries,
    MaxLength: 4,
    MinLength: 4,
    PINEncoding: "DECIMAL",
    // §4.3.4: checked on the device, or part of the computation.
    PINUsageMode: record.pinCheck === "card" ? "Local" : "Algorithmic",
  });
  const key = make(
    "pskc:Key",
    { Algorithm: OCRA, Id: record.serial },
    algorithmParameters(document, record.suite),
    secretData(document, record.key, keys),
    make("pskc:Policy", {}, pinPolicy, make("pskc:KeyUsage", {}, "CR")),
  );
  const { state, keyset, rotation, cardId } = record;
  const mark = make("dsc:Personalization", {
    State: state,
    KeysetVersion: keyset,
    KeysBefore: rotation?.before,
    PutKey: rotation?.putKey,
    CardId: cardId,
  });
  return make("pskc:KeyPackage", {}, deviceInfo(document, record.serial), key, make("pskc:Extensions", {}, mark));
}

function unlockPackage(document: Document, serial: string, unlockKey: Buffer, keys: Keys): Element {
  const make = maker(document);
  const key = make(
    "pskc:Key",
    { Algorithm: OCRA, Id: `${serial}-unlock` },
    algorithmParameters(document, UNLOCK_SUITE),
    secretData(document, unlockKey, keys),
    make("pskc:Policy", {}, make("pskc:KeyUsage", {}, "Unlock")),
  );
  return make("pskc:KeyPackage", {}, deviceInfo(document, serial), key);
}

function deviceInfo(document: Document, serial: string): Element {
  const make = maker(document);
  return make(
    "pskc:DeviceInfo",
    {},
    make("pskc:Manufacturer", {}, MANUFACTURER),
    make("pskc:SerialNo", {}, serial),
    make("pskc:Model", {}, MODEL),
  );
}

function algorithmParameters(document: Document, suite: string): Element {
  const make = maker(document);
  const { challenge, digits } = parseSuite(suite);
  return make(
    "pskc:AlgorithmParameters",
    {},
    make("pskc:Suite", {}, suite),
    make("pskc:ChallengeFormat", { Encoding: "DECIMAL", Max: challenge, Min: challenge }),
    make("pskc:ResponseFormat", { Encoding: "DECIMAL", Length: digits }),
  );
}

function secretData(document: Document, key: Buffer, keys: Keys): Element {
  const make = maker(document);
  const value = encrypt(key, keys.encryption);
  const encrypted = make("pskc:EncryptedValue", {}, ...encryptedData(document, value));
  const mac = make("pskc:ValueMAC", {}, macOf(value, keys).toString("base64"));
  return make("pskc:Data", {}, make("pskc:Secret", {}, encrypted, mac));
}

/** Where a package says how far its card is: in one of its Extensions, of which another tool may have some. */
function findMark(keyPackage: Element): Element | undefined {
  const extensions = children(keyPackage, "pskc:Extensions");
  return extensions.flatMap((any) => children(any, "dsc:Personalization"))[0];
}

/** The same; made where it is not. */
export function markOf(document: Document, keyPackage: Element): Element {
  const found = findMark(keyPackage);
  if (found) return found;
  const make = maker(document);
  const mark = make("dsc:Personalization", {});
  keyPackage.appendChild(make("pskc:Extensions", {}, mark));
  return mark;
}

/** Wipe its keys after use. */
export function copyOf(record: SeedRecord): SeedRecord {
  return { ...record, key: copyOfSecret(record.key), unlockKey: record.unlockKey && copyOfSecret(record.unlockKey) };
}
