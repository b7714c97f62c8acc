// Seeds for Nextcloud's app twofactor_oath, which imports CSV pasted into its settings. Keys are in base32.
//
// The app rebuilds the suite from algorithm, digits and length of challenge, so no other suite can be imported. It
// keeps one token for each user name.

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
/**
 * The app splits at commas and does not support quotes; a spreadsheet takes a value that begins with =, +, - or @ for a
 * formula.
 */
const USER_NAME = /^[\p{L}\p{N}_]([\p{L}\p{N}_ .@'-]*[\p{L}\p{N}_.@'-])?$/u;

/** A card that has a user name. */
type OwnedRecord = SeedRecord & { readonly userName: string };

/**
 * Writes the cards that are done and have a user name, and returns their number. Throws if there is none, or if one
 * cannot be imported. Never overwrites.
 */
export function writeNextcloudCsv(path: string, records: readonly SeedRecord[], disk: FileSystem = DISK): number {
  const owned = records.filter((record): record is OwnedRecord => isDone(record) && record.userName !== undefined);
  if (owned.length === 0) throw new SeedFileError("no card has a user name, which Nextcloud requires");
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
      throw new SeedFileError(
        `${quoted(other)} and ${quoted(serial)} have the same user name; Nextcloud takes only one card for a user`,
      );
    seen.set(userName, serial);
  }
}

/** Wipe it after use. */
function line({ serial, suite, key, userName }: OwnedRecord): Buffer {
  // The app skips a line with this name as the header.
  if (!USER_NAME.test(userName) || userName.toLowerCase() === "username")
    throw new SeedFileError(`${quoted(serial)}: the user name does not fit into CSV; nothing was written`);
  const { hash, digits, challenge } = parseSuite(suite);
  const made = `OCRA-1:HOTP-${hash}-${digits}:QN${String(challenge).padStart(2, "0")}`;
  // The app has no suite with a whole HMAC (0 digits).
  if (suite !== made || digits === 0)
    throw new SeedFileError(`${quoted(serial)}: Nextcloud has no suite ${suite}; nothing was written`);
  const secret = base32Of(key);
  const fields = [userName, STATUS, "ocra", hash.toLowerCase(), digits, "", "", challenge, suite].join();
  const whole = concatSecrets(Buffer.from(`${fields},`), secret, Buffer.from("\n"));
  secret.fill(0);
  return whole;
}
