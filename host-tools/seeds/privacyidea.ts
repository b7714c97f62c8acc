// Seeds for privacyIDEA, which imports OCRA tokens from lines "serial, key in hexadecimal, ocra, suite".

import { SeedFileError } from "../files/errors.js";
import { DISK, type FileSystem } from "../files/files.js";
import { concatSecrets, hexOf } from "../files/secretbytes.js";
import { writeSecretLines } from "./csv.js";
import type { SeedRecord } from "./pskcrecords.js";

/** Fields are separated by commas and not quoted; # begins a comment, and =, +, - or @ a formula of a spreadsheet. */
const FIELD = /^[A-Za-z0-9][A-Za-z0-9._:/-]*$/;

/** Writes the cards that are done and returns their number. Pending cards have no owner yet. Never overwrites. */
export function writePrivacyIdeaCsv(path: string, records: readonly SeedRecord[], disk: FileSystem = DISK): number {
  const done = records.filter((record) => record.state === "done");
  writeSecretLines(path, "", done, line, disk);
  return done.length;
}

/** Wipe it after use. */
function line({ serial, key, suite }: SeedRecord): Buffer {
  if (!FIELD.test(serial)) throw new SeedFileError("the serial number does not fit into CSV; nothing was written");
  const hex = hexOf(key);
  const whole = concatSecrets(Buffer.from(`${serial}, `), hex, Buffer.from(`, ocra, ${suite}\n`));
  hex.fill(0);
  return whole;
}
