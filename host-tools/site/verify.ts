// The site's side of a login: checks whether a response is the card's response to a challenge.

import { createHash, timingSafeEqual } from "node:crypto";
import { InputError } from "../seeds/errors.js";
import { ocra } from "../seeds/ocra.js";
import { parseSuite } from "../seeds/suite.js";

/** The site's record of a card. */
export interface Verifier {
  readonly suite: string;
  readonly key: Uint8Array;
}

/**
 * Whether the response is right. For a suite with P the given PIN is part of the check; a card that checks the PIN
 * itself takes none. Throws an InputError if challenge or PIN do not fit the card: that is the site's mistake, not the
 * owner's.
 */
export function verifyResponse(
  card: Verifier,
  challenge: string,
  response: string,
  pin?: string | Uint8Array,
): boolean {
  const suite = parseSuite(card.suite);
  if (challenge.length !== suite.challenge) throw new InputError(`the challenge has ${suite.challenge} digits`);
  if (!suite.pin && pin !== undefined) throw new InputError("this card checks the PIN itself; the site takes none");
  return same(response, ocra(card.suite, card.key, { challenge, pin }));
}

/** Compares in constant time, even if the lengths differ. */
export function same(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
