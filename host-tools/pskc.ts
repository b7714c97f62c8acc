// Seed files: the keys of cards for the site, as PSKC (RFC 6030), encrypted under a pre-shared key or a passphrase.
//
//   KeyContainer
//     EncryptionKey   a name, or DerivedKey: how the key comes from a passphrase (§6.2)
//     MACMethod       the key of the MACs, encrypted
//     KeyPackage      one key each (§4.1), so two for a card, with the same DeviceInfo:
//       Key Id=SERIAL         KeyUsage CR: what answers challenges; and Extensions: how far its card is
//     KeyPackage
//       Key Id=SERIAL-unlock  KeyUsage Unlock: the inverse challenge-response of a locked card (§5)
//
// Changing a file keeps what other tools put there. A MAC guards each value, not which card it belongs to
// (§6.1.1): who may write the file must be trusted.

import type { Document, Element } from "@xmldom/xmldom";
import { createExclusive, DISK, type FileSystem, readWhole, replaceAtomically, withLock } from "./files.js";
import { parseSuite } from "./ocra.js";
import {
  encrypt,
  encryptedData,
  type Keys,
  macOf,
  openKeys,
  openSecret,
  opensWith,
  type SeedSecret,
  TOKEN_KEY_BYTES,
  writeHeader,
} from "./pskckeys.js";
import {
  child,
  children,
  declarations,
  documentOf,
  hasUsualShape,
  headerOf,
  indent,
  integer,
  maker,
  naming,
  need,
  newLine,
  parse,
  parseText,
  quoted,
  rootOf,
  SeedFileError,
  serialize,
  text,
} from "./pskcxml.js";
import { copyOfSecret } from "./secretbytes.js";

export { SeedFileError, type SeedSecret };

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
}

/** What a seed file says of a card without being opened: everything but its keys. */
export interface CardOutline extends Omit<SeedRecord, "key" | "unlockKey"> {
  /** Whether there is an unlock key. */
  readonly unlockable: boolean;
}

/** What a seed file says without being opened. None of it is guarded by a MAC. */
export interface SeedOutline {
  /** What opens it; "nothing": its keys stand there in the clear. */
  readonly opensWith: "key" | "passphrase" | "nothing";
  readonly cards: readonly CardOutline[];
  /** Keys of other algorithms: no cards of ours. */
  readonly others: number;
}

/** More than 6,000 cards; what is larger is kept in several files. */
export const MAX_BYTES = 16 * 1024 * 1024;
/** What a new card must leave free, so that whatever is said of a card later still fits. */
export const SPARE_BYTES = 64 * 1024;

/** RFC 6030 has `iana.` and a registered name here; this one is for documentation (RFC 5612). */
const MANUFACTURER = "iana.Example";
const MODEL = "DSC+";

const OCRA = "urn:ietf:params:xml:ns:keyprov:pskc:ocra";
/** The suite of unlock codes: a lock code is its challenge. */
export const UNLOCK_SUITE = "OCRA-1:HOTP-SHA256-8:QN08";
/** Opens a seed file. Throws SeedFileError or FileError. */
export function readSeedFile(path: string, secret: SeedSecret, disk: FileSystem = DISK): SeedFile {
  return naming(path, () => {
    const bytes = readWhole(path, MAX_BYTES, disk);
    const container = parse(bytes);
    const keys = openKeys(container, secret);
    const records: SeedRecord[] = [];
    const unlockKeys = new Map<string, Buffer>();
    const file = new SeedFile(path, keys, { container, bytes }, records, disk);
    try {
      readRecords(container, keys, records, unlockKeys);
      return file;
    } catch (error) {
      file.wipe();
      for (const key of unlockKeys.values()) key.fill(0);
      throw error;
    }
  });
}

/** What a seed file says without its secret. Throws SeedFileError or FileError. */
export function outlineSeedFile(path: string, disk: FileSystem = DISK): SeedOutline {
  return naming(path, () => {
    const container = parse(readWhole(path, MAX_BYTES, disk));
    const packages = children(container, "pskc:KeyPackage");
    const ours = packages.filter(isOcra);
    const unlockable = new Set(ours.filter(isUnlock).map(serialOf));
    const cards = ours
      .filter((any) => !isUnlock(any))
      .map(readOutline)
      .map((card) => ({ ...card, unlockable: unlockable.has(card.serial) }));
    return { opensWith: opensWith(container), cards, others: packages.length - ours.length };
  });
}

/** Makes a seed file with its first record (PSKC has no empty container). Never overwrites. */
export function createSeedFile(path: string, secret: SeedSecret, first: SeedRecord, disk: FileSystem = DISK): SeedFile {
  return naming(path, () => {
    const document = parseText(`<pskc:KeyContainer Version="1.0" ${declarations()}/>`);
    const container = rootOf(document);
    const keys = writeHeader(document, container, secret);
    appendRecord(document, container, first, keys);
    indent(document, container, 0);
    const bytes = serialize(container);
    createExclusive(path, bytes, disk);
    return new SeedFile(path, keys, { container, bytes }, [copyOf(first)], disk);
  });
}

/** A container, and the file it was parsed from or written to. */
interface Contents {
  readonly container: Element;
  readonly bytes: Buffer;
}

/** A seed file that is open: its records as they were read, and as this process changed them. */
export class SeedFile {
  readonly path: string;
  readonly #keys: Keys;
  readonly #header: string;
  readonly #records: SeedRecord[];
  readonly #disk: FileSystem;
  #contents: Contents | undefined;

  /** For readSeedFile and createSeedFile. */
  constructor(path: string, keys: Keys, contents: Contents, records: SeedRecord[], disk: FileSystem) {
    this.path = path;
    this.#keys = keys;
    this.#header = headerOf(contents.container);
    this.#contents = contents;
    this.#records = records;
    this.#disk = disk;
  }

  get records(): readonly SeedRecord[] {
    return this.#records;
  }

  find(serial: string): SeedRecord | undefined {
    return this.#records.find((record) => record.serial === serial);
  }

  /** Adds a card; throws where the file has one with its serial number. On return it is on the disk. */
  addRecord(record: SeedRecord): void {
    this.#change(MAX_BYTES - SPARE_BYTES, (document, container) => {
      if (packagesOf(container, record.serial).length > 0)
        throw new SeedFileError(`has a card ${quoted(record.serial)} already`);
      for (const added of appendRecord(document, container, record, this.#keys)) indent(document, added, 1);
    });
    this.#records.push(copyOf(record));
  }

  /** Says how far a card is. On return it is on the disk. */
  setState(serial: string, state: SeedState): void {
    this.#change(MAX_BYTES, (document, container) => {
      const token = packagesOf(container, serial).find((keyPackage) => !isUnlock(keyPackage));
      if (!token) throw new SeedFileError(`has no card ${quoted(serial)}`);
      markOf(document, token).setAttribute("State", state);
    });
    const at = this.#records.findIndex((record) => record.serial === serial);
    const record = this.#records[at];
    if (record) this.#records[at] = { ...record, state };
  }

  /** Zeroes every key that was read or given. */
  wipe(): void {
    for (const { key, unlockKey } of this.#records) {
      key.fill(0);
      unlockKey?.fill(0);
    }
    this.#keys.encryption.fill(0);
    this.#keys.mac.fill(0);
  }

  /** Changes the file as it is now, which another process may have changed since it was read. */
  #change(limit: number, apply: (document: Document, container: Element) => void): void {
    const change = () => {
      const container = this.#current();
      if (headerOf(container) !== this.#header) throw new SeedFileError("was replaced while it was open");
      if (child(container, "ds:Signature"))
        throw new SeedFileError("is signed, and a change would break the signature; use another file");
      // Until the change is on the disk, what is in memory is not what the file holds.
      this.#contents = undefined;
      apply(documentOf(container), container);
      const bytes = serialize(container);
      refuseFull(bytes, limit);
      replaceAtomically(this.path, bytes, this.#disk);
      this.#contents = { container, bytes };
    };
    naming(this.path, () => withLock(this.path, change, this.#disk));
  }

  /** The container of the file as it is now. It is parsed only where it changed: parsing thousands of cards takes seconds. */
  #current(): Element {
    const bytes = readWhole(this.path, MAX_BYTES, this.#disk);
    return this.#contents?.bytes.equals(bytes) ? this.#contents.container : parse(bytes);
  }
}

/** What could not be read any more is not written. */
function refuseFull(bytes: Buffer, limit: number): void {
  if (bytes.length > limit || !hasUsualShape(bytes.toString()))
    throw new SeedFileError("is full; begin another seed file");
}

// Reading records

/** Puts every OCRA key of the file into `records`; keys of other algorithms are no cards of ours and are left alone. */
function readRecords(container: Element, keys: Keys, records: SeedRecord[], unlockKeys: Map<string, Buffer>): void {
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

function readOutline(keyPackage: Element): Omit<SeedRecord, "key" | "unlockKey"> {
  const serial = serialOf(keyPackage);
  const suite = readSuite(keyPackage, serial);
  const pinPolicy = child(policyOf(keyPackage), "pskc:PINPolicy");
  const tries = pinPolicy?.getAttribute("MaxFailedAttempts");
  const mark = findMark(keyPackage);
  const keyset = mark?.getAttribute("KeysetVersion");
  return {
    serial,
    suite,
    // A PIN that goes into the response is for the server to judge (§4.3.4: "Algorithmic").
    pinCheck: parseSuite(suite).pin ? "server" : "card",
    tries: tries ? integer(tries, 1, 255, "MaxFailedAttempts") : undefined,
    // Another tool's file says nothing of it: its cards are in use.
    state: readState(mark?.getAttribute("State") ?? "done"),
    keyset: keyset ? integer(keyset, 1, 127, "KeysetVersion") : undefined,
  };
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

function serialOf(keyPackage: Element): string {
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

function packagesOf(container: Element, serial: string): Element[] {
  return children(container, "pskc:KeyPackage").filter((any) => isOcra(any) && serialOf(any) === serial);
}

function keyOf(keyPackage: Element): Element | undefined {
  return child(keyPackage, "pskc:Key");
}

function policyOf(keyPackage: Element): Element | undefined {
  return child(keyOf(keyPackage), "pskc:Policy");
}

function isOcra(keyPackage: Element): boolean {
  return keyOf(keyPackage)?.getAttribute("Algorithm") === OCRA;
}

function isUnlock(keyPackage: Element): boolean {
  return children(policyOf(keyPackage), "pskc:KeyUsage").some((usage) => text(usage) === "Unlock");
}

// Writing records

/** Adds the packages of a card after the last one of the container. */
function appendRecord(document: Document, container: Element, record: SeedRecord, keys: Keys): Element[] {
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
  const mark = make("dsc:Personalization", { State: record.state, KeysetVersion: record.keyset });
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
function markOf(document: Document, keyPackage: Element): Element {
  const found = findMark(keyPackage);
  if (found) return found;
  const make = maker(document);
  const mark = make("dsc:Personalization", {});
  keyPackage.appendChild(make("pskc:Extensions", {}, mark));
  return mark;
}

function copyOf(record: SeedRecord): SeedRecord {
  return { ...record, key: copyOfSecret(record.key), unlockKey: record.unlockKey && copyOfSecret(record.unlockKey) };
}
