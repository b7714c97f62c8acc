// Personalization: one record gives a card its keys, PIN and serial number, in one commit.

import * as cbc from "./crypto/cbc";
import { Outcome } from "./outcome";
import { commit, DEK, head, revert, SERIAL, SERIAL_SIZE, SUITE, SUITE_SIZE } from "./pages";
import * as pin from "./pin";
import * as token from "./token";
import * as unlock from "./unlock";
import * as vault from "./vault";
import { Life, Limit, PinCheck, RecordAt } from "./wire";

/** Bytes of a record. */
export const RECORD_SIZE: u32 = RecordAt.SIZE;
const SECRETS_SIZE: u32 = RecordAt.SIZE - RecordAt.SECRETS;
const SERIAL_FIELD: u32 = RecordAt.SUITE - RecordAt.SERIAL;
const SUITE_FIELD: u32 = RecordAt.SECRETS - RecordAt.SUITE;
const PIN_FIELD: u32 = RecordAt.SIZE - RecordAt.PIN;

const MIN_TRIES: u32 = Limit.LEAST_TRIES;
const MAX_TRIES: u32 = Limit.MOST_TRIES;
const MIN_KEY: u32 = Limit.SHORTEST_KEY;

/**
 * Decrypts the secrets of the record at `record` in place and writes the record to flash. The card is seeded then, and
 * no secret stays open. Returns DONE, REFUSED, RANDOM, BATTERY or FLASH.
 */
export function apply(record: usize): Outcome {
  cbc.decrypt(DEK, 0, record + RecordAt.SECRETS, SECRETS_SIZE);
  const outcome = isValid(record) ? seed(record) : Outcome.REFUSED;
  if (outcome !== Outcome.DONE) revert();
  memory.fill(record, 0, RECORD_SIZE);
  vault.wipe();
  return outcome;
}

function seed(record: usize): Outcome {
  head.life = <u8>Life.SEEDED;
  head.pinCheck = load<u8>(record, RecordAt.PIN_CHECK);
  head.tries = load<u8>(record, RecordAt.TRIES);
  head.suiteLength = load<u8>(record, RecordAt.SUITE_LENGTH);
  memory.fill(SERIAL, 0, SERIAL_SIZE);
  memory.copy(SERIAL, record + RecordAt.SERIAL, SERIAL_FIELD);
  memory.fill(SUITE, 0, SUITE_SIZE);
  memory.copy(SUITE, record + RecordAt.SUITE, SUITE_FIELD);
  memory.copy(vault.TOKEN_KEY, record + RecordAt.KEY, vault.TOKEN_KEY_SIZE);
  memory.copy(vault.UNLOCK_KEY, record + RecordAt.UNLOCK_KEY, vault.UNLOCK_KEY_SIZE);
  vault.admit();
  head.pinSpent = 0;
  head.codeSpent = 0;
  head.lockCode = 0;
  if (pin.judgedByServer()) {
    pin.setUnchecked();
    return commit();
  }
  const prepared = unlock.prepare();
  return prepared === Outcome.DONE ? pin.set(record + RecordAt.PIN) : prepared;
}

/** Whether a record is valid. A suite has P if and only if the server judges the PIN. */
function isValid(record: usize): bool {
  const check: u32 = load<u8>(record, RecordAt.PIN_CHECK);
  const tries: u32 = load<u8>(record, RecordAt.TRIES);
  const suiteLength: u32 = load<u8>(record, RecordAt.SUITE_LENGTH);
  const keyLength: u32 = load<u8>(record, RecordAt.KEY_LENGTH);
  if (check !== <u32>PinCheck.CARD && check !== <u32>PinCheck.SERVER) return false;
  if (tries < MIN_TRIES || tries > MAX_TRIES) return false;
  if (keyLength < MIN_KEY || keyLength > vault.TOKEN_KEY_SIZE) return false;
  if (suiteLength > SUITE_FIELD || !token.isSuite(record + RecordAt.SUITE, suiteLength)) return false;
  if (token.suiteHasPin() !== (check === <u32>PinCheck.SERVER)) return false;
  if (!isFilled(record + RecordAt.SUITE, suiteLength, SUITE_FIELD)) return false;
  if (!isFilled(record + RecordAt.KEY, keyLength, vault.TOKEN_KEY_SIZE)) return false;
  if (!isFilled(record + RecordAt.PIN, pin.PIN_SIZE, PIN_FIELD)) return false;
  return isSerial(record + RecordAt.SERIAL) && pin.isDigits(record + RecordAt.PIN, pin.PIN_SIZE);
}

/** Whether a field of `size` bytes has only zeros after its first `length`. */
function isFilled(field: usize, length: u32, size: u32): bool {
  let bits: u32 = 0;
  for (let i = length; i < size; i++) bits |= load<u8>(field + i);
  return bits === 0;
}

/** "IB", seven digits and a zero byte. */
function isSerial(text: usize): bool {
  return load<u16>(text) === 0x4249 && pin.isDigits(text + 2, Limit.SERIAL - 2) && load<u8>(text, Limit.SERIAL) === 0;
}
