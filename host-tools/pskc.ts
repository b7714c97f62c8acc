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

import { createCipheriv, createDecipheriv, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import { DOMParser, type Document, type Element, onWarningStopParsing, XMLSerializer } from "@xmldom/xmldom";
import { createExclusive, DISK, type FileSystem, readWhole, replaceAtomically, withLock } from "./files.js";
import { parseSuite } from "./ocra.js";

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

/** What opens a seed file: 16 bytes, or a passphrase in UTF-8. */
export type SeedSecret = Uint8Array | { readonly passphrase: Uint8Array };

/** A seed file that cannot be used; the message is one line for people, with nothing secret in it. */
export class SeedFileError extends Error {
  override name = "SeedFileError";
  readonly exitCode = 6;
}

/** A file of 3,000 cards has about this size; what is larger is kept in several. */
const MAX_BYTES = 16 * 1024 * 1024;

/** RFC 6030 has `iana.` and a registered name here; this one is for documentation (RFC 5612). */
const MANUFACTURER = "iana.Example";
const MODEL = "DSC+";

const KEY_BYTES = 16;
const BLOCK_BYTES = 16;
const MAC_KEY_BYTES = 20;
const TOKEN_KEY_BYTES = { least: 16, most: 64 };
const SALT_BYTES = 16;
/** As OWASP asks for PBKDF2 with HMAC-SHA-256. */
const ITERATIONS = 600_000;
/** More would be an attack on the reader's time. */
const MOST_ITERATIONS = 10_000_000;

const OCRA = "urn:ietf:params:xml:ns:keyprov:pskc:ocra";
const UNLOCK_SUITE = "OCRA-1:HOTP-SHA256-8:QN08";
const AES_128_CBC = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";
const PBKDF2 = [
  "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2",
  "http://www.w3.org/2009/xmlenc11#pbkdf2",
] as const;
const HMAC_SHA1 = "http://www.w3.org/2000/09/xmldsig#hmac-sha1";
const HMAC_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256";
const HASHES = new Map([
  [HMAC_SHA1, "sha1"],
  [HMAC_SHA256, "sha256"],
]);

const NAMESPACES = {
  pskc: "urn:ietf:params:xml:ns:keyprov:pskc",
  ds: "http://www.w3.org/2000/09/xmldsig#",
  xenc: "http://www.w3.org/2001/04/xmlenc#",
  xenc11: "http://www.w3.org/2009/xmlenc11#",
  pkcs5: "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#",
  /** Our own: a name of nobody else's that needs no registry (RFC 9562 §4). */
  dsc: "urn:uuid:b7befcf9-0941-46af-9fb0-53b5c80777c1",
};

/** Opens a seed file. Throws SeedFileError or FileError. */
export function readSeedFile(path: string, secret: SeedSecret, disk: FileSystem = DISK): SeedFile {
  return naming(path, () => {
    const container = parse(readWhole(path, MAX_BYTES, disk));
    const keys = openKeys(container, secret);
    return new SeedFile(path, keys, headerOf(container), readRecords(container, keys), disk);
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
    createExclusive(path, serialize(container), disk);
    return new SeedFile(path, keys, headerOf(container), [copyOf(first)], disk);
  });
}

/** A seed file that is open: its records as they were read, and as this process changed them. */
export class SeedFile {
  readonly path: string;
  readonly #keys: Keys;
  readonly #header: string;
  readonly #records: SeedRecord[];
  readonly #disk: FileSystem;

  /** For readSeedFile and createSeedFile. */
  constructor(path: string, keys: Keys, header: string, records: SeedRecord[], disk: FileSystem) {
    this.path = path;
    this.#keys = keys;
    this.#header = header;
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
    this.#change((document, container) => {
      if (packagesOf(container, record.serial).length > 0)
        throw new SeedFileError(`has a card ${quoted(record.serial)} already`);
      for (const added of appendRecord(document, container, record, this.#keys)) indent(document, added, 1);
    });
    this.#records.push(copyOf(record));
  }

  /** Says how far a card is. On return it is on the disk. */
  setState(serial: string, state: SeedState): void {
    this.#change((document, container) => {
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
  #change(apply: (document: Document, container: Element) => void): void {
    const change = () => {
      const container = parse(readWhole(this.path, MAX_BYTES, this.#disk));
      if (headerOf(container) !== this.#header) throw new SeedFileError("was replaced while it was open");
      if (child(container, "ds:Signature"))
        throw new SeedFileError("is signed, and a change would break the signature; use another file");
      apply(documentOf(container), container);
      replaceAtomically(this.path, serialize(container), this.#disk);
    };
    naming(this.path, () => withLock(this.path, change, this.#disk));
  }
}

// Keys and values (RFC 6030 §6)

/** What values are encrypted and authenticated with. */
interface Keys {
  readonly encryption: Buffer;
  readonly mac: Buffer;
  readonly macAlgorithm: string;
}

function openKeys(container: Element, secret: SeedSecret): Keys {
  const encryption = openEncryptionKey(child(container, "pskc:EncryptionKey"), secret);
  const method = child(container, "pskc:MACMethod");
  if (!method) throw new SeedFileError("has no MACs, so nothing in it can be trusted");
  const macAlgorithm = method.getAttribute("Algorithm") ?? "";
  if (!HASHES.has(macAlgorithm)) throw new SeedFileError(`has MACs of an unknown kind: ${quoted(macAlgorithm)}`);
  if (child(method, "pskc:MACKeyReference")) throw new SeedFileError("has MACs under a key kept elsewhere");
  const macKey = child(method, "pskc:MACKey");
  // Without a MACKey the encryption key serves (§6.1.1).
  const mac = macKey ? decrypt(cipherValue(macKey), encryption) : Buffer.from(encryption);
  return { encryption, mac, macAlgorithm };
}

function openEncryptionKey(encryptionKey: Element | undefined, secret: SeedSecret): Buffer {
  if (!encryptionKey) throw new SeedFileError("is not encrypted, and such files are not read");
  const derived = child(encryptionKey, "xenc11:DerivedKey");
  if (secret instanceof Uint8Array) {
    if (derived) throw new SeedFileError("opens with a passphrase, not with a key");
    return presharedKey(secret);
  }
  if (!derived) throw new SeedFileError("opens with a key, not with a passphrase");
  return deriveKey(derived, secret.passphrase);
}

function presharedKey(secret: Uint8Array): Buffer {
  if (secret.length !== KEY_BYTES)
    throw new SeedFileError(`opens with a key of ${KEY_BYTES} bytes; the one given has ${secret.length}`);
  return Buffer.from(secret);
}

/** PBKDF2 (§6.2). Tools differ in the namespace of its parameters, so that is not looked at. */
function deriveKey(derived: Element, passphrase: Uint8Array): Buffer {
  const method = child(derived, "xenc11:KeyDerivationMethod");
  const algorithm = method?.getAttribute("Algorithm") ?? "";
  if (!PBKDF2.some((known) => known === algorithm))
    throw new SeedFileError(`has its key derived in an unknown way: ${quoted(algorithm)}`);
  const parameters = need(method, "*:PBKDF2-params");
  const salt = base64(need(need(parameters, "*:Salt"), "*:Specified"));
  const iterations = integer(text(need(parameters, "*:IterationCount")), 1, MOST_ITERATIONS, "IterationCount");
  const length = child(parameters, "*:KeyLength");
  if (length) integer(text(length), KEY_BYTES, KEY_BYTES, "KeyLength");
  // RFC 8018 A.2: HMAC-SHA-1 where nothing is said.
  const prf = child(parameters, "*:PRF")?.getAttribute("Algorithm") || HMAC_SHA1;
  const hash = HASHES.get(prf);
  if (!hash) throw new SeedFileError(`has its key derived with an unknown hash: ${quoted(prf)}`);
  return pbkdf2Sync(passphrase, salt, iterations, KEY_BYTES, hash);
}

/** The value in a Secret: the MAC is checked first, over initialization vector and ciphertext. */
function openSecret(secret: Element, keys: Keys, whose: string): Buffer {
  const encrypted = child(secret, "pskc:EncryptedValue");
  const mac = child(secret, "pskc:ValueMAC");
  if (!encrypted || !mac) throw new SeedFileError(`${whose}: the key is not encrypted, or has no MAC`);
  const value = cipherValue(encrypted);
  if (!sameBytes(base64(mac), macOf(value, keys)))
    throw new SeedFileError(`${whose}: the MAC is wrong: the file was changed, or is opened with the wrong secret`);
  const key = decrypt(value, keys.encryption);
  const { least, most } = TOKEN_KEY_BYTES;
  if (key.length < least || key.length > most)
    throw new SeedFileError(`${whose}: the key has ${key.length} bytes; a card has ${least} to ${most}`);
  return key;
}

function cipherValue(encrypted: Element): Buffer {
  const algorithm = child(encrypted, "xenc:EncryptionMethod")?.getAttribute("Algorithm") ?? "";
  if (algorithm !== AES_128_CBC) throw new SeedFileError(`is encrypted in an unknown way: ${quoted(algorithm)}`);
  return base64(need(need(encrypted, "xenc:CipherData"), "xenc:CipherValue"));
}

/** AES-128-CBC with the initialization vector in front and the padding of XML Encryption §5.2: only its last byte counts. */
function decrypt(value: Buffer, key: Buffer): Buffer {
  if (value.length < 2 * BLOCK_BYTES || value.length % BLOCK_BYTES !== 0)
    throw new SeedFileError("has an encrypted value of the wrong length");
  const decipher = createDecipheriv("aes-128-cbc", key, value.subarray(0, BLOCK_BYTES)).setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(value.subarray(BLOCK_BYTES)), decipher.final()]);
  const padding = padded.at(-1) ?? 0;
  if (padding < 1 || padding > BLOCK_BYTES)
    throw new SeedFileError("does not open: the key or passphrase is another one, or the file was changed");
  return padded.subarray(0, padded.length - padding);
}

function encrypt(plain: Uint8Array, key: Buffer): Buffer {
  const vector = randomBytes(BLOCK_BYTES);
  const cipher = createCipheriv("aes-128-cbc", key, vector);
  return Buffer.concat([vector, cipher.update(plain), cipher.final()]);
}

function macOf(value: Buffer, keys: Keys): Buffer {
  return createHmac(HASHES.get(keys.macAlgorithm) ?? "", keys.mac)
    .update(value)
    .digest();
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

// Reading records

/** Every OCRA key of the file; keys of other algorithms are no cards of ours and are left alone. */
function readRecords(container: Element, keys: Keys): SeedRecord[] {
  const unlockKeys = new Map<string, Buffer>();
  const records: SeedRecord[] = [];
  const ocraPackages = children(container, "pskc:KeyPackage").filter(isOcra);
  for (const keyPackage of ocraPackages.filter(isUnlock)) {
    unlockKeys.set(serialOf(keyPackage), readSecret(keyPackage, keys));
  }
  const serials = new Set<string>();
  for (const keyPackage of ocraPackages.filter((any) => !isUnlock(any))) {
    const record = readRecord(keyPackage, keys, unlockKeys);
    if (serials.has(record.serial)) throw new SeedFileError(`has two cards ${quoted(record.serial)}`);
    serials.add(record.serial);
    records.push(record);
  }
  return records;
}

function readRecord(keyPackage: Element, keys: Keys, unlockKeys: Map<string, Buffer>): SeedRecord {
  const serial = serialOf(keyPackage);
  const suite = readSuite(keyPackage, serial);
  const pinPolicy = child(policyOf(keyPackage), "pskc:PINPolicy");
  const tries = pinPolicy?.getAttribute("MaxFailedAttempts");
  const mark = child(child(keyPackage, "pskc:Extensions"), "dsc:Personalization");
  const keyset = mark?.getAttribute("KeysetVersion");
  return {
    serial,
    suite,
    // A PIN that goes into the response is for the server to judge (§4.3.4: "Algorithmic").
    pinCheck: parseSuite(suite).pin ? "server" : "card",
    tries: tries ? integer(tries, 1, 255, "MaxFailedAttempts") : undefined,
    key: readSecret(keyPackage, keys),
    unlockKey: unlockKeys.get(serial),
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

/** EncryptionKey and MACMethod of a new file. */
function writeHeader(document: Document, container: Element, secret: SeedSecret): Keys {
  const make = maker(document);
  const salt = randomBytes(SALT_BYTES);
  const preshared = secret instanceof Uint8Array;
  const encryption = preshared
    ? presharedKey(secret)
    : pbkdf2Sync(secret.passphrase, salt, ITERATIONS, KEY_BYTES, "sha256");
  const keys = { encryption, mac: randomBytes(MAC_KEY_BYTES), macAlgorithm: HMAC_SHA1 };
  const source = preshared ? make("ds:KeyName", {}, "Pre-shared-key") : derivedKey(document, salt);
  container.appendChild(make("pskc:EncryptionKey", {}, source));
  const macKey = make("pskc:MACKey", {}, ...encryptedData(document, encrypt(keys.mac, encryption)));
  container.appendChild(make("pskc:MACMethod", { Algorithm: HMAC_SHA1 }, macKey));
  return keys;
}

/** As in figure 7 of the RFC. */
function derivedKey(document: Document, salt: Buffer): Element {
  const make = maker(document);
  const parameters = make(
    "pkcs5:PBKDF2-params",
    {},
    make("Salt", {}, make("Specified", {}, salt.toString("base64"))),
    make("IterationCount", {}, String(ITERATIONS)),
    make("KeyLength", {}, String(KEY_BYTES)),
    make("PRF", { Algorithm: HMAC_SHA256 }),
  );
  return make(
    "xenc11:DerivedKey",
    {},
    make("xenc11:KeyDerivationMethod", { Algorithm: PBKDF2[0] }, parameters),
    make("xenc11:MasterKeyName", {}, "Passphrase"),
  );
}

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

function encryptedData(document: Document, value: Buffer): Element[] {
  const make = maker(document);
  return [
    make("xenc:EncryptionMethod", { Algorithm: AES_128_CBC }),
    make("xenc:CipherData", {}, make("xenc:CipherValue", {}, value.toString("base64"))),
  ];
}

/** Where a package says how far its card is; made where it does not. */
function markOf(document: Document, keyPackage: Element): Element {
  const found = child(child(keyPackage, "pskc:Extensions"), "dsc:Personalization");
  if (found) return found;
  const make = maker(document);
  const mark = make("dsc:Personalization", {});
  keyPackage.appendChild(make("pskc:Extensions", {}, mark));
  return mark;
}

function copyOf(record: SeedRecord): SeedRecord {
  return { ...record, key: Buffer.from(record.key), unlockKey: record.unlockKey && Buffer.from(record.unlockKey) };
}

// XML

/** Parses a container. Whatever could make a parser fetch or multiply anything is refused unread. */
function parse(bytes: Buffer): Element {
  const container = rootOf(parseText(decodeText(bytes)));
  if (!isNamed(container, "pskc:KeyContainer")) throw new SeedFileError("is no PSKC file (RFC 6030)");
  const version = container.getAttribute("Version") ?? "";
  if (version !== "1.0") throw new SeedFileError(`is PSKC of an unknown version: ${quoted(version)}`);
  return container;
}

function decodeText(bytes: Buffer): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SeedFileError("is not text in UTF-8");
  }
  if (/<!(DOCTYPE|ENTITY)/i.test(text))
    throw new SeedFileError("has a DOCTYPE or entities, and such files are not read");
  return text;
}

function parseText(text: string): Document {
  try {
    return new DOMParser({ locator: false, onError: onWarningStopParsing }).parseFromString(text, "text/xml");
  } catch {
    throw new SeedFileError("is not well-formed XML, or was cut short");
  }
}

function serialize(container: Element): string {
  const xml = new XMLSerializer().serializeToString(container, { requireWellFormed: true });
  return `<?xml version="1.0" encoding="UTF-8"?>\n${xml}\n`;
}

/** What says how values are encrypted. */
function headerOf(container: Element): string {
  const parts = [child(container, "pskc:EncryptionKey"), child(container, "pskc:MACMethod")];
  return parts.map((part) => part && new XMLSerializer().serializeToString(part)).join();
}

function rootOf(document: Document): Element {
  if (!document.documentElement) throw new SeedFileError("is empty");
  return document.documentElement;
}

function documentOf(element: Element): Document {
  if (!element.ownerDocument) throw new SeedFileError("is empty");
  return element.ownerDocument;
}

/** The children of that name: `prefix:name` with our prefix of the namespace, or `*:name` in any. */
function children(parent: Element | undefined, name: string): Element[] {
  const found: Element[] = [];
  for (let node = parent?.firstChild; node; node = node.nextSibling) {
    if (node.nodeType === node.ELEMENT_NODE && isNamed(node as Element, name)) found.push(node as Element);
  }
  return found;
}

function child(parent: Element | undefined, name: string): Element | undefined {
  return children(parent, name)[0];
}

function need(parent: Element | undefined, name: string): Element {
  const found = child(parent, name);
  if (!found) throw new SeedFileError(`lacks ${name.replace("*:", "")}`);
  return found;
}

function isNamed(element: Element, name: string): boolean {
  const [prefix, local] = name.split(":");
  return element.localName === local && (prefix === "*" || element.namespaceURI === namespaceOf(name));
}

function namespaceOf(name: string): string | null {
  const [prefix, local] = name.split(":");
  return local ? NAMESPACES[prefix as keyof typeof NAMESPACES] : null;
}

function declarations(): string {
  return Object.entries(NAMESPACES)
    .map(([prefix, uri]) => `xmlns:${prefix}="${uri}"`)
    .join(" ");
}

/** Makes elements of a document: name with our prefix, attributes (undefined: left out), contents. */
function maker(document: Document) {
  type Attributes = Record<string, string | number | undefined>;
  return (name: string, attributes: Attributes, ...contents: (Element | string)[]): Element => {
    const element = document.createElementNS(namespaceOf(name), name);
    for (const [attribute, value] of Object.entries(attributes)) {
      if (value !== undefined) element.setAttribute(attribute, String(value));
    }
    for (const content of contents) {
      element.appendChild(typeof content === "string" ? document.createTextNode(content) : content);
    }
    return element;
  };
}

/** Puts each element of a new tree on its own line. */
function indent(document: Document, element: Element, depth: number): void {
  const elements = Array.from(element.childNodes).filter((node) => node.nodeType === node.ELEMENT_NODE) as Element[];
  for (const inner of elements) {
    element.insertBefore(document.createTextNode(newLine(depth + 1)), inner);
    indent(document, inner, depth + 1);
  }
  if (elements.length > 0) element.appendChild(document.createTextNode(newLine(depth)));
}

function newLine(depth: number): string {
  return `\n${"  ".repeat(depth)}`;
}

function text(element: Element): string {
  return (element.textContent ?? "").trim();
}

function base64(element: Element): Buffer {
  const digits = text(element).replace(/\s+/g, "");
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(digits))
    throw new SeedFileError(`has a ${element.localName} that is not base64`);
  return Buffer.from(digits, "base64");
}

function integer(text: string, least: number, most: number, name: string): number {
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value < least || value > most)
    throw new SeedFileError(`has ${name} ${quoted(text)}; ${least} to ${most} is possible`);
  return value;
}

/** Text out of a file, fit for a terminal. */
function quoted(text: string): string {
  return `"${text.slice(0, 80).replace(/[^ -~]/g, "?")}"`;
}

/** Says in each error which file it is about. */
function naming<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof SeedFileError) throw new SeedFileError(`${path}: ${error.message}`);
    throw error;
  }
}
