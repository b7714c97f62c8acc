// Personalization: one record makes a card a working one, in one commit.

import * as cbc from "./crypto/cbc";
import * as pin from "./pin";
import { commit, DEK, head, Life, PinCheck, revert, SERIAL, SERIAL_SIZE, SUITE, SUITE_SIZE } from "./store";
import * as token from "./token";
import * as unlock from "./unlock";
import * as vault from "./vault";
import { Outcome } from "./wire";

//  0  PIN check (1 card, 2 server)     1  tries (3 to 10)
//  2  length of the token key          3  length of the suite
//  4  serial number, zeros after it   14  suite, zeros after it
// 49  under the DEK: token key, zeros after it (64) | unlock key (32) | PIN, four ASCII digits (16)
const PIN_CHECK_AT: u32 = 0;
const TRIES_AT: u32 = 1;
const KEY_LENGTH_AT: u32 = 2;
const SUITE_LENGTH_AT: u32 = 3;
const SERIAL_AT: u32 = 4;
const SUITE_AT: u32 = 14;
const SECRETS_AT: u32 = 49;
const KEY_AT: u32 = 49;
const UNLOCK_KEY_AT: u32 = 113;
const PIN_AT: u32 = 145;
/** Bytes of a record. */
export const RECORD_SIZE: u32 = 161;
const SERIAL_FIELD: u32 = 10;
const SUITE_FIELD: u32 = 35;
const PIN_FIELD: u32 = 16;

const MIN_TRIES: u32 = 3;
const MAX_TRIES: u32 = 10;
const MIN_KEY: u32 = 16;

/**
 * Takes the record at `record`, whose secrets it decrypts there. The card is seeded then, and its keys
 * do not stay open. Returns DONE, REFUSED, RANDOM, BATTERY or FLASH.
 */
export function apply(record: usize): Outcome {
  cbc.decrypt(DEK, 0, record + SECRETS_AT, RECORD_SIZE - SECRETS_AT);
  const outcome = isValid(record) ? seed(record) : Outcome.REFUSED;
  if (outcome !== Outcome.DONE) revert();
  memory.fill(record, 0, RECORD_SIZE);
  vault.wipe();
  return outcome;
}

function seed(record: usize): Outcome {
  head.life = <u8>Life.SEEDED;
  head.pinCheck = load<u8>(record, PIN_CHECK_AT);
  head.tries = load<u8>(record, TRIES_AT);
  head.suiteLength = load<u8>(record, SUITE_LENGTH_AT);
  memory.fill(SERIAL, 0, SERIAL_SIZE);
  memory.copy(SERIAL, record + SERIAL_AT, SERIAL_FIELD);
  memory.fill(SUITE, 0, SUITE_SIZE);
  memory.copy(SUITE, record + SUITE_AT, SUITE_FIELD);
  memory.copy(vault.TOKEN_KEY, record + KEY_AT, vault.TOKEN_KEY_SIZE);
  memory.copy(vault.UNLOCK_KEY, record + UNLOCK_KEY_AT, vault.UNLOCK_KEY_SIZE);
  vault.admit();
  head.pinSpent = 0;
  head.codeSpent = 0;
  head.lockCode = 0;
  if (pin.judgedByServer()) {
    pin.setUnchecked();
    return commit();
  }
  const prepared = unlock.prepare();
  return prepared === Outcome.DONE ? pin.set(record + PIN_AT) : prepared;
}

/** Suites with P are for the server's check, and only those. */
function isValid(record: usize): bool {
  const check: u32 = load<u8>(record, PIN_CHECK_AT);
  const tries: u32 = load<u8>(record, TRIES_AT);
  const suiteLength: u32 = load<u8>(record, SUITE_LENGTH_AT);
  const keyLength: u32 = load<u8>(record, KEY_LENGTH_AT);
  if (check !== <u32>PinCheck.CARD && check !== <u32>PinCheck.SERVER) return false;
  if (tries < MIN_TRIES || tries > MAX_TRIES) return false;
  if (keyLength < MIN_KEY || keyLength > vault.TOKEN_KEY_SIZE) return false;
  if (suiteLength > SUITE_FIELD || !token.isSuite(record + SUITE_AT, suiteLength)) return false;
  if (token.suiteHasPin() !== (check === <u32>PinCheck.SERVER)) return false;
  if (!isFilled(record + SUITE_AT, suiteLength, SUITE_FIELD)) return false;
  if (!isFilled(record + KEY_AT, keyLength, vault.TOKEN_KEY_SIZE)) return false;
  if (!isFilled(record + PIN_AT, pin.PIN_SIZE, PIN_FIELD)) return false;
  return isSerial(record + SERIAL_AT) && pin.isDigits(record + PIN_AT, pin.PIN_SIZE);
}

/** Whether a field of `size` bytes has only zeros behind its first `length`. */
function isFilled(field: usize, length: u32, size: u32): bool {
  let bits: u32 = 0;
  for (let i = length; i < size; i++) bits |= load<u8>(field + i);
  return bits === 0;
}

/** "IB", seven digits and a zero byte. */
function isSerial(text: usize): bool {
  return load<u16>(text) === 0x4249 && pin.isDigits(text + 2, 7) && load<u8>(text, 9) === 0;
}
