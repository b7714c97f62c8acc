// Seeds for Nextcloud's app twofactor_oath, which imports CSV that is pasted into its settings. Keys are in base32.
//
// The app makes the suite again out of algorithm, digits and length of challenge, so no other suite can be imported; and it
// keeps one token for a user name.

import { SeedFileError } from "../files/errors.js";
import { DISK, type FileSystem } from "../files/files.js";
import { base32Of, concatSecrets } from "../files/secretbytes.js";
import { writeSecretLines } from "./csv.js";
import type { SeedRecord } from "./pskcrecords.js";
import { quoted } from "./pskcxml.js";
import { parseSuite } from "./suite.js";

const HEADER = "username,status,type,algorithm,digits,period,counter,challenge,suite,secret";
/** "none": this user has no token yet. */
const STATUS = "none";
/** The app divides at commas and knows no quotes; a spreadsheet takes what begins with =, +, - or @ for a formula. */
const USER_NAME = /^[\p{L}\p{N}_]([\p{L}\p{N}_ .@'-]*[\p{L}\p{N}_.@'-])?$/u;

/** A card that has a user name. */
type OwnedRecord = SeedRecord & { readonly userName: string };

/**
 * Writes the cards that are done and have a user name, and returns how many these are; throws where there is none, or where
 * one cannot be imported. Never overwrites.
 */
export function writeNextcloudCsv(path: string, records: readonly SeedRecord[], disk: FileSystem = DISK): number {
  const owned = records.filter((record): record is OwnedRecord => isDone(record) && record.userName !== undefined);
  if (owned.length === 0) throw new SeedFileError("no card has a user name, and Nextcloud knows no others");
  refuseSharedNames(owned);
  writeSecretLines(path, `${HEADER}\n`, owned, line, disk);
  return owned.length;
}

function isDone({ state }: SeedRecord): boolean {
  return state === "done";
}

function refuseSharedNames(records: readonly OwnedRecord[]): void {
  const seen = new Map<string, string>();
  for (const { userName, serial } of records) {
    const other = seen.get(userName);
    if (other !== undefined)
      throw new SeedFileError(`${quoted(other)} and ${quoted(serial)} have one user name; Nextcloud takes one of them`);
    seen.set(userName, serial);
  }
}

/** Wipe it after use. */
function line({ serial, suite, key, userName }: OwnedRecord): Buffer {
  // The app skips a line of this name as the header.
  if (!USER_NAME.test(userName) || userName.toLowerCase() === "username")
    throw new SeedFileError(`${quoted(serial)}: a user name that does not fit into CSV; nothing was written`);
  const { hash, digits, challenge } = parseSuite(suite);
  const made = `OCRA-1:HOTP-${hash}-${digits}:QN${String(challenge).padStart(2, "0")}`;
  // A whole HMAC (0 digits) is no suite of the app's either.
  if (suite !== made || digits === 0)
    throw new SeedFileError(`${quoted(serial)}: Nextcloud has no suite ${suite}; nothing was written`);
  const secret = base32Of(key);
  const fields = [userName, STATUS, "ocra", hash.toLowerCase(), digits, "", "", challenge, suite].join();
  const whole = concatSecrets(Buffer.from(`${fields},`), secret, Buffer.from("\n"));
  secret.fill(0);
  return whole;
}
