// The help desk's half of unlocking a card, with the register: a lock code comes in, an unlock code goes out, and the journal
// says so.

import { cardOf } from "../desk/register/cards.js";
import type { Change } from "../desk/register/change.js";
import { RegisterError } from "../desk/register/errors.js";
import { currentKey } from "../desk/register/keys.js";
import type { CardState } from "../desk/register/schema.js";
import { UsageError } from "../files/errors.js";
import { ocra } from "../seeds/ocra.js";
import { UNLOCK_SUITE } from "../seeds/pskcrecords.js";

/** Cards whose owner may call the help desk. */
const UNLOCKED: readonly CardState[] = ["seeded", "shipped", "active"];
const LOCK_CODE = /^[0-9]{8}$/;
/** OCRA gives x and 16 x one response, so no card shows a lock code that is a multiple of 16. */
const OCRA_PAD = 16;

/** Throws a UsageError for what no card shows. */
export function checkLockCode(lockCode: string): void {
  if (!LOCK_CODE.test(lockCode)) throw new UsageError("--lock-code: 8 digits are expected, leading zeros included");
  if (Number(lockCode) % OCRA_PAD === 0)
    throw new UsageError("--lock-code: no card shows a multiple of 16; it was misheard, ask for it again");
}

/** The unlock code for a lock code: 8 digits, the same whenever it is asked for. Each time is an entry of the journal. */
export async function giveUnlockCode(
  { db, register, note }: Change,
  serial: string,
  lockCode: string,
): Promise<string> {
  checkLockCode(lockCode);
  const { state } = await cardOf(db, serial);
  if (!UNLOCKED.includes(state))
    throw new RegisterError(`${serial} is ${state}: no unlock code is given for it`, "state");
  const key = await currentKey(db, register, serial, "unlock");
  if (!key) throw new RegisterError(`${serial}: the register has no unlock key for it`, "unknown");
  try {
    await note({ action: "unlock", serial, detail: { lockCode } });
    return ocra(UNLOCK_SUITE, key, { challenge: lockCode });
  } finally {
    key.fill(0);
  }
}
