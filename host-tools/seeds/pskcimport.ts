// Imports PSKC files of other tools and of dsc: each good record is imported, and each bad one is named.
//
// A file that another tool protected weakly (few iterations, no MAC key) is read like any other; pskcexport.ts never
// writes one.

import { createHash } from "node:crypto";
import type { Element } from "@xmldom/xmldom";
import { SeedFileError } from "../files/errors.js";
import { DISK, type FileSystem, readWhole } from "../files/files.js";
import { isCms } from "./cms.js";
import { type Keys, openKeys, opensWith, type SeedSecret, withFitting } from "./pskckeys.js";
import { cardSerialOf, isUnlock, type KeyField, ocraPackages, readSecret, serialOf } from "./pskcpackages.js";
import { readOutline, type SeedRecord } from "./pskcrecords.js";
import { children, MAX_BYTES, naming, parse, quoted } from "./pskcxml.js";

/** A key package that was not imported. */
export interface Refusal {
  /** undefined: it has no usable one. */
  readonly serial: string | undefined;
  readonly field: KeyField;
  /** In one line, without secrets. */
  readonly why: string;
}

/** The contents of a file. */
export interface Imported {
  /** SHA-256 of the file, in hexadecimal, which its receipt names. */
  readonly sha256: string;
  /** The cards whose keys were read; wipe them after use. */
  readonly records: readonly SeedRecord[];
  readonly refusals: readonly Refusal[];
  /** The number of keys of other algorithms, which are no DSC+ cards. */
  readonly others: number;
}

/** The facts about a card in an unopened file: everything but its keys. */
export interface CardOutline extends Omit<SeedRecord, "key" | "unlockKey"> {
  /** Whether there is an unlock key. */
  readonly unlockable: boolean;
}

/** The facts in an unopened file. No MAC protects them. */
export interface SeedOutline extends Pick<Imported, "refusals" | "others"> {
  /** The kind of secret that opens it; "nothing": its keys are in the clear. */
  readonly opensWith: "key" | "passphrase" | "nothing";
  readonly cards: readonly CardOutline[];
}

/** Opens a file. Throws a SeedFileError if none of its keys can be read, a FileError or a SecretError. */
export function importPskc(path: string, secret: SeedSecret, disk: FileSystem = DISK): Imported {
  return naming(path, () => {
    const { bytes, container } = readContainer(path, disk);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return withFitting(secret, (exact) => {
      const keys = openKeys(container, exact);
      try {
        return { sha256, ...readAll(container, keys), others: othersIn(container) };
      } finally {
        keys.encryption.fill(0);
        keys.mac.fill(0);
      }
    });
  });
}

/** Reads a file without its secret. Throws a SeedFileError or FileError. */
export function outlineSeedFile(path: string, disk: FileSystem = DISK): SeedOutline {
  return naming(path, () => {
    const { container } = readContainer(path, disk);
    const { tokens, unlocks, refusals } = sorted(container);
    const cards: CardOutline[] = [];
    for (const [serial, token] of tokens) {
      const outline = attempt(refusals, serial, "token", () => readOutline(token));
      if (outline) cards.push({ ...outline, unlockable: unlocks.has(serial) });
    }
    return { opensWith: opensWith(container), cards, refusals, others: othersIn(container) };
  });
}

/** Zeroes the keys that were read. */
export function wipeRecords(records: readonly SeedRecord[]): void {
  for (const { key, unlockKey } of records) {
    key.fill(0);
    unlockKey?.fill(0);
  }
}

function readContainer(path: string, disk: FileSystem): { bytes: Buffer; container: Element } {
  const bytes = readWhole(path, MAX_BYTES, disk);
  if (isCms(bytes))
    throw new SeedFileError(
      `is inside CMS; open it first: openssl cms -decrypt -inform DER -in ${path} -inkey KEY.pem -out seeds.xml`,
    );
  return { bytes, container: parse(bytes) };
}

function othersIn(container: Element): number {
  return children(container, "pskc:KeyPackage").length - ocraPackages(container).length;
}

function readAll(container: Element, keys: Keys): Pick<Imported, "records" | "refusals"> {
  const { tokens, unlocks, refusals } = sorted(container);
  const records: SeedRecord[] = [];
  for (const [serial, token] of tokens) {
    const record = attempt(refusals, serial, "token", () => {
      const outline = readOutline(token);
      return { ...outline, key: readSecret(token, keys), unlockKey: undefined };
    });
    const unlock = unlocks.get(serial);
    const unlockKey = record && unlock && attempt(refusals, serial, "unlock", () => readSecret(unlock, keys));
    if (record) records.push({ ...record, unlockKey });
  }
  const read = new Set(records.map(({ serial }) => serial));
  for (const serial of unlocks.keys()) {
    if (!read.has(serial)) refusals.push({ serial, field: "unlock", why: "no token key of this card was read" });
  }
  refuseUnopened(records, refusals);
  return { records, refusals };
}

/** If nothing could be read, the secret is most likely wrong, and another form of a passphrase should be tried. */
function refuseUnopened(records: readonly SeedRecord[], [first]: readonly Refusal[]): void {
  if (records.length === 0 && first) throw new SeedFileError(describeRefusal(first));
}

/** A refusal in one line. */
export function describeRefusal({ serial, field, why }: Refusal): string {
  const named = serial === undefined ? "a key" : quoted(serial);
  return `${named}${field === "unlock" ? ", unlock key" : ""}: ${why}`;
}

/**
 * The packages, sorted by the serial numbers of their cards. If two packages claim the same key, neither is imported:
 * nobody knows which is right.
 */
function sorted(container: Element) {
  const refusals: Refusal[] = [];
  const found = { token: new Map<string, Element>(), unlock: new Map<string, Element>() };
  const doubled: [KeyField, string][] = [];
  for (const keyPackage of ocraPackages(container)) {
    const field = isUnlock(keyPackage) ? "unlock" : "token";
    const stated = attempt(refusals, undefined, field, () => serialOf(keyPackage));
    if (stated === undefined) continue;
    const serial = field === "unlock" ? cardSerialOf(stated) : stated;
    if (found[field].has(serial)) doubled.push([field, serial]);
    found[field].set(serial, keyPackage);
  }
  for (const [field, serial] of doubled) {
    if (found[field].delete(serial))
      refusals.push({ serial, field, why: "two keys have this serial number, so neither is imported" });
  }
  return { tokens: found.token, unlocks: found.unlock, refusals };
}

/** The result of `read`; if it throws a SeedFileError, records the refusal and returns undefined. */
function attempt<T>(refusals: Refusal[], serial: string | undefined, field: KeyField, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SeedFileError)) throw error;
    refusals.push({ serial, field, why: error.message });
    return undefined;
  }
}
