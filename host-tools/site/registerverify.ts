// The site's half of a login with the register: the response is judged, and its challenge is spent before anyone hears.

import { cardOf } from "../desk/register/cards.js";
import { spendChallenge } from "../desk/register/challenges.js";
import { type Change, change } from "../desk/register/change.js";
import { currentKey, hasNoKey } from "../desk/register/keys.js";
import type { Register } from "../desk/register/register.js";
import type { CardState } from "../desk/register/schema.js";
import { verifyResponse } from "./verify.js";

/** What was shown, and what was typed. */
export interface Answer {
  readonly serial: string;
  readonly challenge: string;
  readonly response: string;
  /** Four digits as ASCII, for a card whose PIN the site judges. */
  readonly pin?: Uint8Array | undefined;
}

/** States in which a card answers for its owner. A card that was lost, returned or retired is refused from that moment. */
export const ANSWERING: readonly CardState[] = ["seeded", "shipped", "active"];

/**
 * Whether the response is right, its challenge was open, and the card is in one of the states. The challenge is spent either
 * way, and with it, where the answer is accepted, `then` is done. Throws an InputError where challenge or PIN do not fit the
 * card: that is the site's mistake and spends nothing.
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
