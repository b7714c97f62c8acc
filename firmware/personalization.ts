// Personalization: one record makes a blank card a working one, in one commit.

import * as pin from "./pin";
import { commit, head, Life, PinCheck, SERIAL, SERIAL_SIZE, SUITE, SUITE_SIZE } from "./store";
import * as token from "./token";
import * as unlock from "./unlock";
import * as vault from "./vault";
import { Outcome } from "./wire";

//  0  PIN check (1 card, 2 server)    1  tries (3 to 10)
//  2  length of the suite             3  length of the token key (16 to 64)
//  4  PIN, four ASCII digits          8  serial number, zeros after it
// 20  suite, zeros after it          56  token key, zeros after it    120  unlock key
const PIN_CHECK_AT: u32 = 0;
const TRIES_AT: u32 = 1;
const SUITE_LENGTH_AT: u32 = 2;
const KEY_LENGTH_AT: u32 = 3;
const PIN_AT: u32 = 4;
const SERIAL_AT: u32 = 8;
const SUITE_AT: u32 = 20;
const KEY_AT: u32 = 56;
const UNLOCK_KEY_AT: u32 = 120;
const RECORD_SIZE: u32 = 152;
export const RECORD: usize = memory.data(152);

@unmanaged
class Collected {
  length: u32;
}
const collected = changetype<Collected>(memory.data(4));

const MIN_TRIES: u32 = 3;
const MAX_TRIES: u32 = 10;
const MIN_KEY: u32 = 16;

/** Adds a byte to RECORD. Returns true when it is complete; the next byte begins a new one. */
export function collect(byte: u32): bool {
  store<u8>(RECORD + collected.length, byte as u8);
  collected.length = (collected.length + 1) % RECORD_SIZE;
  return collected.length === 0;
}

/** Forgets the record. */
export function wipe(): void {
  memory.fill(RECORD, 0, RECORD_SIZE);
}

/** Takes the record at `record`. Returns DONE, REFUSED, RANDOM, BATTERY or FLASH; keys do not stay open. */
export function apply(record: usize): Outcome {
  if (!isValid(record)) return Outcome.REFUSED;
  head.life = <u8>Life.PERSONALIZED;
  head.pinCheck = load<u8>(record, PIN_CHECK_AT);
  head.tries = load<u8>(record, TRIES_AT);
  head.suiteLength = load<u8>(record, SUITE_LENGTH_AT);
  memory.copy(SERIAL, record + SERIAL_AT, SERIAL_SIZE);
  memory.copy(SUITE, record + SUITE_AT, SUITE_SIZE);
  memory.copy(vault.TOKEN_KEY, record + KEY_AT, vault.TOKEN_KEY_SIZE);
  memory.copy(vault.UNLOCK_KEY, record + UNLOCK_KEY_AT, vault.UNLOCK_KEY_SIZE);
  const outcome = sealAndCommit(record + PIN_AT);
  vault.wipe();
  return outcome;
}

function sealAndCommit(digits: usize): Outcome {
  if (pin.judgedByServer()) {
    pin.setUnchecked();
    head.pinSpent = 0;
    head.codeSpent = 0;
    return commit();
  }
  const prepared = unlock.prepare();
  return prepared === Outcome.DONE ? pin.set(digits) : prepared;
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
  if (suiteLength > SUITE_SIZE || !token.isSuite(record + SUITE_AT, suiteLength)) return false;
  if (token.suiteHasPin() !== (check === <u32>PinCheck.SERVER)) return false;
  for (let i: u32 = 0; i < pin.PIN_SIZE; i++) {
    const digit: u32 = load<u8>(record + PIN_AT + i);
    if (digit < 0x30 || digit > 0x39) return false;
  }
  return true;
}
