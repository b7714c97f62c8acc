// The numbers that firmware and hosts share. Plain enums: AssemblyScript and TypeScript both read them.

/** The states of the card, one for each screen (docs/ABI.md). */
export enum State {
  OFF = 0,
  BATT_LOW = 1,
  ERROR = 2,
  NO_KEY = 3,
  PIN = 4,
  WRONG_PIN = 5,
  CHALLENGE = 6,
  RESPONSE = 7,
  NEW_PIN = 8,
  REPEAT_PIN = 9,
  WEAK_PIN = 10,
  NO_MATCH = 11,
  PIN_SET = 12,
  LOCKED = 13,
  LOCK_CODE = 14,
  UNLOCK = 15,
  WRONG_CODE = 16,
  BLOCKED = 17,
}

/** The keys; 0 to 9 are the digits. */
export enum Key {
  OK = 10,
  PRESS = 11,
}

/** How an operation inside the firmware ended. No success is zero: a result that got lost is not one. */
export enum Outcome {
  DONE = 0xa5,
  /** Shown as ERROR 01: the crypto self-test found a wrong answer. */
  CRYPTO = 1,
  /** Shown as ERROR 02: flash cannot be read as what this firmware writes. */
  FLASH = 2,
  /** Shown as ERROR 03: the random source fails. */
  RANDOM = 3,
  /** The battery is too low for a flash operation; nothing more is written. */
  BATTERY = 4,
  /** A wrong PIN or unlock code, with tries left. */
  WRONG = 5,
  /** A wrong one, and no tries left. */
  LAST = 6,
  /** Input that the card does not take. */
  REFUSED = 7,
}
