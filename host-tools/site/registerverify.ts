// The site's side of a login with the register: the response is checked, and its challenge is spent before the verdict
// is returned.

import { cardOf } from "../desk/register/cards.js";
import { spendChallenge } from "../desk/register/challenges.js";
import { type Change, change } from "../desk/register/change.js";
import { currentKey, hasNoKey } from "../desk/register/keys.js";
import type { Register } from "../desk/register/register.js";
import type { CardState } from "../desk/register/schema.js";
import { verifyResponse } from "./verify.js";

/** The challenge that was shown, and the response that was typed. */
export interface Answer {
  readonly serial: string;
  readonly challenge: string;
  readonly response: string;
  /** Four digits as ASCII, for a card whose PIN the server checks. */
  readonly pin?: Uint8Array | undefined;
}

/** States in which responses of a card count. A lost, returned or retired card is refused at once. */
export const ANSWERING: readonly CardState[] = ["seeded", "shipped", "active"];

/**
 * Whether the response is right, its challenge was open, and the card is in one of the states. The challenge is spent
 * in any case; if the response is accepted, `then` is done in the same change. Throws an InputError if challenge or PIN
 * do not fit the card: that is the site's mistake and spends nothing.
 */
export async function acceptOnce(
  register: Register,
  { serial, challenge, response, pin }: Answer,
  states: readonly CardState[] = ANSWERING,
  then: (change: Change) => Promise<unknown> = async () => {},
): Promise<boolean> {
  const isRight = await register.engine.read(async (db) => {
    const { suite } = await cardOf(db, serial);
    const key = await currentKey(db, register, serial, "token");
    if (!key) throw await hasNoKey(db, serial, "token");
    try {
      return verifyResponse({ suite, key }, challenge, response, pin);
    } finally {
      key.fill(0);
    }
  });
  return change(register, async (each) => {
    const { state } = await cardOf(each.db, serial);
    const isAccepted = isRight && states.includes(state);
    if (!(await spendChallenge(each, serial, challenge, isAccepted)) || !isAccepted) return false;
    await then(each);
    return true;
  });
}
