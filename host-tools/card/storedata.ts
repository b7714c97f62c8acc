// The record of STORE DATA, which personalizes a card (docs/PROTOCOL.md, STORE DATA).

import { Digits, Limit, PinCheck, RecordAt } from "../../firmware/wire.js";
import { copyOfSecret } from "../files/secretbytes.js";
import { ValueError } from "./errors.js";
import { checkSerialNumber } from "./serialnumber.js";
import { encryptUnderDek } from "./transportkeys.js";

const PIN_CHECK_CODES = { card: PinCheck.CARD, server: PinCheck.SERVER } as const;

/** The contents of the record. */
export interface PersonalizationRecord {
  readonly serial: string;
  readonly suite: string;
  /** Who checks the PIN. */
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

/** As CardRecord, but the PIN may also be ASCII bytes, which can be wiped. */
export type StoredRecord = Omit<PersonalizationRecord, "pin"> & { readonly pin: string | Uint8Array };

/** The record of STORE DATA, its secrets encrypted under the static DEK. */
export function encodeRecord(record: StoredRecord, dek: Uint8Array): Buffer {
  checkRecord(record);
  const bytes = Buffer.alloc(RecordAt.SIZE);
  bytes[RecordAt.PIN_CHECK] = PIN_CHECK_CODES[record.pinCheck];
  bytes[RecordAt.TRIES] = record.tries;
  bytes[RecordAt.KEY_LENGTH] = record.key.length;
  bytes[RecordAt.SUITE_LENGTH] = record.suite.length;
  bytes.write(record.serial, RecordAt.SERIAL, "ascii");
  bytes.write(record.suite, RecordAt.SUITE, "ascii");
  const secrets = Buffer.alloc(RecordAt.SIZE - RecordAt.SECRETS);
  secrets.set(record.key, RecordAt.KEY - RecordAt.SECRETS);
  secrets.set(record.unlockKey, RecordAt.UNLOCK_KEY - RecordAt.SECRETS);
  const pin = digits("a PIN", record.pin, Digits.PIN);
  secrets.set(pin, RecordAt.PIN - RecordAt.SECRETS);
  pin.fill(0);
  bytes.set(encryptUnderDek(dek, secrets), RecordAt.SECRETS);
  secrets.fill(0);
  return bytes;
}

function checkRecord({ serial, suite, tries, pin, key, unlockKey }: StoredRecord): void {
  checkSerialNumber(serial);
  if (!/^[!-~]+$/.test(suite) || suite.length > Limit.LONGEST_SUITE)
    throw new ValueError("cards do not support this suite");
  if (!Number.isInteger(tries) || tries < Limit.LEAST_TRIES || tries > Limit.MOST_TRIES)
    throw new ValueError(`tries are ${Limit.LEAST_TRIES} to ${Limit.MOST_TRIES}`);
  if (key.length < Limit.SHORTEST_KEY || key.length > Limit.LONGEST_KEY)
    throw new ValueError(`a token key has ${Limit.SHORTEST_KEY} to ${Limit.LONGEST_KEY} bytes`);
  if (unlockKey.length !== Limit.UNLOCK_KEY) throw new ValueError(`an unlock key has ${Limit.UNLOCK_KEY} bytes`);
  digits("a PIN", pin, Digits.PIN).fill(0);
}

/** Digits as ASCII bytes for the card; the caller wipes them. */
export function digits(what: string, text: string | Uint8Array, count: number): Buffer {
  const bytes = copyOfSecret(typeof text === "string" ? Buffer.from(text) : text);
  if (bytes.length === count && bytes.every((byte) => byte >= 0x30 && byte <= 0x39)) return bytes;
  bytes.fill(0);
  throw new ValueError(`${what} has ${count} digits`);
}
