// Key packages of PSKC (RFC 6030 §4), each with one key, as in exports and in seed files of the first release.

import type { Document, Element } from "@xmldom/xmldom";
import { SeedFileError } from "../files/errors.js";
import {
  encrypt,
  encryptedData,
  type Keys,
  macOf,
  openSecret,
  type SeedSecret,
  TOKEN_KEY_BYTES,
  writeHeader,
} from "./pskckeys.js";
import {
  child,
  children,
  declarations,
  integer,
  maker,
  need,
  newLine,
  parseText,
  quoted,
  rootOf,
  text,
} from "./pskcxml.js";
import { parseSuite, UNLOCK_SUITE } from "./suite.js";
import { userIdOf, userNameIn } from "./userid.js";

/** The purpose of a key: responses, or unlock codes. */
export type KeyField = "token" | "unlock";

/** What a token key's package says about its card. */
export interface TokenCard {
  readonly serial: string;
  readonly suite: string;
  /** Who checks the PIN. */
  readonly pinCheck: "card" | "server";
  /** Wrong PINs in a row that lock the card; undefined: not given. */
  readonly tries: number | undefined;
  /** The user of the card at the site; undefined: not given. */
  readonly userName?: string | undefined;
}

/** RFC 6030 requires `iana.` and a registered name here; this one is reserved for documentation (RFC 5612). */
const MANUFACTURER = "iana.Example";
const MODEL = "DSC+";

const OCRA = "urn:ietf:params:xml:ns:keyprov:pskc:ocra";
const UNLOCK_ENDING = "-U";

/** The serial number under which a card's unlock key is exported. */
export function unlockSerialOf(serial: string): string {
  return `${serial}${UNLOCK_ENDING}`;
}

/** The card's serial number, from that of an unlock key: exports have a suffix, seed files have none. */
export function cardSerialOf(unlockSerial: string): string {
  return unlockSerial.endsWith(UNLOCK_ENDING) ? unlockSerial.slice(0, -UNLOCK_ENDING.length) : unlockSerial;
}

// Reading

/** Everything but the key. Throws a SeedFileError that does not name the package. */
export function readTokenCard(keyPackage: Element, serial: string): TokenCard {
  const suite = readSuite(keyPackage);
  const tries = child(policyOf(keyPackage), "pskc:PINPolicy")?.getAttribute("MaxFailedAttempts");
  const userId = child(keyOf(keyPackage), "pskc:UserId");
  const userName = userId && userNameIn(text(userId));
  return {
    serial,
    suite,
    // If the PIN goes into the response, the server checks it (§4.3.4: "Algorithmic").
    pinCheck: parseSuite(suite).pin ? "server" : "card",
    tries: tries ? integer(tries, 1, 255, "MaxFailedAttempts") : undefined,
    ...(userName !== undefined && { userName }),
  };
}

function readSuite(keyPackage: Element): string {
  const suite = text(need(need(keyOf(keyPackage), "pskc:AlgorithmParameters"), "pskc:Suite"));
  try {
    parseSuite(suite);
  } catch {
    throw new SeedFileError(`${quoted(suite)} is not an OCRA suite`);
  }
  return suite;
}

/** The key, after checking its MAC. Throws a SeedFileError that does not name the package. */
export function readSecret(keyPackage: Element, keys: Keys): Buffer {
  return openSecret(need(need(keyOf(keyPackage), "pskc:Data"), "pskc:Secret"), keys);
}

/** The serial number that the package states. */
export function serialOf(keyPackage: Element): string {
  const serial = child(child(keyPackage, "pskc:DeviceInfo"), "pskc:SerialNo");
  // DeviceInfo may be missing (§4.3); a key always has an Id.
  const name = serial ? text(serial) : (keyOf(keyPackage)?.getAttribute("Id") ?? "");
  if (!isSerial(name)) throw new SeedFileError(`has a card with no usable serial number: ${quoted(name)}`);
  return name;
}

/** Serial numbers are shown to people, so they must be printable and of limited length. */
function isSerial(text: string): boolean {
  return /^[!-~]([ -~]{0,62}[!-~])?$/.test(text);
}

/** The OCRA packages; keys of other algorithms belong to no DSC+ card. */
export function ocraPackages(container: Element): Element[] {
  return children(container, "pskc:KeyPackage").filter((any) => keyOf(any)?.getAttribute("Algorithm") === OCRA);
}

export function isUnlock(keyPackage: Element): boolean {
  return children(policyOf(keyPackage), "pskc:KeyUsage").some((usage) => text(usage) === "Unlock");
}

/** Adds the card to each error. */
export function aboutCard<T>(serial: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof SeedFileError) throw new SeedFileError(`${quoted(serial)}: ${error.message}`);
    throw error;
  }
}

function keyOf(keyPackage: Element): Element | undefined {
  return child(keyPackage, "pskc:Key");
}

function policyOf(keyPackage: Element): Element | undefined {
  return child(keyOf(keyPackage), "pskc:Policy");
}

// Writing

/** The names of an unlock key's package. */
interface UnlockNames {
  readonly serial: string;
  readonly id: string;
}

/** A container without key packages, and fresh keys under the secret. */
export function newContainer(secret: SeedSecret): { document: Document; container: Element; keys: Keys } {
  const document = parseText(`<pskc:KeyContainer Version="1.0" ${declarations()}/>`);
  const container = rootOf(document);
  return { document, container, keys: writeHeader(document, container, secret) };
}

/** Refuses what could not be read back. */
export function checkWritable(card: TokenCard, key: Uint8Array, unlockKey: Uint8Array | undefined): void {
  if (!isSerial(card.serial)) throw new SeedFileError(`cannot store a card with serial number ${quoted(card.serial)}`);
  const { least, most } = TOKEN_KEY_BYTES;
  const sizes = [key.length, unlockKey?.length ?? most];
  if (sizes.some((size) => size < least || size > most))
    throw new SeedFileError(`cannot store a key that does not have ${least} to ${most} bytes`);
  if ((card.pinCheck === "server") !== (parseSuite(card.suite).pin !== undefined))
    throw new SeedFileError(`cannot store a card whose PIN check (${card.pinCheck}) does not fit ${card.suite}`);
}

/** Appends packages to the container. */
export function appendPackages(document: Document, container: Element, packages: readonly Element[]): void {
  const last = children(container, "pskc:KeyPackage").at(-1);
  const next = last ? last.nextSibling : null;
  for (const added of packages) {
    if (last) container.insertBefore(document.createTextNode(newLine(1)), next);
    container.insertBefore(added, next);
  }
}

/** The package of a token key. */
export function tokenPackage(document: Document, card: TokenCard, key: Uint8Array, keys: Keys): Element {
  const make = maker(document);
  const pinPolicy = make("pskc:PINPolicy", {
    MaxFailedAttempts: card.tries,
    MaxLength: 4,
    MinLength: 4,
    PINEncoding: "DECIMAL",
    // §4.3.4: checked on the device, or part of the computation.
    PINUsageMode: card.pinCheck === "card" ? "Local" : "Algorithmic",
  });
  const userId = card.userName === undefined ? [] : [make("pskc:UserId", {}, userIdOf(card.userName))];
  const keyElement = make(
    "pskc:Key",
    { Algorithm: OCRA, Id: card.serial },
    algorithmParameters(document, card.suite),
    secretData(document, key, keys),
    ...userId,
    make("pskc:Policy", {}, pinPolicy, make("pskc:KeyUsage", {}, "CR")),
  );
  return make("pskc:KeyPackage", {}, deviceInfo(document, card.serial), keyElement);
}

/** The package of an unlock key. */
export function unlockPackage(
  document: Document,
  { serial, id }: UnlockNames,
  unlockKey: Uint8Array,
  keys: Keys,
): Element {
  const make = maker(document);
  const key = make(
    "pskc:Key",
    { Algorithm: OCRA, Id: id },
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

function secretData(document: Document, key: Uint8Array, keys: Keys): Element {
  const make = maker(document);
  const value = encrypt(key, keys.encryption);
  const encrypted = make("pskc:EncryptedValue", {}, ...encryptedData(document, value));
  const mac = make("pskc:ValueMAC", {}, macOf(value, keys).toString("base64"));
  return make("pskc:Data", {}, make("pskc:Secret", {}, encrypted, mac));
}
