// The help desk's side of unlocking a card: computes the unlock code for a lock code, and records it in the journal.

import { cardsNow, isApprovalSet, type Subject } from "../desk/register/approvals.js";
import { cardOf } from "../desk/register/cards.js";
import type { Change } from "../desk/register/change.js";
import { RegisterError } from "../desk/register/errors.js";
import { currentKey, hasNoKey } from "../desk/register/keys.js";
import type { CardState } from "../desk/register/schema.js";
import { UsageError } from "../files/errors.js";
import { ocra } from "../seeds/ocra.js";
import { UNLOCK_SUITE } from "../seeds/suite.js";

/** States of cards whose owner may call the help desk. */
const UNLOCKED: readonly CardState[] = ["seeded", "shipped", "active"];
const LOCK_CODE = /^[0-9]{8}$/;
/** OCRA gives x and 16x the same response, so no card shows a lock code that is a multiple of 16. */
const OCRA_PAD = 16;

/** Throws a UsageError for a code that no card shows. */
export function checkLockCode(lockCode: string): void {
  if (!LOCK_CODE.test(lockCode)) throw new UsageError("--lock-code: 8 digits are expected, leading zeros included");
  if (Number(lockCode) % OCRA_PAD === 0)
    throw new UsageError("--lock-code: no card shows a multiple of 16; ask the caller to repeat it");
}

/** The subject of an approval, if the settings require one. */
export async function unlockSubject({ db }: Change, serial: string, lockCode: string): Promise<Subject | undefined> {
  if (!(await isApprovalSet(db, "approval.unlock"))) return undefined;
  checkLockCode(lockCode);
  await refuseState(db, serial);
  const cards = await cardsNow(db, [serial]);
  return { command: "unlock", arguments: { "lock code": lockCode }, cards, recipient: null };
}

async function refuseState(db: Change["db"], serial: string): Promise<void> {
  const { state } = await cardOf(db, serial);
  if (!UNLOCKED.includes(state)) throw new RegisterError(`${serial} is ${state}: it gets no unlock code`, "state");
}

/** The unlock code for a lock code: 8 digits, always the same. Each call adds an entry to the journal. */
export async function giveUnlockCode(
  { db, register, note }: Change,
  serial: string,
  lockCode: string,
): Promise<string> {
  checkLockCode(lockCode);
  await refuseState(db, serial);
  const key = await currentKey(db, register, serial, "unlock");
  if (!key) throw await hasNoKey(db, serial, "unlock");
  try {
    await note({ action: "unlock", serial, detail: { lockCode } });
    return ocra(UNLOCK_SUITE, key, { challenge: lockCode });
  } finally {
    key.fill(0);
  }
}
