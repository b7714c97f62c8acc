// The errors of a module, in one line each.

import { codeOf } from "./cryptoki.js";
import { TokenError, TokenPinError, type TokenReason } from "./errors.js";

/** The CKR_ values in words. */
const MEANINGS: readonly [TokenReason, string, readonly string[]][] = [
  [
    "removed",
    "the token, or its key, is gone; put the token back and run the command again",
    [
      "CKR_DEVICE_REMOVED",
      "CKR_DEVICE_ERROR",
      "CKR_TOKEN_NOT_PRESENT",
      "CKR_TOKEN_NOT_RECOGNIZED",
      "CKR_SLOT_ID_INVALID",
      "CKR_SESSION_CLOSED",
      "CKR_SESSION_HANDLE_INVALID",
      "CKR_KEY_HANDLE_INVALID",
      "CKR_OBJECT_HANDLE_INVALID",
      "CKR_USER_NOT_LOGGED_IN",
    ],
  ],
  ["read-only", "the token takes no new keys: it is read-only", ["CKR_TOKEN_WRITE_PROTECTED", "CKR_SESSION_READ_ONLY"]],
  ["full", "the token is full; delete objects that it does not need", ["CKR_DEVICE_MEMORY"]],
  ["unsupported", "the token refuses this use of the key", ["CKR_MECHANISM_INVALID", "CKR_KEY_FUNCTION_NOT_PERMITTED"]],
];

const PIN_MEANINGS: Readonly<Record<string, readonly [TokenReason, string]>> = {
  CKR_PIN_INCORRECT: ["pin", "the token rejected the PIN, which was tried once; check it before the next try"],
  CKR_PIN_INVALID: ["pin", "the token takes no such PIN"],
  CKR_PIN_LEN_RANGE: ["pin", "the token takes no PIN of this length"],
  CKR_PIN_EXPIRED: ["pin-locked", "the token wants another PIN first; change it with the vendor's tools"],
  CKR_PIN_LOCKED: ["pin-locked", "the token is locked after too many wrong PINs; unlock it with the vendor's tools"],
};

/** Calls `work` and turns errors of the module into errors of one line. */
export function doing<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof TokenError ? error : failureOf(codeOf(error), name);
  }
}

export function failureOf(code: string, name: string): TokenError {
  const [reason, text] = MEANINGS.find(([, , codes]) => codes.includes(code)) ?? ["other", "the token failed"];
  return new TokenError(`${name}: ${text} (${code})`, reason);
}

/** Why the token did not take a PIN. */
export function pinFailure(code: string, name: string): TokenError {
  const [reason, text] = PIN_MEANINGS[code] ?? [];
  return reason === undefined ? failureOf(code, name) : new TokenPinError(`${name}: ${text} (${code})`, reason);
}
