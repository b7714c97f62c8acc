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
import { SeedFileError } from "../files/errors.js";
import { createExclusive, DISK, type FileSystem, readWhole, replaceAtomically, withLock } from "../files/files.js";
import type { Lock } from "../files/lock.js";
import { type Keys, openKeys, type SeedSecret, weaknessOf, withFitting } from "./pskckeys.js";
import { isUnlock, newContainer, packagesOf } from "./pskcpackages.js";
import {
  appendRecord,
  copyOf,
  markOf,
  type PutKeyProgress,
  type Rotation,
  readRecords,
  type SeedRecord,
  type SeedState,
} from "./pskcrecords.js";
import { child, documentOf, hasUsualShape, headerOf, indent, naming, parse, quoted, serialize } from "./pskcxml.js";

export { type PutKeyProgress, type Rotation, SeedFileError, type SeedRecord, type SeedSecret, type SeedState };

/** More than 6,000 cards; what is larger is kept in several files. */
export const MAX_BYTES = 16 * 1024 * 1024;
/** What a new card must leave free, so that whatever is said of a card later still fits. */
export const SPARE_BYTES = 64 * 1024;

/** Opens a seed file. Throws SeedFileError, FileError or SecretError. */
export function readSeedFile(path: string, secret: SeedSecret, disk: FileSystem = DISK): SeedFile {
  return naming(path, () => {
    const bytes = readWhole(path, MAX_BYTES, disk);
    const container = parse(bytes);
    return withFitting(secret, (exact) => open(path, { container, bytes }, openKeys(container, exact), disk));
  });
}

/** The records under those keys, which it wipes where they are not to be read. */
function open(path: string, contents: Contents, keys: Keys, disk: FileSystem): SeedFile {
  const records: SeedRecord[] = [];
  const unlockKeys = new Map<string, Buffer>();
  const file = new SeedFile(path, keys, contents, records, disk);
  try {
    readRecords(contents.container, keys, records, unlockKeys);
    return file;
  } catch (error) {
    file.wipe();
    for (const key of unlockKeys.values()) key.fill(0);
    throw error;
  }
}

/** Makes a seed file with its first record (PSKC has no empty container). Never overwrites. */
export function createSeedFile(path: string, secret: SeedSecret, first: SeedRecord, disk: FileSystem = DISK): SeedFile {
  return naming(path, () => {
    const { document, container, keys } = newContainer(secret);
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
      const weakness = weaknessOf(container);
      if (weakness) throw new SeedFileError(`${weakness}, so no key is added to it; begin another seed file`);
      if (packagesOf(container, record.serial).length > 0)
        throw new SeedFileError(`has a card ${quoted(record.serial)} already`);
      for (const added of appendRecord(document, container, record, this.#keys)) indent(document, added, 1);
    });
    this.#records.push(copyOf(record));
  }

  /** Says how far a card is. On return it is on the disk. */
  setState(serial: string, state: SeedState): void {
    this.#mark(serial, "State", state);
    this.#replace(serial, (record) => ({ ...record, state }));
  }

  /** Says how far a card is with its new transport keys. On return it is on the disk. */
  setPutKey(serial: string, putKey: PutKeyProgress): void {
    this.#mark(serial, "PutKey", putKey);
    this.#replace(serial, ({ rotation, ...rest }) => ({ ...rest, rotation: rotation && { ...rotation, putKey } }));
  }

  #mark(serial: string, name: string, value: string): void {
    this.#change(MAX_BYTES, (document, container) => {
      const token = packagesOf(container, serial).find((keyPackage) => !isUnlock(keyPackage));
      if (!token) throw new SeedFileError(`has no card ${quoted(serial)}`);
      markOf(document, token).setAttribute(name, value);
    });
  }

  #replace(serial: string, change: (record: SeedRecord) => SeedRecord): void {
    const at = this.#records.findIndex((record) => record.serial === serial);
    const record = this.#records[at];
    if (record) this.#records[at] = change(record);
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
    const change = (lock: Lock) => {
      const container = this.#current();
      if (headerOf(container) !== this.#header) throw new SeedFileError("was replaced while it was open");
      if (child(container, "ds:Signature"))
        throw new SeedFileError("is signed, and a change would break the signature; use another file");
      // Until the change is on the disk, what is in memory is not what the file holds.
      this.#contents = undefined;
      apply(documentOf(container), container);
      const bytes = serialize(container);
      refuseFull(bytes, limit);
      replaceAtomically(this.path, bytes, this.#disk, lock);
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
