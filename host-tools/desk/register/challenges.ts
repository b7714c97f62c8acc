// The site's challenges in the register: random, for one card, valid for five minutes and for one response.
//
// A challenge is spent by one conditional update, committed before anyone learns the verdict: if any number of
// processes verify it at once, one wins, on either engine. It is spent by a right response and by a wrong one. A
// challenge that was presented outside its time (expired, or issued later than now) is closed permanently, so that
// setting the clock back opens nothing.
//
// OCRA pads the hexadecimal form of a challenge with zeros on the right, so x and 16x have the same response (RFC 6287
// §5.1). So no challenge here is a multiple of 16.

import { randomInt } from "node:crypto";
import type { Kysely } from "kysely";
import type { Change } from "./change.js";
import { RegisterError } from "./errors.js";
import { CLOCK_TOLERANCE, keepTime } from "./registerclock.js";
import type { Tables } from "./schema.js";

/** Life of a challenge (ms). */
export const LIFETIME = 5 * 60_000;
/**
 * The time after its end for which a challenge is not issued again unless its response was right (ms). One that was
 * answered right is never issued again.
 */
export const REMEMBERED = 24 * 60 * 60_000;

/** How far the stored latest time may lag behind (ms). */
const CLOCK_LAG = 1000;

const DIGITS = 6;
const LIMIT = 10 ** DIGITS;
const OCRA_PAD = 16;
/** The most failed draws in a row: more mean that nearly every challenge is taken. */
const MOST_DRAWS = 100;

export type Draw = (limit: number) => number;

/** Draws a fresh challenge for a card: six digits. */
export async function issueChallenge(change: Change, serial: string, draw: Draw = randomInt): Promise<string> {
  const { db, at } = change;
  await forgetOld(db, serial, at);
  const challenge = await drawFresh(db, serial, draw);
  await db
    .insertInto("challenges")
    .values({ serial, challenge, issued: at, expires: at + LIFETIME, used: 0, response_right: null })
    .execute();
  await keepTime(db, at, CLOCK_LAG);
  return challenge;
}

/**
 * Spends the challenge and returns whether it was open. `right`: whether its response is right, for the records. Nobody
 * learns the verdict before this is committed.
 */
export async function spendChallenge(
  change: Change,
  serial: string,
  challenge: string,
  right: boolean,
): Promise<boolean> {
  const { db, at } = change;
  const { numUpdatedRows } = await db
    .updateTable("challenges")
    .set({ used: 1, response_right: right ? 1 : 0 })
    .where("serial", "=", serial)
    .where("challenge", "=", challenge)
    .where("used", "=", 0)
    .where("expires", ">", at)
    .where("issued", "<=", at + CLOCK_TOLERANCE)
    .executeTakeFirst();
  const open = numUpdatedRows > 0n;
  if (!open) await closeForGood(db, serial, challenge);
  await db
    .insertInto("attempts")
    .values({ serial, at, right: open && right ? 1 : 0 })
    .execute();
  await keepTime(db, at, CLOCK_LAG);
  return open;
}

async function closeForGood(db: Kysely<Tables>, serial: string, challenge: string): Promise<void> {
  await db
    .updateTable("challenges")
    .set({ used: 1 })
    .where("serial", "=", serial)
    .where("challenge", "=", challenge)
    .where("used", "=", 0)
    .execute();
}

/** Challenges that were answered right are kept for ever. */
async function forgetOld(db: Kysely<Tables>, serial: string, at: number): Promise<void> {
  await db
    .deleteFrom("challenges")
    .where("serial", "=", serial)
    .where("expires", "<", at - REMEMBERED)
    .where((is) => is.or([is("response_right", "is", null), is("response_right", "=", 0)]))
    .execute();
}

async function drawFresh(db: Kysely<Tables>, serial: string, draw: Draw): Promise<string> {
  for (let draws = 0; draws < MOST_DRAWS; draws++) {
    const number = draw(LIMIT);
    const challenge = String(number).padStart(DIGITS, "0");
    if (number % OCRA_PAD !== 0 && !(await isTaken(db, serial, challenge))) return challenge;
  }
  throw new RegisterError(`${serial}: nearly every challenge was used for this card; replace it`, "full");
}

async function isTaken(db: Kysely<Tables>, serial: string, challenge: string): Promise<boolean> {
  const row = await db
    .selectFrom("challenges")
    .select("number")
    .where("serial", "=", serial)
    .where("challenge", "=", challenge)
    .executeTakeFirst();
  return row !== undefined;
}
