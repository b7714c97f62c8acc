// The response: the card's suite and token key over a challenge (RFC 6287).

import * as hash from "./crypto/hash";
import * as ocra from "./crypto/ocra";
import { head, SUITE, SUITE_SIZE } from "./pages";
import { PIN_SIZE } from "./pin";
import * as vault from "./vault";
import { Digits, Life, SuitesAt } from "./wire";

export const CHALLENGE_SIZE: u32 = Digits.CHALLENGE;
export const RESPONSE_SIZE: u32 = Digits.RESPONSE;
const PIN_HASH: usize = memory.data(64);

/**
 * Whether the suite of `length` bytes at `text` is one that the card supports: QN06, eight digits, with or without P.
 */
export function isSuite(text: usize, length: u32): bool {
  if (!ocra.parse(text, length)) return false;
  const suite = ocra.suite;
  if (suite.digits !== RESPONSE_SIZE || suite.format !== ocra.Ascii.N || suite.challenge !== CHALLENGE_SIZE)
    return false;
  return !suite.counter && !suite.session && !suite.step;
}

/** Whether the current page holds such a suite. True on a blank card, which has none. */
export function isKeptSuite(): bool {
  return head.life === <u8>Life.BLANK || (head.suiteLength <= <u8>SUITE_SIZE && isSuite(SUITE, head.suiteLength));
}

/** Writes which suites `isSuite` accepts, laid out as SuitesAt. Returns the number of bytes. */
export function listSuites(out: usize): u32 {
  store<u8>(out, 0b111, SuitesAt.HASHES);
  store<u8>(out, 0b111, SuitesAt.PIN_HASHES);
  store<u8>(out, RESPONSE_SIZE as u8, SuitesAt.DIGITS);
  store<u8>(out, CHALLENGE_SIZE as u8, SuitesAt.CHALLENGE);
  return SuitesAt.SIZE;
}

/** Whether the suite parsed last puts the PIN into the response. */
export function suiteHasPin(): bool {
  return ocra.suite.pin !== 0;
}

/** Computes the response to the six digits at `challenge`, with the PIN at `pin` where the suite has P. */
export function respond(challenge: usize, pin: usize, out: usize): void {
  ocra.parse(SUITE, head.suiteLength);
  if (ocra.suite.pin) {
    hash.begin(ocra.suite.pin);
    hash.update(pin, PIN_SIZE);
    hash.end(PIN_HASH);
  }
  ocra.input.challenge = challenge;
  ocra.input.challengeLength = CHALLENGE_SIZE;
  ocra.input.pin = PIN_HASH;
  ocra.respond(SUITE, head.suiteLength, vault.TOKEN_KEY, vault.TOKEN_KEY_SIZE, out);
  memory.fill(PIN_HASH, 0, 64);
}
