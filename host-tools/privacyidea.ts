// Seeds for privacyIDEA, which imports OCRA tokens from lines "serial, key in hexadecimal, ocra, suite".
//
// The keys stand there in the clear: the file is its owner's alone, and is to be deleted after the import.

import { createExclusive, DISK, type FileSystem } from "./files.js";
import { SeedFileError, type SeedRecord } from "./pskc.js";

/** Fields are divided by commas and not quoted, and a # begins a comment. */
const FIELD = /^[A-Za-z0-9][A-Za-z0-9._:/-]*$/;

/**
 * Writes the cards that are done (a pending one is not in anybody's hands) and returns how many these are.
 * Never overwrites.
 */
export function writePrivacyIdeaCsv(path: string, records: readonly SeedRecord[], disk: FileSystem = DISK): number {
  const done = records.filter((record) => record.state === "done");
  createExclusive(path, done.map(line).join(""), disk);
  return done.length;
}

function line({ serial, key, suite }: SeedRecord): string {
  if (!FIELD.test(serial)) throw new SeedFileError("a serial number that does not fit into CSV; nothing was written");
  return `${serial}, ${key.toString("hex")}, ocra, ${suite}\n`;
}
