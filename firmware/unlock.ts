// Unlocking: the card shows a lock code, the help desk answers with the unlock code that belongs to it.

import * as ocra from "./crypto/ocra";
import * as host from "./host";
import * as onetry from "./onetry";
import { Outcome } from "./outcome";
import { commit, destroy, head, Wrap } from "./pages";
import { spent, spentBackwards, Tally } from "./tally";
import * as vault from "./vault";
import { Use } from "./vault";
import { Digits, Limit } from "./wire";

export const CODE_SIZE: u32 = Digits.CODE;
/** The fifth wrong code blocks the card. */
const CODE_TRIES: u32 = Limit.CODE_TRIES;
const SUITE_SIZE: u32 = 25;
const DRAWS: u32 = 16;

const DRAWN: usize = memory.data(4);
/** "OCRA-1:HOTP-SHA256-8:QN08" */
const SUITE: usize = memory.data<u8>([
  0x4f, 0x43, 0x52, 0x41, 0x2d, 0x31, 0x3a, 0x48, 0x4f, 0x54, 0x50, 0x2d, 0x53, 0x48, 0x41, 0x32, 0x35, 0x36, 0x2d,
  0x38, 0x3a, 0x51, 0x4e, 0x30, 0x38,
]);
const LOCK_CODE: usize = memory.data(8);
const CODE: usize = memory.data(8);

/** Whether only a new personalization brings the card back. */
export function isBlocked(): bool {
  return spent(Tally.CODE) >= CODE_TRIES;
}

/** Code tries left. */
export function triesLeft(): u32 {
  const used = spent(Tally.CODE);
  return used < CODE_TRIES ? CODE_TRIES - used : 0;
}

/** Destroys the wrap under the unlock code; the secrets are gone for good. */
export function block(): Outcome {
  return destroy(Wrap.CODE);
}

/** Writes the eight digits of the lock code to `out`. */
export function lockCode(out: usize): void {
  ocra.decimal(head.lockCode, CODE_SIZE, out);
}

/**
 * Checks the unlock code at `digits`. A right code leaves the secrets open and commits a fresh lock code, so that no
 * unlock code works twice. Returns DONE, WRONG, LAST (blocked now), BATTERY, FLASH or RANDOM.
 */
export function check(digits: usize): Outcome {
  const before = spent(Tally.CODE);
  if (before >= CODE_TRIES) return lost();
  const opened = onetry.open(Tally.CODE, Wrap.CODE, Use.CODE, digits, CODE_SIZE);
  if (opened === Outcome.DONE && onetry.confirmed()) return onetry.conclude(renew(before));
  vault.wipe();
  if (opened !== Outcome.DONE && opened !== Outcome.WRONG) return opened;
  return spentBackwards(Tally.CODE) < CODE_TRIES ? Outcome.WRONG : lost();
}

/**
 * Draws a lock code and seals the open secrets, in memory, under its unlock code. A lock code is never a multiple of
 * 16, since two such codes could fill OCRA's challenge field with the same bytes. Returns DONE or RANDOM.
 */
export function prepare(): Outcome {
  const old = head.lockCode;
  for (let i: u32 = 0; i < DRAWS; i++) {
    if (!host.random(DRAWN, 4)) return Outcome.RANDOM;
    const value = load<u32>(DRAWN);
    const code = value % 100_000_000;
    // 4,200,000,000 is the last multiple of 10^8: values above it would make some codes more likely.
    if (value >= 4_200_000_000 || code % 16 === 0 || code === old) continue;
    head.lockCode = code;
    unlockCode();
    vault.seal(Wrap.CODE, Use.CODE, CODE, CODE_SIZE);
    wipe();
    return Outcome.DONE;
  }
  return Outcome.RANDOM;
}

/** Wipes the codes. */
export function wipe(): void {
  memory.fill(DRAWN, 0, 4);
  memory.fill(LOCK_CODE, 0, 8);
  memory.fill(CODE, 0, 8);
}

/** Computes the unlock code in CODE: OCRA under the unlock key, over the lock code. */
function unlockCode(): void {
  lockCode(LOCK_CODE);
  ocra.parse(SUITE, SUITE_SIZE);
  ocra.input.challenge = LOCK_CODE;
  ocra.input.challengeLength = CODE_SIZE;
  ocra.respond(SUITE, SUITE_SIZE, vault.UNLOCK_KEY, vault.UNLOCK_KEY_SIZE, CODE);
}

function renew(wrongBefore: u32): Outcome {
  const prepared = prepare();
  if (prepared !== Outcome.DONE) return prepared;
  head.codeSpent = wrongBefore as u8;
  head.pinSpent = head.tries;
  return commit();
}

function lost(): Outcome {
  const destroyed = block();
  return destroyed === Outcome.DONE ? Outcome.LAST : destroyed;
}
