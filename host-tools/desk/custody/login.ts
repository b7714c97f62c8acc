// Logging in to a token. A PIN is tried once.

import { type Cryptoki, codeOf, type Handle, TokenFlag, USER } from "./cryptoki.js";
import { TokenPinError } from "./errors.js";
import { pinFailure } from "./failures.js";
import { describe } from "./slots.js";

/** A PIN, and whether a person typed it. The PIN is wiped after use. */
export interface GivenPin {
  readonly pin: Buffer;
  readonly typed: boolean;
}

/** Returns the PIN of the named token. */
export type AskPin = (token: string) => Promise<GivenPin>;

/** Logs in with one try, unless the token is locked. Throws a TokenPinError. */
export async function logIn(
  cryptoki: Cryptoki,
  slot: Handle,
  session: Handle,
  name: string,
  askPin: AskPin,
): Promise<void> {
  const { flags } = describe(cryptoki, slot).info;
  if (flags & TokenFlag.LOCKED) throw pinFailure("CKR_PIN_LOCKED", name);
  if (flags & TokenFlag.PROTECTED_PATH) return tryPin(cryptoki, session, name, undefined);
  const { pin, typed } = await askPin(name);
  try {
    if (flags & TokenFlag.FINAL_TRY && !typed)
      throw new TokenPinError(
        `${name}: one more wrong PIN locks it, so the PIN file is not used; type the PIN once at a terminal`,
        "pin",
      );
    // The package takes only a string, which cannot be wiped.
    tryPin(cryptoki, session, name, pin.toString("utf8"));
  } finally {
    pin.fill(0);
  }
}

function tryPin(cryptoki: Cryptoki, session: Handle, name: string, pin: string | undefined): void {
  try {
    cryptoki.C_Login(session, USER, pin);
  } catch (error) {
    throw pinFailure(codeOf(error), name);
  }
}
