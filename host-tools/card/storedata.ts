// The record of STORE DATA: what a card is personalized with, as it takes it (docs/PROTOCOL.md, STORE DATA).

import { copyOfSecret } from "../files/secretbytes.js";
import { encryptUnderDek } from "./keyset.js";
import { checkSerialNumber } from "./serialnumber.js";

const PIN_CHECK_CODES = { card: 1, server: 2 } as const;

/** What a card is personalized with. */
export interface PersonalizationRecord {
  readonly serial: string;
  readonly suite: string;
  /** Who judges the PIN. */
  readonly pinCheck: "card" | "server";
  /** Wrong PINs in a row that lock the card: 3 to 10. */
  readonly tries: number;
  /** Four digits. */
  readonly pin: string;
  /** The token key: 16 to 64 bytes. */
  readonly key: Uint8Array;
  /** 32 bytes. */
  readonly unlockKey: Uint8Array;
}

/** The same, its PIN perhaps in bytes of ASCII, which can be wiped. */
export type StoredRecord = Omit<PersonalizationRecord, "pin"> & { readonly pin: string | Uint8Array };

/** A value that does not fit its field. The message never holds it: it may be a secret. */
export class ValueError extends Error {
  override name = "ValueError";
}

/** Where the fields of STORE DATA's record begin, and how long they are. */
const RECORD = { SERIAL: 4, SUITE: 14, SECRETS: 49, SIZE: 161 } as const;
const SECRETS = { UNLOCK_KEY: 64, PIN: 96, SIZE: 112 } as const;
const LONGEST_SUITE = RECORD.SECRETS - RECORD.SUITE;

/** The record of STORE DATA, its secrets under the static DEK. */
export function encodeRecord(record: StoredRecord, dek: Uint8Array): Buffer {
  checkRecord(record);
  const bytes = Buffer.alloc(RECORD.SIZE);
  bytes.set([PIN_CHECK_CODES[record.pinCheck], record.tries, record.key.length, record.suite.length]);
  bytes.write(record.serial, RECORD.SERIAL, "ascii");
  bytes.write(record.suite, RECORD.SUITE, "ascii");
  const secrets = Buffer.alloc(SECRETS.SIZE);
  secrets.set(record.key);
  secrets.set(record.unlockKey, SECRETS.UNLOCK_KEY);
  const pin = digits("a PIN", record.pin, 4);
  secrets.set(pin, SECRETS.PIN);
  pin.fill(0);
  bytes.set(encryptUnderDek(dek, secrets), RECORD.SECRETS);
  secrets.fill(0);
  return bytes;
}

function checkRecord({ serial, suite, tries, pin, key, unlockKey }: StoredRecord): void {
  checkSerialNumber(serial);
  if (!/^[!-~]+$/.test(suite) || suite.length > LONGEST_SUITE) throw new ValueError("the suite is not one of a card");
  if (!Number.isInteger(tries) || tries < 3 || tries > 10) throw new ValueError("tries are 3 to 10");
  if (key.length < 16 || key.length > 64) throw new ValueError("a token key has 16 to 64 bytes");
  if (unlockKey.length !== 32) throw new ValueError("an unlock key has 32 bytes");
  digits("a PIN", pin, 4).fill(0);
}

/** Digits as the card takes them: ASCII, in bytes to be wiped. */
export function digits(what: string, text: string | Uint8Array, count: number): Buffer {
  const bytes = copyOfSecret(typeof text === "string" ? Buffer.from(text) : text);
  if (bytes.length === count && bytes.every((byte) => byte >= 0x30 && byte <= 0x39)) return bytes;
  bytes.fill(0);
  throw new ValueError(`${what} has ${count} digits`);
}
